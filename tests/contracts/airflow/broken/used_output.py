"""Another task takes an output that is not there."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("used_output", schedule=None):
    train = FlyteRunOperator(
        task_id="train", entity="ml.train", inputs={"day": "d"}
    )  # wrong: has no output 'epoch'; did you mean 'epochs'
    FlyteRunOperator(task_id="clean", entity="task:ml.clean", inputs={"n": train.output["epoch"]})
