"""What stands on the verbs, once on Flyte 2: the command line, Dagster, the scheduler."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from support.forks import Forks

from bridge_core import Client, Config, Cron, EntityRef, RunPhase, RunQuery, Trigger, TriggerTime
from dagster_integration import FlyteResource, build_flyte_assets, flyte_run_op

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("FLYTE", "DAGSTER", "UCTL")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


@pytest.fixture(params=["grpc", "connect"])
def there(request: pytest.FixtureRequest, flyte_sandbox: Sandbox) -> Config:
    config: Config = flyte_sandbox.config(flyte_version=2, transport=request.param)
    return config


@pytest.fixture
def verbs(there: Config) -> Iterator[Client]:
    with Client(there) as client:
        yield client


@pytest.fixture
def task(flyte_sandbox: Sandbox, name: str) -> str:
    flyte_sandbox.stub(f"pkg.{name}", inputs={"n": int, "word": str}, outputs={"rows": 7, "word": "done"})
    return f"pkg.{name}"


# -- the command line


@pytest.fixture
def shell(tmp_path: Path, flyte_sandbox: Sandbox, forks: Forks) -> Any:
    """It is told the endpoint, and finds out which Flyte is there."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FLYTE")} | {
        "HOME": str(tmp_path),
        "FLYTE_PLATFORM_URL": flyte_sandbox.flyte2_endpoint,
        "FLYTE_PLATFORM_INSECURE": "true",
        "FLYTE_LOCAL_PROJECT": "flytesnacks",
        "FLYTE_LOCAL_DOMAIN": "development",
    }

    def run(*arguments: str, code: int = 0) -> str:
        done = forks.module("bridge_core.cli", *arguments, cwd=tmp_path, env=environment, alone=True, timeout=90)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    return run


def test_the_command_line(shell: Any, task: str, name: str) -> None:
    told = shell("launch", f"task:{task}", "-i", "n=3", "-i", "word=a", "--name", name, "--wait", "--env", "A=1")
    assert f"launched flytesnacks/development/{name}" in told
    assert "rows = 7" in told
    assert json.loads(shell("outputs", name, "--output", "json")) == {"rows": 7, "word": "done"}
    assert json.loads(shell("get", name, "--output", "json"))["phase"] == "SUCCEEDED"
    assert "SUCCEEDED" in shell("nodes", name)
    assert name in shell("list", "runs")
    assert task in shell("list", "tasks", "--limit", "1000")
    assert "flytesnacks" in shell("projects")
    again = shell("relaunch", name, "--name", f"{name}r")
    assert f"{name}r" in again
    shell("abort", f"{name}r")
    checked = shell("config", "check")
    assert "Flyte 2 over gRPC" in checked
    assert "flytesnacks/development exists" in checked
    assert "archive" in shell("archive", name, code=2)


# -- Dagster


@pytest.fixture
def resource(there: Config, flyte_sandbox: Sandbox) -> FlyteResource:
    return FlyteResource(
        endpoint=flyte_sandbox.flyte2_endpoint,
        insecure=True,
        project="flytesnacks",
        domain="development",
        flyte_version="2",
        transport=there.transport,
        console_endpoint=flyte_sandbox.console_url,
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_a_dagster_asset(
    verbs: Client, resource: FlyteResource, instance: dg.DagsterInstance, task: str, name: str
) -> None:
    asset = build_flyte_assets(f"task:{task}", name="model", inputs={"n": 3, "word": "a"})
    result = dg.materialize([asset], resources={"flyte": resource}, instance=instance, raise_on_error=False)
    assert result.success
    (materialization,) = result.asset_materializations_for_node("model")
    metadata = {key: value.value for key, value in materialization.metadata.items()}
    assert metadata["flyte/phase"] == "SUCCEEDED"
    assert (metadata["rows"], metadata["word"]) == (7, "done")
    run = verbs.describe(metadata["flyte/execution"])
    assert run.provenance is not None
    assert run.provenance.source == "dagster"
    found = list(verbs.list_runs(query=RunQuery(entity=task)))
    assert [item.ref for item in found] == [run.ref]


def test_a_dagster_step_fails_as_its_run_did(
    flyte_sandbox: Sandbox, resource: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    flyte_sandbox.stub(f"bad.{name}", inputs={"n": int}, outputs={"rows": 1}, fail_times=9, message="boom!")

    @dg.job(resource_defs={"flyte": resource})
    def job() -> None:
        flyte_run_op(f"task:bad.{name}", name="train", inputs={"n": 1})()

    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert not result.success
    (event,) = result.get_step_failure_events()
    assert "boom!" in str(event.step_failure_data)


# -- the scheduler


def test_the_scheduler_launches_a_tick_once(verbs: Client, flyte_sandbox: Sandbox, name: str) -> None:
    flyte_sandbox.stub(f"tick.{name}", inputs={"at": dt.datetime, "n": int}, outputs={"rows": 1})
    trigger = Trigger(
        name, entity=EntityRef.task(f"tick.{name}"), automation=Cron("* * * * *"), inputs={"at": TriggerTime, "n": 3}
    )
    tick = dt.datetime(2026, 11, 28, 12, 11, tzinfo=dt.UTC)
    launched = [verbs.launch_or_attach(trigger.request(tick)) for _ in range(2)]
    assert [item.created for item in launched] == [True, False]
    snapshot = verbs.wait(launched[0].ref, timeout=30)
    assert snapshot.phase is RunPhase.SUCCEEDED
    assert verbs.inputs(snapshot.ref) == {"at": tick, "n": 3}


def test_the_server_keeps_triggers(verbs: Client, flyte_sandbox: Sandbox, name: str) -> None:
    flyte_sandbox.stub(f"kept.{name}", inputs={"at": dt.datetime}, outputs={})
    trigger = Trigger(
        name, entity=EntityRef.task(f"kept.{name}"), automation=Cron("0 3 1 1 *"), inputs={"at": TriggerTime}
    )
    assert verbs.deploy_trigger(trigger).created
    assert not verbs.deploy_trigger(trigger).created
    ref = EntityRef.launch_plan(name)
    assert name in {item.name for item in verbs.list_triggers()}
    assert not verbs.deactivate(ref).active
    assert verbs.activate(ref).active
    verbs.delete_trigger(ref)
    assert name not in {item.name for item in verbs.list_triggers()}
