"""A DAG run and a Dagster run side by side, for the test of the whole circle: both wait for a file when ``n`` is 0."""

from flytekit import task, workflow
from flytekit_connector_tasks import ConnectorTask

connected = ConnectorTask(
    "circle.connected",
    "airflow_dag",
    {"dag_id": "connected", "outputs": {"rows": "count"}},
    inputs={"day": str, "n": int},
    outputs={"rows": int},
)
reported = ConnectorTask(
    "circle.reported",
    "dagster_job",
    {
        "job": "report_job",
        "run_config": {"ops": {"report": {"config": {"day": "{{inputs.day}}", "n": "{{inputs.n}}"}}}},
    },
    inputs={"day": str, "n": int},
    outputs={"rows": int},
)


@task
def added(one: int, other: int) -> int:
    return one + other + 1


@workflow
def both(day: str, n: int) -> int:
    return added(one=connected(day=day, n=n), other=reported(day=day, n=n))
