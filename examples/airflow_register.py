"""Register what a DAG needs from the DAG itself, and run it. Neither Airflow nor the image needs anything of flytekit.

Needs `pip install 'flyte-bridge[airflow]'`, a connection `flyte_default` as in airflow_run_workflow.py, and its workflows.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRegisterOperator, FlyteRunOperator
from bridge_core import LaunchPlan, ShellTask

small = LaunchPlan("reports.small", "workflows.extract", fixed={"limit": 10}, labels={"team": "reports"})
count = ShellTask(
    name="tools.count",
    image="busybox:1.36",
    script='printf "%s" "$word" | wc -c > "$outputs/letters"',
    inputs={"word": str},
    outputs={"letters": int},
)

with DAG(
    "flyte_register",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=30)},
) as dag:
    # A package, a folder of flytekit code (options={"python": …}) or values. The same again changes nothing.
    register = FlyteRegisterOperator(task_id="register", source=small)

    extract = FlyteRunOperator(
        task_id="extract",
        entity="reports.small",
        version=register.output["version"],
        inputs={"day": "{{ ds }}"},
    )

    # Or at once: registered before it is launched. Retries launch the version of the first try, whatever the code is by then;
    # clearing the task registers anew.
    letters = FlyteRunOperator(
        task_id="letters",
        entity="task:tools.count",
        register=count,
        inputs={"word": extract.output["day"]},
    )
