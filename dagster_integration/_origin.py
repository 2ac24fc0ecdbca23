"""Who launched a Flyte run, in Dagster's names: what the reaper sensor, people and `explain` read from the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge_core import Provenance

from ._compat import assets_of, installation_of

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ._compat import StepContext
    from ._lineage import Lineage

__all__ = ["TICK_TAG", "awaited_by", "provenance_of"]

TICK_TAG = "flyte/tick"
"""Dagster run tag that holds the tick of a schedule, as ISO text."""


def provenance_of(context: StepContext, lineage: Lineage, attempt: int, *, url: str, awaited: bool) -> Provenance:
    """The provenance of one attempt of a step.

    Args:
        context: Of the step.
        lineage: Of the step.
        attempt: From 0.
        url: Of Dagster's webserver; empty when unknown.
        awaited: Whether this Dagster alone decides about the run.
    """
    run = context.run
    installation = installation_of(context.instance)
    return Provenance(
        source="dagster",
        installation=installation,
        job=run.job_name,
        run=run.run_id,
        task=lineage.step_key,
        part=lineage.partition,
        asset=assets_of(context),
        tick=run.tags.get(TICK_TAG, ""),
        attempt=attempt + 1,
        identity=lineage.scope,
        url=f"{url.rstrip('/')}/runs/{run.run_id}" if url else "",
        awaited=awaited and bool(installation),
    )


def awaited_by(instance: DagsterInstance) -> Provenance | None:
    """What the runs that this Dagster waits for have in common; None when it has no identity of its own."""
    installation = installation_of(instance)
    return Provenance(source="dagster", installation=installation, awaited=True) if installation else None
