"""Nothing is wrong here."""

from airflow.sdk import dag, task


@dag(schedule=None)
def decorated():
    @task.flyte(entity="ml.train")
    def train():
        return {"day": "d"}

    train()


decorated()
