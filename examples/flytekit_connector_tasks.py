"""Airflow DAGs and Dagster jobs as tasks of a flytekit workflow: one small class does it.

Try it: ``flyte-bridge connector serve`` where both are configured (docs/connectors.md),
``python -m bridge_core.sandbox --connector 127.0.0.1:8000``, then ``pyflyte register examples/flytekit_connector_tasks.py``.
"""

from collections import OrderedDict
from typing import Any

from flytekit import task, workflow
from flytekit.configuration import SerializationSettings
from flytekit.core.base_task import PythonTask
from flytekit.core.interface import Interface
from flytekit.extend.backend.base_connector import AsyncConnectorExecutorMixin


class ConnectorTask(AsyncConnectorExecutorMixin, PythonTask[dict[str, Any]]):
    """A task of any connector: its type, its settings, and what it takes and gives."""

    def __init__(
        self, name: str, task_type: str, custom: dict[str, Any], inputs: dict[str, type], outputs: dict[str, type]
    ) -> None:
        interface = Interface(inputs=OrderedDict(inputs), outputs=OrderedDict(outputs))
        super().__init__(task_type=task_type, name=name, task_config=custom, interface=interface)

    def get_custom(self, settings: SerializationSettings) -> dict[str, Any]:  # noqa: ARG002, D102 - flytekit's own
        return self.task_config


load = ConnectorTask(
    "examples.load",
    "airflow_dag",
    {"dag_id": "load", "outputs": {"rows": "count"}},
    inputs={"day": str},
    outputs={"rows": int},
)
report = ConnectorTask(
    "examples.report",
    "dagster_job",
    {
        "job": "daily_report",
        "run_config": {"ops": {"report": {"config": {"day": "{{inputs.day}}", "n": "{{inputs.n}}"}}}},
    },
    inputs={"day": str, "n": int},
    outputs={"rows": int},
)


@task
def double(rows: int) -> int:
    return rows * 2


@workflow
def circle(day: str) -> int:
    return double(rows=report(day=day, n=load(day=day)))
