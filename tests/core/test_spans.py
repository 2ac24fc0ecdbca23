"""The nodes of a run under the caller's span, with the real OpenTelemetry SDK; nothing is asked without it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import pytest
from sandbox.protos import Wire, add_node, new_workflow, shell_task, unique, workflow_id

from bridge_core import Client, InvalidRequest, RunRef
from bridge_core.sandbox import Sandbox

SCRIPT = textwrap.dedent(
    """
    import json, sys
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    spans = InMemorySpanExporter()
    provider = TracerProvider(); provider.add_span_processor(SimpleSpanProcessor(spans)); trace.set_tracer_provider(provider)
    from bridge_core import Client, Config
    with Client(Config.for_endpoint(sys.argv[1], insecure=True, flyte_version=1)) as flyte:
        with trace.get_tracer("t").start_as_current_span("task of the orchestrator"):
            made = flyte.trace_nodes(sys.argv[2])
    told = [s for s in spans.get_finished_spans() if not s.name.startswith("flyteidl")]
    names = {s.context.span_id: s.name for s in told}
    print(json.dumps([made, {s.name: [names.get(s.parent and s.parent.span_id), s.status.status_code.name, s.status.description,
                      s.end_time - s.start_time, dict(s.attributes)] for s in told}]))
    """
)


@pytest.fixture(scope="module")
def failed() -> Iterator[tuple[Sandbox, RunRef]]:
    """A run whose sub-workflow failed at its second node."""
    with Sandbox() as sandbox:
        wire = Wire(sandbox.endpoint)
        good, bad = shell_task(unique("good"), "sleep 0.2"), shell_task(unique("bad"), "exit 3")
        inner, template = new_workflow(unique("inner")), new_workflow(unique("outer"))
        add_node(inner, "first", good)
        add_node(inner, "second", bad, after=["first"])
        add_node(template, "n0", workflow_id(inner.id.name))
        run = wire.run(wire.register(template, inner, tasks=[good, bad])).id
        wire.close()
        yield sandbox, RunRef(run.project, run.domain, run.name)


def test_nodes_are_spans_under_the_callers(failed: tuple[Sandbox, RunRef]) -> None:
    sandbox, ref = failed
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, sandbox.endpoint, str(ref)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    made, spans = json.loads(done.stdout)
    assert made == 3
    run = f"flyte run {ref.name}"
    assert {name: told[:3] for name, told in spans.items()} == {
        "task of the orchestrator": [None, "UNSET", None],
        run: ["task of the orchestrator", "ERROR", "Interrupted"],
        "flyte node n0": [run, "ERROR", "Interrupted"],
        "flyte node first": ["flyte node n0", "UNSET", None],
        "flyte node second": ["flyte node n0", "ERROR", "Interrupted"],
    }
    assert spans["flyte node first"][3] >= 0.2e9
    assert spans["flyte node second"][4]["flyte.phase"] == "FAILED"
    assert spans[run][4]["flyte.run"] == str(ref)


def test_nothing_is_asked_when_nobody_would_see_it(failed: tuple[Sandbox, RunRef]) -> None:
    sandbox, ref = failed
    with Client(sandbox.config()) as client:
        snapshot = client.describe(ref)
        sandbox.calls.clear()
        assert client.trace_nodes(snapshot) == 0
        assert sandbox.calls.count() == 0


def test_a_run_that_goes_on_has_no_spans_yet(failed: tuple[Sandbox, RunRef]) -> None:
    sandbox, _ = failed
    sandbox.stub("pkg.long", inputs={}, outputs={}, duration=60)
    with Client(sandbox.config()) as client:
        ref = client.launch("pkg.long")
        with pytest.raises(InvalidRequest, match="spans are made of runs that ended"):
            client.trace_nodes(ref)
        client.abort(ref)
