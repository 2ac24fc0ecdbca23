"""A file that Airflow cannot load either."""

from airflow.sdk import DAG

with DAG("does_not_load", schedule=None) as dag:
    dag.no_such_thing()  # wrong: cannot be loaded: AttributeError
