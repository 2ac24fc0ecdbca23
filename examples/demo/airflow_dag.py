"""The Airflow half of the demo: a workflow on Flyte 1, a task on Flyte 2 that gets its output, and a task that reads both.

``flyte-bridge demo`` sets the connections ``flyte_default`` and ``flyte2`` in the environment and runs ``airflow dags test``. The
operator is the same one: which Flyte it is, is said by the connection.
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

    grade = FlyteRunOperator(
        task_id="grade",
        flyte_conn_id="flyte2",
        entity="task:demo.grade",
        inputs={"scaled": measure.output["o1"]},
    )

    @task
    def report(first: dict, second: dict) -> None:
        runs = [
            {"flyte": number, "run": "{project}/{domain}/{name}".format(**run)}
            for number, run in ((1, first), (2, second))
        ]
        Path(os.environ["FLYTE_BRIDGE_DEMO_REPORT"]).write_text(json.dumps({"runs": runs}))

    report(measure.output["flyte_run"], grade.output["flyte_run"])


flyte_demo()
