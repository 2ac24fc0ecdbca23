"""Whether anybody in Dagster still wants a Flyte run: the decision of the reaper sensor, from what Dagster knows.

A run is wanted by the Dagster run that launched it and by every re-execution that may attach to it. Only when all of these ended
is it looked at how the newest of them ended.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from ._notes import was_stopped_by_hand

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from bridge_core import RunRef

__all__ = ["Candidate", "Unwanted", "runs_at_work", "unwanted"]

_OPEN = frozenset(dg.DagsterRunStatus) - {
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
}
_ROOT = "dagster/root_run_id"
_WILL_RETRY = "dagster/will_retry"
_RETRY_COMES = 600.0  # seconds that Dagster's own retry of a failed run may take to be made; its daemon may be down
_FAMILY = 1000  # re-executions that are looked at
_AT_ONCE = 200  # run ids in one question to Dagster's storage


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A Flyte run that may live although nobody in Dagster waits for it.

    Attributes:
        ref: The run.
        dagster_run: Id of a Dagster run that made it or attached to it.
        step: Key of the step.
        shared: Whether another Dagster may wait for it too.
    """

    ref: RunRef
    dagster_run: str
    step: str
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Unwanted:
    """Why nobody waits for a run.

    Attributes:
        why: A sentence.
        asked_for: Whether a person stopped the Dagster run, and with it this one; else its worker died, or it was deleted.
    """

    why: str
    asked_for: bool


def runs_at_work(instance: DagsterInstance, run_ids: Collection[str]) -> set[str]:
    """Those of the Dagster runs that have not ended: in a healthy installation nearly all, so they are asked about together."""
    ids, found = sorted(run_ids), set[str]()
    for start in range(0, len(ids), _AT_ONCE):
        filters = dg.RunsFilter(run_ids=ids[start : start + _AT_ONCE], statuses=list(_OPEN))
        found |= {record.dagster_run.run_id for record in instance.get_run_records(filters)}
    return found


def unwanted(
    candidate: Candidate, instance: DagsterInstance, *, now: float, failed_after: float | None, gone_since: float | None
) -> Unwanted | None:
    """Why the run is nobody's; None while it may still be wanted.

    Args:
        candidate: The run.
        instance: Of this Dagster.
        now: Seconds since 1970.
        failed_after: Seconds that a run of a failed Dagster run is kept for a re-execution; None for ever.
        gone_since: When the sensor first saw that Dagster does not know the run (any more); None if never.
    """
    family = list(_family(instance, candidate))
    if not family:
        seen_twice = gone_since is not None and now - gone_since >= (failed_after or 0) and now > gone_since
        wanted = candidate.shared or failed_after is None or not seen_twice
        return None if wanted else Unwanted(f"Dagster run {candidate.dagster_run} was deleted", asked_for=False)
    if any(record.dagster_run.status in _OPEN for record in family):
        return None
    newest = max(family, key=lambda record: record.create_timestamp)
    run = newest.dagster_run
    if run.status is dg.DagsterRunStatus.CANCELED:
        return Unwanted(f"Dagster run {run.run_id} was cancelled", asked_for=True)
    if was_stopped_by_hand(instance, run.run_id):
        return Unwanted(f"Dagster run {run.run_id} was stopped with Ctrl-C", asked_for=True)
    if failed_after is None or candidate.shared:
        return None
    patience = max(failed_after, _RETRY_COMES) if run.tags.get(_WILL_RETRY) == "true" else failed_after
    ended = newest.end_time or newest.update_timestamp.timestamp()
    if now - ended < patience:
        return None
    why = f"Dagster run {run.run_id} ended {run.status.value} and was not re-executed within {failed_after:g} s"
    return Unwanted(why, asked_for=False)


def _family(instance: DagsterInstance, candidate: Candidate) -> Iterable[dg.RunRecord]:
    """The Dagster run, its ancestors and all re-executions, as far as the step was part of them."""
    record = instance.get_run_record_by_id(candidate.dagster_run)
    if record is None:
        return
    root = record.dagster_run.root_run_id or candidate.dagster_run
    family = {record.dagster_run.run_id: record}
    first = instance.get_run_record_by_id(root)
    if first is not None:
        family[root] = first
    for other in instance.get_run_records(dg.RunsFilter(tags={_ROOT: root}), limit=_FAMILY):
        family[other.dagster_run.run_id] = other
    for member in family.values():
        steps = member.dagster_run.step_keys_to_execute
        if member is record or not steps or candidate.step in steps:
            yield member
