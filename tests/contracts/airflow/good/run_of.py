"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("run_of", schedule=None):
    train = FlyteRunOperator(task_id="train", entity="ml.train", inputs={"day": "d"})
    FlyteRunOperator(task_id="report", entity="ml.report", inputs={"day": train.output["flyte_console_url"]})
