"""Spans and counters with the real OpenTelemetry SDK, and nothing at all without it."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

SCRIPT = textwrap.dedent(
    """
    import json, sys
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
    spans, reader = InMemorySpanExporter(), InMemoryMetricReader()
    provider = TracerProvider(); provider.add_span_processor(SimpleSpanProcessor(spans)); trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider([reader]))
    from bridge_core import Client, Config, EntityKind, RunNotFound, RunRef
    with Client(Config.for_endpoint(sys.argv[1], insecure=True, flyte_version=1)) as flyte:
        flyte.list_entities(EntityKind.TASK, project="flytesnacks", domain="development")
        try:
            flyte.describe(RunRef("flytesnacks", "development", "nothere"))
        except RunNotFound:
            pass
    points = {m.name: sum(p.value if hasattr(p, "value") else p.count for p in m.data.data_points)
              for r in reader.get_metrics_data().resource_metrics for s in r.scope_metrics for m in s.metrics}
    print(json.dumps([[(s.name, s.kind.name, s.status.status_code.name, dict(s.attributes)) for s in spans.get_finished_spans()],
                      points]))
    """
)


def test_calls_are_spans_with_their_outcome_and_attempts(flyte_sandbox: Sandbox) -> None:
    flyte_sandbox.faults.fail("ListTaskIds", code="UNAVAILABLE")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", SCRIPT, flyte_sandbox.endpoint], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (first, second), points = json.loads(done.stdout)
    assert first[:3] == ["flyteidl.service.AdminService/ListTaskIds", "CLIENT", "UNSET"]
    assert (first[3]["rpc.grpc.status"], first[3]["flyte_bridge.attempts"]) == ("OK", 2)
    assert second[:3] == ["flyteidl.service.AdminService/GetExecution", "CLIENT", "ERROR"]
    assert (second[3]["rpc.grpc.status"], second[3]["rpc.method"]) == ("NOT_FOUND", "GetExecution")
    assert {call.metadata["x-request-id"] for call in flyte_sandbox.calls.of("ListTaskIds")} == {
        first[3]["flyte_bridge.request_id"]
    }, "both attempts carry the request id of the span"
    assert points == {"rpc.client.duration": 2, "flyte_bridge.rpc.attempts": 3}


def test_opentelemetry_is_never_imported_for_its_own_sake(flyte_sandbox: Sandbox) -> None:
    script = (
        "import sys\nfrom bridge_core import Client, Config\n"
        "with Client(Config.for_endpoint(sys.argv[1], insecure=True, flyte_version=1)) as flyte:\n    flyte.whoami()\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    done = subprocess.run([sys.executable, "-c", script, flyte_sandbox.endpoint], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
