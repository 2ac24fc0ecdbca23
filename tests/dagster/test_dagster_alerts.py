"""The alert on aborts that Dagster's reaper owes: the sensor itself against a Flyte that refuses, seen by OpenTelemetry."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.flyte import INTEGER, RawFlyte
from support.prometheus import Recording, expressions_of, rules_of

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

pytestmark = pytest.mark.full

RULES = Path(__file__).parents[2] / "deploy" / "monitoring" / "alerts.yaml"
# Time passes by what the cursor remembers: a minute more lies behind it at each tick.
REAPS = """
import json, sys
from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from prometheus_client import REGISTRY, generate_latest
metrics.set_meter_provider(MeterProvider([PrometheusMetricReader()]))
import dagster as dg
from dagster_integration._metrics import Metrics
from dagster_integration import FlyteResource, build_flyte_assets, build_flyte_reaper_sensor
home, endpoint, *entities = sys.argv[1:]
flyte = FlyteResource(endpoint=endpoint, insecure=True, project="flytesnacks", domain="development")
sensor = build_flyte_reaper_sensor(failed_after=0)
cursor = None
with dg.DagsterInstance.local_temp(home) as instance:
    for entity in entities:
        model = build_flyte_assets(entity, name="model", inputs={"n": 3}, timeout=0.2, poll_interval=0.1)
        done = dg.materialize([model], resources={"flyte": flyte}, instance=instance, raise_on_error=False)
        assert not done.success
    print("ready", flush=True)
    for _ in sys.stdin:
        for what in ("attached", "aborted", "could_not_ask"):  # of other steps
            Metrics().count(what)
        with dg.build_sensor_context(instance=instance, cursor=cursor, resources={"flyte": flyte}) as context:
            data = sensor.evaluate_tick(context)
        kept = json.loads(data.cursor)
        kept["due"] = {ref: at - 60 for ref, at in kept["due"].items()}
        cursor = json.dumps(kept)
        lines = generate_latest(REGISTRY).decode().splitlines()
        ours = [line for line in lines if line.startswith("flyte_")]
        print(json.dumps([data.skip_message, "\\n".join(ours)]), flush=True)
"""


class Story:
    """A tick a minute."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.recording = Recording()
        self.said: list[str] = []

    def minutes(self, number: int) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for _ in range(number):
            print("tick", file=self._process.stdin, flush=True)
            said, page = json.loads(self._process.stdout.readline())
            self.said.append(said)
            self.recording.minute(page)


@pytest.fixture
def names(raw: RawFlyte, name: str) -> list[str]:
    both = [name, f"{name}.other"]
    for one in both:
        raw.register(one, {"n": INTEGER}, gate="approve")
    return both


@pytest.fixture
def story(flyte_sandbox: Sandbox, names: list[str], tmp_path: Path) -> Iterator[Story]:
    command = [sys.executable, "-W", "ignore", "-c", REAPS, str(tmp_path), flyte_sandbox.endpoint, *names]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        yield Story(process)
        process.stdin.close()


def run_of(raw: RawFlyte, entity: str) -> str:
    (found,) = [item.id.name for item in raw.executions() if item.spec.launch_plan.name == entity]
    return str(found)


def test_an_abort_is_owed_and_keeps_no_other_from_being_sent(
    story: Story, raw: RawFlyte, names: list[str], flyte_sandbox: Sandbox, tmp_path: Path
) -> None:
    owed, other = (run_of(raw, one) for one in names)
    flyte_sandbox.faults.fail(
        "TerminateExecution", code="PERMISSION_DENIED", times=10_000, when=lambda request: request.id.name == owed
    )
    story.minutes(15)
    assert f"aborted flytesnacks/development/{other}" in story.said[0]
    assert f"Flyte refuses to end run flytesnacks/development/{owed}, which is tried again" in story.said[0]
    flyte_sandbox.faults.clear()
    story.minutes(1)
    assert story.said[-1].startswith(f"aborted flytesnacks/development/{owed};")
    story.minutes(60)
    fires = {60 * minute: ["FlyteBridgeAbortsOwed"] if minute in (13, 14) else [] for minute in (0, 5, 10, 13, 14)}
    quiet: dict[int, list[str]] = {60 * minute: [] for minute in range(17, 76)}
    rules = rules_of(RULES, tmp_path, "flyte-bridge-aborts")
    assert story.recording.firing(rules, tmp_path, {**fires, **quiet}) == ""
    shown = expressions_of(RULES.with_name("orchestrators.json"), contain=r"\bflyte_")
    assert story.recording.shows(shown, tmp_path) == ""
    ended = [call.request.id.name for call in flyte_sandbox.calls.of("TerminateExecution") if call.code == "OK"]
    assert sorted(ended) == sorted([owed, other])
