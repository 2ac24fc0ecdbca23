"""Which Dagster runs are tries of one launch: real runs and re-executions in a real, persistent instance.

No ``from __future__ import annotations``: Dagster reads the annotations of ops.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

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
