"""Nothing is wrong here."""

from airflow.sdk import DAG

from airflow_provider.sensors.flyte import FlyteRunSensor

with DAG("sensor", schedule=None):
    FlyteRunSensor(task_id="wait", entity="ml.train")
