"""A decorated task launches what is not registered."""

from airflow.sdk import dag, task


@dag(schedule=None)
def decorated():
    @task.flyte(entity="ml.trian")
    def train():
        return {"day": "d"}

    train()  # wrong: did you mean 'ml.train'


decorated()
