"""Tasks of flytekit that report to Dagster, in processes of the embedded Flyte: what counts, what does not, and after a kill.

No ``from __future__ import annotations`` here: Dagster reads the annotations of assets at run time.
"""

import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster_support import Home, until

from bridge_core import RegisterRequest
from bridge_core.sandbox import Sandbox
from dagster_integration import FlytePipesClient, FlyteResource

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
# Dagster's own, of nested resources
pytestmark = pytest.mark.filterwarnings("ignore:InitResourceContext.dagster_run is deprecated")


@pytest.fixture(scope="module")
def tasks(_flyte_sandbox_server: Sandbox) -> str:
    """What their names begin with."""
    flyte = FlyteResource(
        endpoint=_flyte_sandbox_server.endpoint, insecure=True, project="flytesnacks", domain="development"
    )
    with flyte.get_client() as client:
        report = client.register(RegisterRequest(str(HERE / "pipes_tasks.py"), version="pipes"))
    (name,) = [one.ref.name for one in report.entities if one.ref.name.endswith(".says_nothing")][:1]
    return name.removesuffix("says_nothing")


@pytest.fixture
def store(tmp_path: Path) -> str:
    return f"file://{tmp_path}/pipes"


def materialize(
    instance: dg.DagsterInstance, flyte: FlyteResource, store: str, entity: str, *checks: str, **run: Any
) -> dg.ExecuteInProcessResult:
    @dg.asset(check_specs=[dg.AssetCheckSpec(name, asset="told") for name in checks])
    def told(context: dg.AssetExecutionContext, pipes: FlytePipesClient) -> dg.MaterializeResult:
        done = pipes.run(context=context, entity=entity, poll_interval=0.1, **run)
        context.log.info("messages: %r", done.get_custom_messages())
        return done.get_materialize_result()

    resources = {"pipes": FlytePipesClient(flyte=flyte, store=store, log_interval=0.5)}
    return dg.materialize([told], resources=resources, instance=instance, raise_on_error=False)


def shown(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    assert result.success
    (event,) = result.get_asset_materialization_events()
    return {name: value.value for name, value in event.step_materialization_data.materialization.metadata.items()}


def said(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(entry.user_message for entry in instance.all_logs(result.run_id))


def test_the_example(
    flyte_sandbox: Sandbox,
    flyte: FlyteResource,
    instance: dg.DagsterInstance,
    store: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FLYTE_PLATFORM_URL", flyte_sandbox.endpoint)
    monkeypatch.setenv("FLYTE_PLATFORM_INSECURE", "true")
    monkeypatch.setenv("PIPES_STORE", store)
    with flyte.get_client() as client:
        client.register(RegisterRequest(str(EXAMPLES / "reporting_tasks.py"), version="pipes"))
    defs: dg.Definitions = runpy.run_path(str(EXAMPLES / "dagster_reporting_tasks.py"))["defs"]
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(instance=instance, partition_key="2026-01-05")
    assert shown(result).items() >= {"rows": 1005, "flyte/phase": "SUCCEEDED"}.items()
    (event,) = result.get_asset_materialization_events()
    assert event.step_materialization_data.materialization.tags["dagster/data_version"] == "2026-01-05/1005"
    (check,) = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed) == ("not_empty", True)
    assert "[count] counting the orders of 2026-01-05" in said(instance, result)


@pytest.mark.parametrize("dies", ["after", pytest.param("within", marks=pytest.mark.matrix)])
def test_of_a_task_that_flyte_tries_again_the_last_attempt_counts(
    *, flyte: FlyteResource, instance: dg.DagsterInstance, store: str, tasks: str, dies: str
) -> None:
    """The first closed its pipes, without an error in the one case, and was not what the run went on with."""
    result = materialize(instance, flyte, store, f"{tasks}tried_again", inputs={"dies": dies})
    found = shown(result)
    assert found["attempt"] == 1
    assert "of_0" not in found
    assert "messages: ({'attempt': 1},)" in said(instance, result)


def test_items_of_a_map_report_one_asset_together(
    flyte: FlyteResource, instance: dg.DagsterInstance, store: str, tasks: str
) -> None:
    """And a context that is too large for the environment of a pod goes through the store."""
    extras = {"what": "x" * 20_000}
    given = {"inputs": {"ns": [1, 0, 2]}, "extras": extras}
    result = materialize(instance, flyte, store, f"{tasks}mapped", "positive", **given)
    assert shown(result).items() >= {"rows[0]": 1, "rows[1]": 0, "rows[2]": 2, "unit": "rows"}.items()
    (check,) = result.get_asset_check_evaluations()
    assert check.passed is False
    assert "[item[1]] item 0 of xxxxx" in said(instance, result)


def test_a_run_that_must_report_and_does_not_fails_the_step(
    flyte: FlyteResource, instance: dg.DagsterInstance, store: str, tasks: str
) -> None:
    result = materialize(instance, flyte, store, f"{tasks}says_nothing", require_report=True)
    assert not result.success
    (failure,) = result.get_step_failure_events()
    assert "none of its tasks reported anything (require_report=True)" in str(failure.step_failure_data)
    assert result.get_asset_materialization_events() == []


def test_tasks_of_the_flyte_sdk_report_too(
    flyte_sandbox: Sandbox, instance: dg.DagsterInstance, store: str, tmp_path: Path
) -> None:
    """Two actions of one task, each tried twice: two reports of one asset, of the second attempts."""
    pytest.importorskip("flyte")
    flyte2 = FlyteResource(
        endpoint=flyte_sandbox.flyte2_endpoint,
        insecure=True,
        project="flytesnacks",
        domain="development",
        flyte_version="2",
    )
    with flyte2.get_client() as client:
        client.register(HERE / "flyte2_tasks", source_root=HERE / "flyte2_tasks")
    given = {"inputs": {"day": "2026-01-05"}, "extras": {"day": "a Monday"}}
    result = materialize(instance, flyte2, store, "task:reports2.both", **given)
    found = shown(result)
    assert (found["attempt"], sorted(found[key] for key in found if key.startswith("rows["))) == (1, [1, 2])
    assert "[both] of a Monday" in said(instance, result)


@pytest.mark.parametrize("uri", ["flyte://pipes", "/tmp/pipes"])
def test_a_place_that_cannot_be_listed_is_refused_before_the_launch(
    flyte_sandbox: Sandbox, flyte: FlyteResource, instance: dg.DagsterInstance, uri: str
) -> None:
    result = materialize(instance, flyte, uri, "pkg.any")
    (failure,) = result.get_step_failure_events()
    assert "store must be a folder that can be listed" in str(failure.step_failure_data)
    assert flyte_sandbox.calls.count("CreateExecution") == 0


def test_a_second_process_reads_what_was_told_while_the_first_was_there(
    flyte_sandbox: Sandbox, store: str, tasks: str, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    home = Home(
        tmp_path / "home",
        flyte_sandbox.endpoint,
        f"{tasks}waiting",
        TEST_STORE=store,
        TEST_GATE=str(gate),
    )
    messages = Path(store.removeprefix("file://"))
    command = [sys.executable, str(HERE / "pipes_defs.py")]
    with (tmp_path / "first.txt").open("wb") as output:
        first = subprocess.Popen(command, env=home.environment, cwd=tmp_path, stdout=output, stderr=output)
    try:
        until(lambda: list(messages.rglob("*.jsonl")), seconds=90, label="the task reports")
    finally:
        first.kill()
        first.wait()
    with home.instance() as instance:
        (run,) = instance.get_runs()
        instance.report_run_failed(run)  # what the monitor of a deployment does
    gate.touch()
    again = subprocess.run(
        [*command, run.run_id], env=home.environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert again.returncode == 0, again.stderr
    with home.instance() as instance:
        (record,) = instance.fetch_materializations(dg.AssetKey("told"), limit=10).records
    assert record.asset_materialization is not None
    metadata = record.asset_materialization.metadata
    assert metadata["run"].value == metadata["flyte/run_name"].value
    assert flyte_sandbox.calls.count("CreateExecution") == 1
