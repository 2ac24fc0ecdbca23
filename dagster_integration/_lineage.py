"""Which tries are the same launch, and the run name that follows: why a killed step finds its run again.

A name made of the Dagster run id alone would launch again on every re-execution; a name without it would never launch
again. So the scope of a name is the *lineage*: a Dagster run, and the re-executions of it until the step succeeded or a person
changed the run's configuration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bridge_core import run_name

from ._compat import created_at, step_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import dagster as dg

    from bridge_core import EntityRef

    from ._compat import StepContext

__all__ = ["Lineage", "asked_at", "scope_of"]

_ANCESTORS = 1000  # re-executions of re-executions; a bound, so that a damaged run storage cannot hang a step
_WHAT = ("ops", "solids", "inputs", "resources")
"""Sections of a run's configuration that decide what it makes; ``execution`` and ``loggers`` decide how."""
_AUTOMATIC = "dagster/retry_number"
"""Run tag that only Dagster's own retries of whole runs have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Identifies a launch across the tries of one step.

    Attributes:
        scope: The oldest Dagster run of the lineage in which the step was started; or a name that several Dagsters share.
        step_key: The step, mapping key included.
        partition: Partition key or range; empty for runs without.
    """

    scope: str
    step_key: str
    partition: str = ""

    @classmethod
    def of(cls, context: StepContext, *, shared: str | None = None) -> Lineage:
        """The lineage of the step that runs now.

        Args:
            context: Of the step.
            shared: A name for this work in all Dagsters that do it. It stands for the first run of the lineage: what is
                materialized again after a success is this Dagster's own.
        """
        step, run = step_key(context), context.run
        tags = run.tags
        start, end = tags.get("dagster/asset_partition_range_start"), tags.get("dagster/asset_partition_range_end")
        partition = tags.get("dagster/partition") or (f"{start}...{end}" if start or end else "")
        scope = scope_of(context.instance, run, step)
        if shared is not None and scope == (run.root_run_id or run.run_id):
            scope = shared
        return cls(scope=scope, step_key=step, partition=partition)

    def run_name(self, entity: EntityRef, attempt: int) -> str:
        """The name of the run on this attempt; attempts count runs that ended badly, not tries of the step."""
        return run_name(self.scope, self.step_key, self.partition, entity, attempt, prefix="d")


def scope_of(instance: dg.DagsterInstance, run: dg.DagsterRun, step: str) -> str:
    """Id of the oldest run of the lineage in which the step was started and did not succeed; this run's when there is none.

    The walk goes from parent to parent and stops where new work began: at a success, and where a person changed the
    configuration. Runs in which the step was never started (the worker died first, or it was not selected) are passed over, so
    that a retry of a retry still finds the run that the first one launched. It also stops where a parent has been deleted.
    """
    scope, child = run.run_id, run
    for _ in range(_ANCESTORS):
        parent = instance.get_run_by_id(child.parent_run_id) if child.parent_run_id else None
        if parent is None or _deciding(parent.run_config) != _deciding(child.run_config):
            break
        stats = instance.get_run_step_stats(parent.run_id, step_keys=[step])
        status = stats[0].status if stats else None
        if status is not None:
            if status.value == "SUCCESS" and not _belongs_to(instance, child, parent, stats[0].end_time):
                break
            scope = parent.run_id
        child = parent
    return scope


def runs_of(instance: dg.DagsterInstance, run: dg.DagsterRun, scope: str) -> list[str]:
    """Ids of the Dagster runs of a lineage, this one first; this one alone when its scope is none of its ancestors."""
    found, child = [run.run_id], run
    while child.run_id != scope:
        parent = instance.get_run_by_id(child.parent_run_id) if child.parent_run_id else None
        if parent is None or len(found) > _ANCESTORS:
            return [run.run_id]
        found.append(parent.run_id)
        child = parent
    return found


def asked_at(instance: dg.DagsterInstance, run: dg.DagsterRun, retry_number: int) -> datetime | None:
    """When a person, a schedule or a sensor last asked for this work; None when this very try is what was asked for.

    Args:
        instance: Of this Dagster.
        run: The Dagster run.
        retry_number: Of the step: above 0 it is a `RetryPolicy` that tries again.
    """
    automatic = retry_number > 0
    for _ in range(_ANCESTORS):
        if _AUTOMATIC not in run.tags:
            break
        automatic = True
        parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
        if parent is None:
            break
        run = parent
    return created_at(instance, run.run_id) if automatic else None


def _deciding(run_config: Mapping[str, Any]) -> dict[str, Any]:
    return {section: given for section in _WHAT if (given := run_config.get(section))}


def _belongs_to(
    instance: dg.DagsterInstance, child: dg.DagsterRun, parent: dg.DagsterRun, succeeded: float | None
) -> bool:
    """Whether a success in the parent is the child's own work: the step outlived its worker, and ended after the child was made.

    Dagster's own retry is made some seconds after the parent failed: a success in between is no reason to do it again either.
    """
    if succeeded is None:
        return False
    made = created_at(instance, child.run_id)
    if made is not None and succeeded > made.timestamp():
        return True
    record = instance.get_run_record_by_id(parent.run_id)
    ended = record.end_time if record is not None else None
    return _AUTOMATIC in child.tags and ended is not None and succeeded > ended
