"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("used_whole", schedule=None):
    train = FlyteRunOperator(task_id="train", entity="ml.train", inputs={"day": "d"})
    FlyteRunOperator(task_id="report", entity="ml.report", inputs={"day": train.output["day"]})
