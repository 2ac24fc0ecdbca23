"""One launch whatever happens: retries, other inputs, failures of the run, a Flyte that goes away."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from dagster_support import meanwhile, runs_of, until
from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as phases
from support.flyte import DOMAIN, INTEGER, PROJECT, RawFlyte

from bridge_core import InvalidRequest
from bridge_core.sandbox import Sandbox
from dagster_integration import FlyteResource, build_flyte_assets, flyte_assets
from dagster_integration._notes import noted_runs

if TYPE_CHECKING:
    from collections.abc import Callable


ENDED = (phases.WorkflowExecution.ABORTED, phases.WorkflowExecution.FAILED)


def materialize(asset: Any, flyte: FlyteResource, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return dg.materialize([asset], resources={"flyte": flyte}, instance=instance, raise_on_error=False)


def after_launch(raw: RawFlyte, entity: str, *actions: Callable[[str], object]) -> Callable[[], None]:
    """Does one action for each run of the entity, as they appear, with its name."""

    def body() -> None:
        done: set[str] = set()
        for action in actions:

            def new() -> Any:
                return [item.id.name for item in runs_of(raw, entity) if item.id.name not in done]

            (name,) = until(new, label=f"a new run of {entity}")
            action(name)
            done.add(name)

    return body


def abort(raw: RawFlyte) -> Callable[[str], object]:
    """Somebody aborts the run in Flyte."""

    def body(name: str) -> None:
        request = execution_pb2.ExecutionTerminateRequest(cause="somebody in Flyte")
        request.id.project, request.id.domain, request.id.name = PROJECT, DOMAIN, name
        raw.admin("TerminateExecution", request)

    return body


def lines(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]


def test_a_run_that_failed_by_its_own_fault_is_not_launched_again(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    asset = build_flyte_assets(
        name, name="model", inputs={"n": 3}, poll_interval=0.1, retry_policy=dg.RetryPolicy(max_retries=2)
    )
    with meanwhile(after_launch(raw, name, lambda run: raw.approve(run, value=False))):
        result = materialize(asset, flyte, instance)
    assert not result.success
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    (run,) = runs_of(raw, name)
    assert data.description is not None
    assert data.description.startswith(f"run flytesnacks/development/{run.id.name} FAILED")
    assert data.metadata["flyte/error_kind"] == dg.MetadataValue.text("USER")
    assert data.metadata["flyte/console"].value.endswith(run.id.name)
    assert result.asset_materializations_for_node("model") == []


def test_a_run_that_was_aborted_in_flyte_is_final_for_a_retry_policy(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    """As in Airflow: somebody meant it to end. A person's re-execution launches again."""
    raw.register(name, {"n": INTEGER}, gate="approve")
    asset = build_flyte_assets(
        name, name="model", inputs={"n": 3}, poll_interval=0.1, retry_policy=dg.RetryPolicy(max_retries=2)
    )
    with meanwhile(after_launch(raw, name, abort(raw))):
        result = materialize(asset, flyte, instance)
    assert not result.success
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    assert data.description is not None
    assert "somebody in Flyte" in data.description
    shown = {key: value.value for key, value in data.metadata.items()}
    assert shown["flyte/error_class"] == "aborted"
    assert str(shown["flyte/retry_rule"]).endswith("a RetryPolicy does not try this again")


def test_where_an_abort_is_in_retry_on_it_and_a_retry_are_two_launches(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    policy = dg.RetryPolicy(max_retries=2)
    asset = build_flyte_assets(
        name, name="model", inputs={"n": 3}, poll_interval=0.1, retry_policy=policy, retry_on=["aborted", "system"]
    )
    with meanwhile(after_launch(raw, name, abort(raw), raw.approve)):
        result = materialize(asset, flyte, instance)
    assert result.success
    second, first = runs_of(raw, name)
    assert first.id.name != second.id.name
    assert flyte_sandbox.calls.count("CreateExecution") == 2
    (materialization,) = result.asset_materializations_for_node("model")
    assert materialization.metadata["flyte/run_name"].value == second.id.name
    (warning,) = [line for line in lines(instance, result) if "ended badly" in line]
    assert "launching attempt 2: run flytesnacks/development/" + first.id.name in warning
    assert "somebody in Flyte" in warning
    assert sum(line.startswith("launched Flyte run") for line in lines(instance, result)) == 2
    noted = [one.ref.name for one in noted_runs(instance, result.run_id)]
    assert noted == [first.id.name, second.id.name]


@pytest.mark.parametrize("how", ["aborted", "failed"])
def test_an_end_that_only_the_retry_sees_is_as_final(
    *,
    flyte_sandbox: Sandbox,
    raw: RawFlyte,
    flyte: FlyteResource,
    instance: dg.DagsterInstance,
    name: str,
    how: str,
) -> None:
    """The first try dies while it waits (here: its patience ends), the run ends meanwhile, and the retry finds it."""
    raw.register(name, {"n": INTEGER}, gate="approve")
    tries: list[int] = []

    @flyte_assets(name, timeout=0.3, poll_interval=0.1, retry_policy=dg.RetryPolicy(max_retries=3))
    def model(context: dg.AssetExecutionContext) -> dict[str, int]:
        tries.append(context.retry_number)
        if context.retry_number:
            run = runs_of(raw, name)[0].id.name
            abort(raw)(run) if how == "aborted" else raw.approve(run, value=False)
            until(lambda: runs_of(raw, name)[0].closure.phase in ENDED, label="the run has ended")
        return {"n": 3}

    result = materialize(model, flyte, instance)
    assert not result.success
    assert tries == [0, 1]
    assert flyte_sandbox.calls.count("CreateExecution") == 1


def test_what_had_ended_before_a_person_asked_again_is_not_final(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, name: str, tmp_path: Path
) -> None:
    """A re-execution launches again, also where its own first try died before it could: the abort is older than the wish."""
    raw.register(name, {"n": INTEGER}, gate="approve")
    broken = [False]

    @flyte_assets(name, poll_interval=0.1, retry_policy=dg.RetryPolicy(max_retries=2))
    def model() -> dict[str, int]:
        if broken and broken.pop():
            raise RuntimeError("died before it asked")
        return {"n": 3}

    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        with meanwhile(after_launch(raw, name, abort(raw))):
            first = materialize(model, flyte, instance)
        assert not first.success
        broken.append(True)
        (aborted,) = runs_of(raw, name)
        tags = {"dagster/parent_run_id": first.run_id, "dagster/root_run_id": first.run_id}
        family = {"parent_run_id": first.run_id, "root_run_id": first.run_id}

        def approve() -> None:
            (run,) = until(
                lambda: [one for one in runs_of(raw, name) if one.id.name != aborted.id.name], label="a new run"
            )
            raw.approve(run.id.name)

        job = dg.Definitions(
            assets=[model], resources={"flyte": flyte}, executor=dg.in_process_executor
        ).resolve_implicit_global_asset_job_def()
        run = instance.create_run_for_job(job, tags=tags, **family)
        with meanwhile(approve):
            events = execute_run(InMemoryJob(job), run, instance)
        assert events.success
    assert flyte_sandbox.calls.count("CreateExecution") == 2


@pytest.mark.parametrize(
    ("mode", "calls"),
    [
        ("fresh", {"CreateExecution": 2}),
        ("relaunch", {"CreateExecution": 1, "RelaunchExecution": 1}),
        ("recover", {"CreateExecution": 1, "RecoverExecution": 1}),
    ],
)
def test_what_follows_a_run_that_ended_badly_is_chosen(
    *,
    flyte_sandbox: Sandbox,
    raw: RawFlyte,
    flyte: FlyteResource,
    instance: dg.DagsterInstance,
    name: str,
    mode: Any,
    calls: dict[str, int],
) -> None:
    """The second answer is lost, too: the step asks again under the same name, and one run was made."""
    raw.register(name, {"n": INTEGER}, gate="approve")
    numbers = iter([1, 2, 3, 4])

    @flyte_assets(
        name, poll_interval=0.1, retry_policy=dg.RetryPolicy(max_retries=1), retry_on=["aborted"], on_reexecute=mode
    )
    def model() -> dict[str, int]:
        return {"n": next(numbers)}

    def aborted(run: str) -> None:
        if mode != "fresh":
            flyte_sandbox.faults.fail(f"{mode.capitalize()}Execution", times=2, after_commit=True)
        abort(raw)(run)

    with meanwhile(after_launch(raw, name, aborted, raw.approve)):
        result = materialize(model, flyte, instance)
    assert result.success
    assert len(runs_of(raw, name)) == 2
    made = {method: flyte_sandbox.calls.count(method) for method in calls}
    assert {method: min(count, 1 if method != "CreateExecution" else count) for method, count in made.items()} == calls
    (materialization,) = result.asset_materializations_for_node("model")
    assert materialization.metadata["n"].value == (2 if mode == "fresh" else 1)


def test_an_unknown_mode_is_refused_while_loading() -> None:
    with pytest.raises(InvalidRequest, match="on_reexecute: wanted one of 'fresh', 'relaunch', 'recover', got 'again'"):
        build_flyte_assets("pkg.wf", on_reexecute="again")  # type: ignore[arg-type]


def test_a_retry_after_a_success_reads_the_outputs_again(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    asset = build_flyte_assets(name, name="model", inputs={"n": 3}, retry_policy=dg.RetryPolicy(max_retries=1))
    flyte_sandbox.faults.fail("GetExecutionData", code="INVALID_ARGUMENT")
    result = materialize(asset, flyte, instance)
    assert result.success
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert any(line.startswith("attached to Flyte run") for line in lines(instance, result))


def test_other_inputs_on_a_retry_attach_and_are_named(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    numbers = iter([1, 2])

    @flyte_assets(name, retry_policy=dg.RetryPolicy(max_retries=1))
    def model() -> dict[str, int]:
        return {"n": next(numbers)}

    flyte_sandbox.faults.fail("GetExecutionData", code="INVALID_ARGUMENT")
    result = materialize(model, flyte, instance)
    (materialization,) = result.asset_materializations_for_node("model")
    assert materialization.metadata["n"].value == 1
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert any("with other inputs (n); its own inputs stay in force" in line for line in lines(instance, result))


def test_patience_that_ends_leaves_the_run_and_a_retry_attaches(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    policy = dg.RetryPolicy(max_retries=3)
    asset = build_flyte_assets(name, name="model", inputs={"n": 3}, timeout=0.3, poll_interval=0.1, retry_policy=policy)

    def approve(run: str) -> None:
        until(lambda: flyte_sandbox.calls.count("GetExecution") > 8, label="the second try waits")
        raw.approve(run)

    with meanwhile(after_launch(raw, name, approve)):
        result = materialize(asset, flyte, instance)
    assert result.success
    assert any(line.startswith("attached to Flyte run") for line in lines(instance, result))
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


def test_a_flyte_that_restarts_is_waited_for(instance: dg.DagsterInstance, name: str, tmp_path: Path) -> None:
    sandbox = Sandbox(data_dir=tmp_path / "flyte").start()
    try:
        raw = RawFlyte(sandbox.endpoint)
        raw.register(name, {"n": INTEGER}, gate="approve")
        flyte = FlyteResource(endpoint=sandbox.endpoint, insecure=True, project=PROJECT, domain=DOMAIN, rpc_timeout=1)
        asset = build_flyte_assets(
            name, name="model", inputs={"n": 3}, poll_interval=0.1, retry_policy=dg.RetryPolicy(max_retries=1)
        )

        def restart(run: str) -> None:
            sandbox.stop(keep_data=True)
            sandbox.start()
            raw.approve(run)  # the run went on waiting at its gate

        with meanwhile(after_launch(raw, name, restart)):
            result = materialize(asset, flyte, instance)
        assert result.success
        assert len(runs_of(raw, name)) == 1
    finally:
        sandbox.stop()


def test_a_step_may_run_in_a_thread_where_no_signal_arrives(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    done: list[dg.ExecuteInProcessResult] = []
    with meanwhile(
        lambda: done.append(materialize(build_flyte_assets(name, name="model", inputs={"n": 3}), flyte, instance))
    ):
        pass
    assert done[0].success
