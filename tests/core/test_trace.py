"""One trace through both systems, at a real OTLP receiver: the caller's span, its run, its nodes, and what a task reports."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest
from support.otlp import Receiver, otlp_receiver

from bridge_core import Client, ContainerTask, RunOptions, trace_variables
from bridge_core.sandbox import Sandbox

ORCHESTRATOR = textwrap.dedent(
    """
    import sys
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    if sys.argv[3] == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    provider = TracerProvider(); provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    from bridge_core import Client, Config, LaunchRequest, RunOptions, trace_variables
    with Client(Config.for_endpoint(sys.argv[1], insecure=True, project="flytesnacks", domain="development")) as flyte:
        with trace.get_tracer("t").start_as_current_span("task of the orchestrator"):
            ref = flyte.launch(LaunchRequest(sys.argv[2], options=RunOptions(env_vars=trace_variables())))
            flyte.wait(ref, timeout=100)
            print(ref, flyte.trace_nodes(ref))
    provider.shutdown()
    """
)

IN_THE_TASK = textwrap.dedent(
    """
    import os
    from opentelemetry import propagate, trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    provider = TracerProvider(); provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    context = propagate.extract({"traceparent": os.environ["TRACEPARENT"]})
    provider.get_tracer("t").start_span("work inside the task", context=context).end()
    """
)


@pytest.fixture(scope="module")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with otlp_receiver(tmp_path_factory.mktemp("otlp")) as running:
        yield running


@pytest.fixture(scope="module")
def flyte(receiver: Receiver) -> Iterator[Sandbox]:
    """With a task that continues the trace, and one that fails."""
    with Sandbox(images={"python:*": []}) as running, Client(running.config()) as client:
        code = (sys.executable, "-W", "ignore", "-c")
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.http}
        good = ContainerTask(name="traced.good", image="python:3", command=(*code, IN_THE_TASK), env=env)
        bad = ContainerTask(name="traced.bad", image="python:3", command=(*code, "raise SystemExit(3)"))
        client.register([good, bad], version="v1")
        with Client(running.config(flyte_version=2)) as second:
            second.register([good], version="v1")
        running.stub("traced.fails", outputs={}, fail_times=99)  # what exits badly begins again for ever there
        yield running


def traced(endpoint: object, receiver: Receiver, protocol: str, task: str) -> dict[str, tuple[str | None, str | None]]:
    """Name of each span but those of calls -> name of its parent, and its error; all in one trace, within its run's time."""
    before = len(receiver.spans())
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ORCHESTRATOR, str(endpoint), f"task:{task}", protocol],
        env={"OTEL_EXPORTER_OTLP_ENDPOINT": getattr(receiver, protocol)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    run = done.stdout.split()[0]
    short = {f"flyte run {run.rpartition('/')[2]}": "run"}
    spans = [span for span in receiver.spans()[before:] if not span.name.startswith("flyteidl")]
    assert len({span.trace for span in spans}) == 1
    (whole,) = [span for span in spans if span.name in short]
    assert whole.attributes["flyte.run"] == run
    nodes = [span for span in spans if span.name.startswith("flyte node")]
    assert all(whole.start <= span.start <= span.end <= whole.end for span in nodes)
    names = {span.id: short.get(span.name, span.name) for span in spans}
    return {names[span.id]: (names.get(span.parent), span.error) for span in spans}


@pytest.mark.parametrize("protocol", ["grpc", "http"])
def test_one_trace(flyte: Sandbox, receiver: Receiver, protocol: str) -> None:
    found = traced(flyte.endpoint, receiver, protocol, "traced.good")
    assert found == {
        "task of the orchestrator": (None, None),
        "work inside the task": ("task of the orchestrator", None),
        "run": ("task of the orchestrator", None),
        "flyte node tracedgood": ("run", None),
    }
    failed = traced(flyte.endpoint, receiver, protocol, "traced.bad")
    assert failed["task of the orchestrator"] == (None, None)
    assert failed["flyte node tracedbad"] == ("run", failed["run"][1])
    assert failed["run"][1]


def test_one_trace_of_flyte_2(flyte: Sandbox, receiver: Receiver) -> None:
    """Its actions are the nodes; it keeps their begin in whole seconds, which may be before their run's."""
    for task, error in (("traced.good", False), ("traced.fails", True)):
        found = traced(flyte.flyte2_endpoint, receiver, "http", task)
        (node,) = [name for name in found if name.startswith("flyte node")]
        assert (found["run"][0], found[node][0]) == ("task of the orchestrator", "run")
        assert (bool(found["run"][1]), bool(found[node][1])) == (error, error)
        assert error or found["work inside the task"] == ("task of the orchestrator", None)


def test_variables_of_no_trace() -> None:
    """Nobody uses OpenTelemetry in a fresh process; and what the caller says stays."""
    code = "import sys, bridge_core; print(bridge_core.trace_variables(), 'opentelemetry' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "{} False"
    assert trace_variables() == {}
    assert RunOptions(env_vars={"A": "1"}).with_variables({"A": "2", "B": "3"}).env_vars == {"A": "1", "B": "3"}
