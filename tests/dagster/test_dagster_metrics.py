"""What is counted, where it goes; and checkpoints of steps."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster_support import meanwhile, runs_of, until
from support.flyte import DOMAIN, INTEGER, PROJECT, RawFlyte

from dagster_integration import FlyteResource, build_flyte_assets

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

SDK = "opentelemetry.sdk.metrics"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """On disk: a thread of a test looks into it, too."""
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def counted(instance: dg.DagsterInstance, run_id: str) -> list[dict[str, Any]]:
    """Counters in the event log, one mapping for each try."""
    found = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ENGINE_EVENT):
        assert entry.dagster_event is not None
        metadata = entry.dagster_event.engine_event_data.metadata
        begin = "flyte/metrics/"
        if values := {key.removeprefix(begin): m.value for key, m in metadata.items() if key.startswith(begin)}:
            found.append(values)
    return found


def test_each_try_writes_what_it_did_into_the_event_log_where_that_is_wanted(
    flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    """One try is away from Flyte for a moment, launches, and gives up waiting; the next one attaches."""
    raw.register(name, {"n": INTEGER}, gate="approve")
    wanted = FlyteResource(
        endpoint=flyte.endpoint, insecure=True, project=PROJECT, domain=DOMAIN, metrics_in_event_log=True
    )
    policy = dg.RetryPolicy(max_retries=1)
    asset = build_flyte_assets(name, name="model", inputs={"n": 3}, timeout=3, poll_interval=0.1, retry_policy=policy)

    def approve() -> None:
        (run,) = until(lambda: runs_of(raw, name), label="the run")
        until(lambda: counted(instance, newest(instance)), label="the first try ends")
        raw.approve(run.id.name)

    flyte_sandbox.faults.fail("CreateExecution", times=4)  # a call is tried some times before it is an outage
    with meanwhile(approve):
        result = dg.materialize([asset], resources={"flyte": wanted}, instance=instance, raise_on_error=False)
    assert result.success
    first, second = counted(instance, result.run_id)
    assert first["launched"] == 1
    assert first["could_not_ask"] >= 1
    assert second == {"attached": 1}


def test_the_event_log_is_left_alone_otherwise(
    flyte: FlyteResource, instance: dg.DagsterInstance, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    asset = build_flyte_assets(name, name="model", inputs={"n": 3})
    result = dg.materialize([asset], resources={"flyte": flyte}, instance=instance)
    assert counted(instance, result.run_id) == []


def newest(instance: dg.DagsterInstance) -> str:
    runs = instance.get_runs(limit=1)
    return runs[0].run_id if runs else ""


METERED = """
import sys
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

reader = InMemoryMetricReader()
metrics.set_meter_provider(MeterProvider([reader]))
import dagster as dg
from dagster_integration import FlyteResource, build_flyte_assets, build_flyte_reaper_sensor

flyte = FlyteResource(endpoint=sys.argv[1], insecure=True, project="flytesnacks", domain="development")
asset = build_flyte_assets(sys.argv[2], name="model", inputs={"n": 3})
with dg.DagsterInstance.ephemeral() as instance:
    assert dg.materialize([asset], resources={"flyte": flyte}, instance=instance).success
    with dg.build_sensor_context(instance=instance, resources={"flyte": flyte}) as context:
        build_flyte_reaper_sensor().evaluate_tick(context)
for resource in reader.get_metrics_data().resource_metrics:
    for scope in resource.scope_metrics:
        for metric in scope.metrics:
            if metric.name.startswith("flyte."):
                print(metric.name, metric.data.data_points[0].value)
"""


def test_counters_go_to_opentelemetry_where_the_process_uses_it(
    flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path
) -> None:
    pytest.importorskip(SDK)
    raw.register(name, {"n": INTEGER})
    (tmp_path / "metered.py").write_text(METERED)
    done = subprocess.run(
        [sys.executable, "metered.py", flyte_sandbox.endpoint, name],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = ["flyte.abort_overdue 0.0", "flyte.launched 1", "flyte.owed 0", "flyte.waiting 0"]
    assert sorted(done.stdout.splitlines()) == told


def test_a_step_finds_what_its_earlier_try_saved_and_no_other_step_does(
    flyte: FlyteResource, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    found: dict[str, list[Any]] = {}
    folder = f"file://{tmp_path}"
    days = dg.StaticPartitionsDefinition(["a", "b"])

    def work(context) -> None:  # type: ignore[no-untyped-def]
        saved = context.resources.flyte.checkpoint(context, folder)
        before = saved.read()
        found.setdefault(context.partition_key, []).append(before)
        saved.write(context.partition_key.encode())
        if before is None:
            raise RuntimeError("the worker dies")

    asset = dg.asset(
        name="work", partitions_def=days, required_resource_keys={"flyte"}, retry_policy=dg.RetryPolicy(max_retries=1)
    )(work)
    for partition in ("a", "b", "a"):
        assert dg.materialize([asset], resources={"flyte": flyte}, instance=instance, partition_key=partition).success
    assert found == {"a": [None, b"a", None, b"a"], "b": [None, b"b"]}


def test_a_checkpoint_needs_a_folder(flyte: FlyteResource, instance: dg.DagsterInstance) -> None:
    def work(context) -> None:  # type: ignore[no-untyped-def]
        context.resources.flyte.checkpoint(context)

    asset = dg.asset(name="work", required_resource_keys={"flyte"})(work)
    result = dg.materialize([asset], resources={"flyte": flyte}, instance=instance, raise_on_error=False)
    (failure,) = result.get_step_failure_events()
    assert "checkpoint: name a folder of a store" in str(failure.step_failure_data)
