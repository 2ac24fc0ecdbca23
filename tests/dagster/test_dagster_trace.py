"""An asset that is told to makes its run's nodes spans under whatever the application has open; the real OpenTelemetry SDK, in
memory, and a real OTLP receiver."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

from support.flyte import DOMAIN, INTEGER, PROJECT, RawFlyte
from support.otlp import otlp_receiver

if TYPE_CHECKING:
    from pathlib import Path

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
    import dagster as dg
    from dagster_integration import FlyteResource, build_flyte_assets
    endpoint, entity, project, domain = sys.argv[1:]
    flyte = FlyteResource(endpoint=endpoint, insecure=True, project=project, domain=domain)
    with trace.get_tracer("t").start_as_current_span("the application's"):
        for switch in (False, True):
            asset = build_flyte_assets(entity, name="model", inputs={"n": 3}, trace_nodes=switch)
            assert dg.materialize([asset], resources={"flyte": flyte}).success
    told = [s for s in spans.get_finished_spans() if not s.name.startswith("flyteidl")]
    names = {s.context.span_id: s.name for s in told}
    print(json.dumps(sorted([s.name, names.get(s.parent and s.parent.span_id)] for s in told)))
    """
)


def test_nodes_are_spans_where_the_asset_is_told_to(flyte_sandbox: Sandbox, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, flyte_sandbox.endpoint, name, PROJECT, DOMAIN]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    (application, nobody), (node, its_parent), (run, parent) = sorted(
        json.loads(done.stdout.splitlines()[-1]), key=lambda item: item[0] != "the application's"
    )
    assert (application, nobody) == ("the application's", None)
    assert run.startswith("flyte run ")
    assert (node, its_parent, parent) == ("flyte node n0", run, application)


EXPORTED = textwrap.dedent(
    """
    import sys
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    provider = TracerProvider(); provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    import dagster as dg
    from dagster_integration import FlyteResource, build_flyte_assets
    endpoint, entity, project, domain = sys.argv[1:]
    flyte = FlyteResource(endpoint=endpoint, insecure=True, project=project, domain=domain)
    asset = build_flyte_assets(entity, name="model", inputs={"n": 3}, trace_nodes=True, options={"env_vars": {"A": "1"}})
    with trace.get_tracer("t").start_as_current_span("the application's"):
        assert dg.materialize([asset], resources={"flyte": flyte}).success
    provider.shutdown()
    """
)


def test_one_trace_at_a_receiver(flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path) -> None:
    raw.register(name, {"n": INTEGER})
    flyte_sandbox.calls.clear()
    command = [sys.executable, "-W", "ignore", "-c", EXPORTED, flyte_sandbox.endpoint, name, PROJECT, DOMAIN]
    with otlp_receiver(tmp_path) as receiver:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.http, "DAGSTER_HOME": str(tmp_path)}
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        spans = receiver.spans()
    assert len({span.trace for span in spans}) == 1, "calls to Flyte, too"
    (root,) = [span for span in spans if not span.parent]
    names = {span.id: span.name for span in spans}
    parents = {span.name: names.get(span.parent) for span in spans if not span.name.startswith("flyteidl")}
    (run,) = [name for name in parents if name.startswith("flyte run")]
    assert parents == {"the application's": None, run: "the application's", "flyte node n0": run}
    # The run's tasks are told where they belong, besides what the author gave them.
    (launch,) = flyte_sandbox.calls.of("CreateExecution")
    told = {item.key: item.value for item in launch.request.spec.envs.values}
    assert told.pop("TRACEPARENT").startswith(f"00-{root.trace}-{root.id}-")
    assert told == {"A": "1"}
