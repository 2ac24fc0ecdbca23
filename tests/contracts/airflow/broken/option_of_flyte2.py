"""An option that Flyte 1 has not."""

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

with DAG("option_of_flyte2", schedule=None):
    FlyteRunOperator(
        task_id="train", entity="ml.train", inputs={"day": "d"}, options={"queue": "q"}
    )  # wrong: option 'queue' cannot be honoured by Flyte 1
