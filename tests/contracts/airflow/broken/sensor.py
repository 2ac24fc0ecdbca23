"""A sensor waits for runs of what is not registered."""

from airflow.sdk import DAG

from airflow_provider.sensors.flyte import FlyteRunSensor

with DAG("sensor", schedule=None):
    FlyteRunSensor(task_id="wait", entity="ml.trian")  # wrong: did you mean 'ml.train'
