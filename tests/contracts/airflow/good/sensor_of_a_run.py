"""Nothing is wrong here."""

from airflow.sdk import dag

from airflow_provider.sensors.flyte import FlyteRunSensor


@dag(schedule=None)
def waits():
    FlyteRunSensor(task_id="wait", run="{{ ti.xcom_pull('train', key='flyte_run') }}")


waits()
