"""Which partition a tick of a schedule belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import dagster as dg

from bridge_core import InvalidRequest

from ._compat import partitions_at

__all__ = ["partition_at", "partitions_of"]


def partitions_of(target: Any) -> dg.PartitionsDefinition[Any] | None:
    """The partitions of a job, an asset or several assets; None when there are none, or when only the job will tell."""
    if type(target) in (list, tuple, set, frozenset):  # exactly: selections and unresolved jobs are tuples too
        return next((found for each in target if (found := partitions_of(each)) is not None), None)
    found = getattr(target, "partitions_def", None)
    return found if isinstance(found, dg.PartitionsDefinition) else None


def partition_at(partitions: dg.PartitionsDefinition[Any] | None, tick: datetime | None, where: str) -> str | None:
    """The newest partition that has ended by the tick; None without partitions.

    Args:
        partitions: Of the target.
        tick: When; None asks only whether there can be one.
        where: For the message.

    Raises:
        InvalidRequest: The partitions say nothing about time, or none had ended by then.
    """
    if partitions is None:
        return None
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        raise InvalidRequest(
            f"{where}: the target's partitions ({type(partitions).__name__}) say nothing about time; give partition=, a function "
            "that returns the partition key of a tick"
        )
    if tick is None:
        return None
    with partitions_at(tick):
        found = partitions.get_last_partition_key()
    if found is None:
        raise InvalidRequest(
            f"{where}: at {tick.isoformat()} no partition of the target had ended yet; it starts too early"
        )
    return found
