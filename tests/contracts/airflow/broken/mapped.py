"""One of the items that a task is mapped over has an input too many."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("mapped", schedule=None):
    FlyteRunOperator.partial(task_id="train", entity="ml.train").expand(
        inputs=[{"day": "a"}, {"day": "b", "x": 1}]
    )  # wrong: x
