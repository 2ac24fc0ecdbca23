"""One thing is wrong here."""

from airflow.sdk import dag

from airflow_provider.sensors.flyte import FlyteRunSensor


@dag(schedule=None)
def waits():
    FlyteRunSensor(task_id="wait", if_failed="wait")  # wrong: which run?


waits()
