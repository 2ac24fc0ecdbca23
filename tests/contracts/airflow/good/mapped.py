"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("mapped", schedule=None):
    FlyteRunOperator.partial(task_id="train", entity="ml.train").expand(inputs=[{"day": "a"}, {"day": "b"}])
