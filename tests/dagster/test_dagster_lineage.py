"""Which Dagster runs are tries of one launch: real runs and re-executions in a real, persistent instance.

No ``from __future__ import annotations``: Dagster reads the annotations of ops.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.execution.plan.objects import StepSuccessData

from bridge_core import EntityRef
from dagster_integration._lineage import Lineage, scope_of

ENTITY = EntityRef.launch_plan("pkg.wf", project="ml", domain="production")


@dg.op
def before(context: dg.OpExecutionContext) -> int:
    if context.run.tags["outcome"] == "unreached":
        raise dg.Failure("worker died before train")
    return 1


@dg.op
def train(context: dg.OpExecutionContext, n: int) -> int:
    if context.run.tags["outcome"] == "fails":
        raise dg.Failure("train failed")
    return n


@dg.job(executor_def=dg.in_process_executor)
def pipeline() -> None:
    train(before())


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def execute(
    instance: dg.DagsterInstance, outcome: str, parent: dg.DagsterRun | None = None, steps: tuple[str, ...] = ()
) -> dg.DagsterRun:
    options = dg.ReexecutionOptions(parent.run_id, step_selection=steps) if parent else None
    with dg.execute_job(
        dg.reconstructable(pipeline), instance, tags={"outcome": outcome}, reexecution_options=options
    ) as result:
        found = instance.get_run_by_id(result.run_id)
    assert found is not None
    assert found.is_success is (outcome == "succeeds")
    return found


def test_a_first_run_is_its_own_scope(instance: dg.DagsterInstance) -> None:
    run = execute(instance, "fails")
    assert scope_of(instance, run, "train") == run.run_id


def test_reexecutions_of_a_failed_step_share_the_first_runs_scope(instance: dg.DagsterInstance) -> None:
    first = execute(instance, "fails")
    second = execute(instance, "fails", first, ("train",))
    third = execute(instance, "succeeds", second, ("train",))
    assert [scope_of(instance, run, "train") for run in (second, third)] == [first.run_id] * 2


def test_after_a_success_a_reexecution_is_new_work(instance: dg.DagsterInstance) -> None:
    first = execute(instance, "succeeds")
    second = execute(instance, "fails", first)
    third = execute(instance, "succeeds", second)
    assert scope_of(instance, second, "train") == second.run_id
    assert scope_of(instance, third, "train") == second.run_id  # the success of the first run ends the walk
    assert scope_of(instance, second, "before") == second.run_id


def test_a_retry_that_never_reached_the_step_hides_nothing(instance: dg.DagsterInstance) -> None:
    first = execute(instance, "fails")
    second = execute(instance, "unreached", first)
    third = execute(instance, "succeeds", second)
    assert scope_of(instance, third, "train") == first.run_id


def test_a_step_that_no_ancestor_reached_is_its_own_scope(instance: dg.DagsterInstance) -> None:
    first = execute(instance, "unreached")
    second = execute(instance, "succeeds", first)
    assert scope_of(instance, second, "train") == second.run_id


def test_a_deleted_parent_ends_the_walk(instance: dg.DagsterInstance) -> None:
    first = execute(instance, "fails")
    second = execute(instance, "succeeds", first)
    instance.delete_run(first.run_id)
    assert scope_of(instance, second, "train") == second.run_id


@dg.op(config_schema={"n": dg.Field(int, default_value=1)})
def sized(context: dg.OpExecutionContext) -> None:
    raise dg.Failure("it fails")


@dg.job(executor_def=dg.in_process_executor)
def sized_pipeline() -> None:
    sized()


def execute_sized(
    instance: dg.DagsterInstance, config: dict[str, object], parent: dg.DagsterRun | None = None
) -> dg.DagsterRun:
    options = dg.ReexecutionOptions(parent.run_id) if parent else None
    job = dg.reconstructable(sized_pipeline)
    with dg.execute_job(job, instance, run_config=config, reexecution_options=options) as result:
        found = instance.get_run_by_id(result.run_id)
    assert found is not None
    return found


def size(n: int) -> dict[str, object]:
    return {"ops": {"sized": {"config": {"n": n}}}}


def test_an_edited_configuration_begins_new_work_which_its_own_retries_share(instance: dg.DagsterInstance) -> None:
    first = execute_sized(instance, size(1))
    edited = execute_sized(instance, size(2), first)
    again = execute_sized(instance, {**size(2), "loggers": {"console": {}}}, edited)
    assert scope_of(instance, edited, "sized") == edited.run_id
    assert scope_of(instance, again, "sized") == edited.run_id, "how it is logged decides nothing"


@pytest.mark.parametrize(("automatic", "shared"), [(True, True), (False, False)])
def test_a_success_after_the_run_failed_is_the_retrys_own_work(
    instance: dg.DagsterInstance, *, automatic: bool, shared: bool
) -> None:
    """The worker died, the step outlived it and succeeded, and then the retry was made: by Dagster, or by a person who may want
    everything anew."""
    first = instance.create_run_for_job(pipeline, status=dg.DagsterRunStatus.STARTED)
    report(instance, first, dg.DagsterEventType.RUN_FAILURE)
    report(instance, first, dg.DagsterEventType.STEP_START, "train")
    report(instance, first, dg.DagsterEventType.STEP_SUCCESS, "train")
    tags = {"dagster/retry_number": "1"} if automatic else {}
    again = instance.create_run_for_job(pipeline, parent_run_id=first.run_id, root_run_id=first.run_id, tags=tags)
    assert (scope_of(instance, again, "train") == first.run_id) is shared


def test_a_success_after_the_reexecution_was_made_is_its_own_work(instance: dg.DagsterInstance) -> None:
    first = instance.create_run_for_job(pipeline, status=dg.DagsterRunStatus.STARTED)
    report(instance, first, dg.DagsterEventType.STEP_START, "train")
    again = instance.create_run_for_job(pipeline, parent_run_id=first.run_id, root_run_id=first.run_id)
    report(instance, first, dg.DagsterEventType.STEP_SUCCESS, "train")
    assert scope_of(instance, again, "train") == first.run_id


def report(
    instance: dg.DagsterInstance, run: dg.DagsterRun, kind: dg.DagsterEventType, step: str | None = None
) -> None:
    data = StepSuccessData(1.0) if kind is dg.DagsterEventType.STEP_SUCCESS else None
    event = dg.DagsterEvent(kind.value, job_name=run.job_name, step_key=step, event_specific_data=data)
    instance.report_dagster_event(event, run.run_id)


def test_names_are_stable_legal_and_differ_by_every_part() -> None:
    def name(
        scope: str = "run", step: str = "train", partition: str = "", entity: EntityRef = ENTITY, n: int = 0
    ) -> str:
        return Lineage(scope=scope, step_key=step, partition=partition).run_name(entity, n)

    others = {
        name("run2"),
        name(step="train[a]"),
        name(partition="2026-01-01"),
        name(entity=ENTITY.pinned("v1")),
        name(n=1),
    }
    assert name() == name()
    assert len({name(), *others}) == 6
    assert all(one.startswith("d") and one.isalnum() and one.islower() and len(one) <= 20 for one in {name(), *others})
