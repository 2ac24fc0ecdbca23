"""Which tries are the same launch, and the run name that follows: why a killed step finds its run again.

A name made of the Dagster run id alone would launch again on every re-execution; a name without it would never launch
again. So the scope of a name is the *lineage*: a Dagster run, and the re-executions of it until the step succeeded.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bridge_core import run_name

from ._compat import step_key

if TYPE_CHECKING:
    import dagster as dg

    from bridge_core import EntityRef

__all__ = ["Lineage"]

_ANCESTORS = 1000  # re-executions of re-executions; a bound, so that a damaged run storage cannot hang a step


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Identifies a launch across the tries of one step.

    Attributes:
        scope: The oldest Dagster run of the lineage in which the step was started.
        step_key: The step, mapping key included.
        partition: Partition key or range; empty for runs without.
    """

    scope: str
    step_key: str
    partition: str = ""

    @classmethod
    def of(cls, context: dg.AssetExecutionContext) -> Lineage:
        """The lineage of the step that runs now."""
        step, run = step_key(context), context.run
        tags = run.tags
        start, end = tags.get("dagster/asset_partition_range_start"), tags.get("dagster/asset_partition_range_end")
        partition = tags.get("dagster/partition") or (f"{start}...{end}" if start or end else "")
        return cls(scope=scope_of(context.instance, run, step), step_key=step, partition=partition)

    def run_name(self, entity: EntityRef, attempt: int) -> str:
        """The name of the run on this attempt; attempts count runs that ended badly, not tries of the step."""
        return run_name(self.scope, self.step_key, self.partition, entity, attempt, prefix="d")


def scope_of(instance: dg.DagsterInstance, run: dg.DagsterRun, step: str) -> str:
    """Id of the oldest run of the lineage in which the step was started and did not succeed; this run's when there is none.

    The walk goes from parent to parent and stops at a success: what comes after one is a new piece of work. Runs in which
    the step was never started (the worker died first, or it was not selected) are passed over, so that a retry of a retry
    still finds the run that the first one launched. It also stops where a parent has been deleted.
    """
    scope, parent_id = run.run_id, run.parent_run_id
    for _ in range(_ANCESTORS):
        if parent_id is None:
            break
        stats = instance.get_run_step_stats(parent_id, step_keys=[step])
        status = stats[0].status if stats else None
        if status is not None:
            if status.value == "SUCCESS":
                break
            scope = parent_id
        parent = instance.get_run_by_id(parent_id)
        parent_id = parent.parent_run_id if parent is not None else None
    return scope
