"""Nothing is wrong here."""

from airflow.sdk import dag

from airflow_provider.sensors.flyte import FlyteRunSensor


@dag(schedule=None)
def waits():
    FlyteRunSensor(task_id="wait", entity="ml.train", query={"created_after": "{{ data_interval_start }}"})


waits()
