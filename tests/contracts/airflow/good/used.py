"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("used", schedule=None):
    train = FlyteRunOperator(task_id="train", entity="ml.train", inputs={"day": "d"})
    FlyteRunOperator(task_id="clean", entity="task:ml.clean", inputs={"n": train.output["epochs"]})
