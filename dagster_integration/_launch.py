"""Runs of a Dagster step from their launch to their end, and what becomes of them when the step is interrupted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import BridgeError, WaitTimeout

from ._abort import abort_if_meant
from ._compat import is_being_cancelled, step_key
from ._interrupts import Interrupts
from ._metrics import Metrics
from ._notes import was_stopped_by_hand
from ._step import How, Outcome, Step
from ._turns import away, current_turn

if TYPE_CHECKING:
    from bridge_core import Client, EntityRef, RunRef, RunSnapshot

    from ._compat import StepContext

__all__ = ["Job", "run_to_end", "runs_to_end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One of many runs of a step.

    Attributes:
        part: Tells it from the others of the step: the key of its asset.
        entity: What runs.
        inputs: Of the run.
        how: Decided by the author.
    """

    part: str
    entity: EntityRef
    inputs: Mapping[str, Any]
    how: How


def run_to_end(
    context: StepContext, client: Client, entity: EntityRef, inputs: Mapping[str, Any], how: How, *, part: str = ""
) -> Outcome:
    """Launches or attaches, waits, and returns how a run that succeeded ended.

    Args:
        context: Of the step.
        client: Of its Flyte.
        entity: What runs.
        inputs: Of the run.
        how: Decided by the author.
        part: Tells it from other runs of the step.

    Raises:
        Failure: The run ended badly, or Flyte could not be asked, or what was asked for is impossible.
        DagsterExecutionInterruptedError: The step was interrupted.
    """
    step_key(context)  # says what to do instead, outside of a run
    _refuse_what_was_stopped(context)
    with Interrupts() as interrupts, _counted(context, logged=how.metrics_in_event_log) as metrics:
        step = Step(context, client, how, interrupts, metrics=metrics, part=part)
        try:
            try:
                return step.work(entity, inputs)
            except dg.DagsterExecutionInterruptedError:
                interrupts.settle()
                raise
        except dg.DagsterExecutionInterruptedError:  # a second signal may come between the two lines above
            interrupts.settle()
            refs = [step.ref] if step.ref is not None else []
            by_hand = interrupts.by_hand(context.run)
            abort_if_meant(context, client, refs, step.lineage.step_key, by_hand=by_hand, metrics=metrics)
            raise


def runs_to_end(context: StepContext, client: Client, jobs: Sequence[Job]) -> list[Outcome | dg.Failure]:
    """The same for many runs in one step: launched one after the other, then waited for together, each with its own end.

    Returns:
        In the order of the jobs; a failure for each that did not end well. Nothing is returned before all have ended: a signal
        that comes while Dagster works on a result would not be seen here, and leave the others running.

    Raises:
        DagsterExecutionInterruptedError: The step was interrupted.
    """
    step_key(context)
    _refuse_what_was_stopped(context)
    logged = any(job.how.metrics_in_event_log for job in jobs)
    with Interrupts() as interrupts, _counted(context, logged=logged) as metrics:
        steps = [Step(context, client, job.how, interrupts, metrics=metrics, part=job.part) for job in jobs]
        try:
            try:
                return _all(client, steps, jobs)
            except dg.DagsterExecutionInterruptedError:
                interrupts.settle()
                raise
        except dg.DagsterExecutionInterruptedError:
            interrupts.settle()
            refs = [step.ref for step in steps if step.ref is not None]
            by_hand = interrupts.by_hand(context.run)
            abort_if_meant(context, client, refs, step_key(context), by_hand=by_hand, metrics=metrics)
            raise


def _all(client: Client, steps: Sequence[Step], jobs: Sequence[Job]) -> list[Outcome | dg.Failure]:
    found: dict[int, Outcome | dg.Failure] = {}
    going: dict[RunRef, int] = {}
    for number, (step, job) in enumerate(zip(steps, jobs, strict=True)):
        try:
            going[step.launch(job.entity, job.inputs).ref] = number
        except dg.Failure as failure:
            found[number] = failure
    for snapshot in _ends(client, steps[0], list(going)) if going else ():
        number = going[snapshot.ref]
        step = steps[number]
        try:
            found[number] = step.outcome(snapshot) if snapshot.phase.is_terminal else step.patience_ended(snapshot)
        except dg.Failure as failure:
            found[number] = failure
    return [found[number] for number in range(len(jobs))]


def _ends(client: Client, first: Step, refs: list[RunRef]) -> list[RunSnapshot]:
    """How each is when all have ended, or when the time is over."""
    try:
        with first.metrics.waiting(len(refs)), first.patience.shown():
            left, every = first.patience.left, first.how.poll_interval
            if (turn := current_turn()) is not None:
                return turn.wait(client, refs, timeout=left, poll_interval=every)
            return client.wait_many(refs, timeout=left, poll_interval=every)
    except WaitTimeout:
        with away():
            return [client.describe(ref) for ref in refs]
    except BridgeError as error:
        raise first.failure_of(error) from None


@contextmanager
def _counted(context: StepContext, *, logged: bool) -> Iterator[Metrics]:
    metrics = Metrics()
    try:
        yield metrics
    finally:
        if logged:
            metrics.log(context, step_key(context))


def _refuse_what_was_stopped(context: StepContext) -> None:
    """With a RetryPolicy, Dagster turns the interrupt of a cancelled step into one more try of it."""
    if is_being_cancelled(context.instance, context.run.run_id):
        raise dg.Failure("the Dagster run is being cancelled; nothing was launched", allow_retries=False)
    if context.retry_number and was_stopped_by_hand(context.instance, context.run.run_id):
        raise dg.Failure("this Dagster run was stopped with Ctrl-C; nothing was launched", allow_retries=False)
