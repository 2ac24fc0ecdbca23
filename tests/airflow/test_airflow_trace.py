"""A running Airflow with its own tracing on, at a real OTLP receiver: tasks, their runs and the nodes of these are one trace.

With an Airflow of its own: what exports spans exports those of everything. Operators without a running Airflow:
`test_airflow_pieces.py`.
"""

from __future__ import annotations

import textwrap

import pytest
from airflow_home import LINE, AirflowHome
from airflow_stack import AirflowStack
from support.otlp import otlp_receiver
from support.ports import free_ports

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.skipif(LINE < (3, 2), reason="its workers open no span of their own: docs/versions.md"),
]

DAG = textwrap.dedent(
    """
    from airflow.sdk import dag
    from airflow_provider.operators.flyte import FlyteRunOperator

    for name, deferrable in (("traced_here", False), ("traced_deferred", True)):

        @dag(dag_id=name, schedule=None)
        def traced():
            FlyteRunOperator(
                task_id="run",
                entity="tests.quick",
                inputs={"n": 1, "at": name},
                deferrable=deferrable,
                trace_nodes=True,
                options={"env_vars": {"A": "1"}},
            )

        traced()
    """
)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory):
    with otlp_receiver(tmp_path_factory.mktemp("otlp")) as running:
        yield running


@pytest.fixture(scope="module")
def traced(sandbox, receiver, tmp_path_factory):
    root = tmp_path_factory.mktemp("traced")
    (root / "dags").mkdir()
    (root / "dags" / "traced.py").write_text(DAG)
    port, worker, trigger = free_ports(3)
    settings = {
        "AIRFLOW__TRACES__OTEL_ON": True,
        "AIRFLOW__FLYTE__SYNC_GRACE": 0,
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.grpc,
        "OTEL_SERVICE_NAME": "airflow",
    }
    ports = {"worker": worker, "trigger": trigger}
    home = AirflowHome(root, sandbox, dags=root / "dags", port=port, ports=ports, settings=settings)
    home.migrate()
    with AirflowStack(home, dags={"traced_here", "traced_deferred"}) as stack:
        yield stack


@pytest.mark.parametrize("dag_id", ["traced_here", "traced_deferred"])
def test_the_runs_nodes_belong_to_the_task(traced, receiver, sandbox, dag_id):
    traced.trigger(dag_id, "r1", 1)
    traced.wait(dag_id, "r1", "success")
    run = traced.xcom(dag_id, "r1", "flyte_run")["name"]
    name = f"flyte run {run}"
    spans = receiver.until(
        lambda found: {name, "worker.run"} <= {span.name for span in found if _dag(span, dag_id, found)}
    )
    (whole,) = [span for span in spans if span.name == name]
    by_id = {span.id: span for span in spans if span.trace == whole.trace}
    task = by_id[whole.parent]
    assert (task.name, task.attributes["airflow.dag_id"]) == ("worker.run", dag_id)
    nodes = [span for span in by_id.values() if span.name.startswith("flyte node")]
    assert [(span.name, span.parent) for span in nodes] == [("flyte node n0", whole.id)]
    (launch,) = [call.request for call in sandbox.calls.of("CreateExecution") if call.request.name == run]
    told = {item.key: item.value for item in launch.spec.envs.values}
    assert told["A"] == "1"
    _, trace_id, parent, _ = told["TRACEPARENT"].split("-")
    assert trace_id == whole.trace
    assert by_id[parent].name == "worker.run", "of the leg that launched it"


def _dag(span, dag_id, found):
    """Whether the span is in a trace of this DAG."""
    traces = {item.trace for item in found if item.attributes.get("airflow.dag_id") == dag_id}
    return span.trace in traces
