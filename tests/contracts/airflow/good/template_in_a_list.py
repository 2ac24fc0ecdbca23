"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("template_in_a_list", schedule=None):
    FlyteRunOperator(task_id="train", entity="ml.switch", inputs={"on": True, "names": ["a", "{{ ds }}"]})
