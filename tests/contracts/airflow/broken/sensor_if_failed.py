"""One thing is wrong here."""

from airflow.sdk import dag

from airflow_provider.sensors.flyte import FlyteRunSensor


@dag(schedule=None)
def waits():
    FlyteRunSensor(task_id="wait", entity="ml.train", if_failed="ignore")  # wrong: if_failed must be one of


waits()
