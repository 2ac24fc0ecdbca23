"""A full circle: a DAG runs a Flyte workflow whose tasks are another DAG and a Dagster job, and gets what comes of it as an XCom.

Needs `pip install 'flyte-bridge[airflow]'` and a connection `flyte_default` of type Flyte. To try it on one machine, with this
file among the DAGs of an Airflow on port 8080:

    dagster dev -f examples/dagster_daily_report.py &
    FLYTE_BRIDGE_AIRFLOW_URL=http://127.0.0.1:8080 FLYTE_BRIDGE_DAGSTER_URL=http://127.0.0.1:3000 \
      AIRFLOW_USERNAME=admin AIRFLOW_PASSWORD=admin flyte-bridge connector serve &
    python -m bridge_core.sandbox --connector 127.0.0.1:8000 &    # prints a line: export FLYTECTL_CONFIG=…
    flyte-bridge register examples/flytekit_connector_tasks.py
    airflow dags trigger circle --conf '{"day": "2026-11-28"}'
"""

from __future__ import annotations

from airflow.sdk import DAG, get_current_context, task

from airflow_provider.operators.flyte import FlyteRunOperator

# What Flyte runs here, through its connector: inputs are the run's conf, an output is an XCom.
with DAG("load", schedule=None):

    @task
    def count() -> int:
        return len(get_current_context()["dag_run"].conf["day"])

    count()

with DAG("circle", schedule=None):
    around = FlyteRunOperator(
        task_id="around",
        entity="workflow:flytekit_connector_tasks.circle",
        inputs={"day": "{{ dag_run.conf['day'] }}"},
        deferrable=True,
    )

    @task
    def back(outputs: dict) -> int:
        """What the Dagster job reported, doubled in Flyte."""
        return outputs["o0"]

    back(around.output)
