"""The Airflow half of the demo: one task runs the Flyte workflow, the next one reads its outputs from XCom.

``flyte-bridge demo`` sets the connection ``flyte_default`` through AIRFLOW_CONN_FLYTE_DEFAULT and runs ``airflow dags test``.
"""

import json
import os
from pathlib import Path

from airflow.sdk import dag, task

from airflow_provider.operators.flyte import FlyteRunOperator

HERE = Path(__file__).parent


@dag(schedule=None)
def flyte_demo():
    measure = FlyteRunOperator(
        task_id="measure",
        entity="launch_plan:workflow.measure",
        inputs={
            "numbers": [1, 2, 3],
            "settings": {"factor": 1.5, "labels": ["scaled"]},  # a dataclass on the Flyte side
            "notes": str(HERE / "data" / "notes.txt"),  # a local file: uploaded through Flyte's signed URLs
            "baseline": str(HERE / "data" / "baseline.parquet"),  # a data frame on the Flyte side
        },
    )

    @task
    def report(outputs: dict, run: dict, url: str) -> None:
        found = {"flyte/execution": f"{run['project']}/{run['domain']}/{run['name']}", "url": url, "outputs": outputs}
        Path(os.environ["FLYTE_BRIDGE_DEMO_REPORT"]).write_text(json.dumps(found, default=str))

    run = measure.output["flyte_run"]
    report(measure.output, run, measure.output["flyte_console_url"])


flyte_demo()
