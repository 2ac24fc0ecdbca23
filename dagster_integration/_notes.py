"""What we write into the event log of a Dagster run, and read back: which Flyte run a step makes, and who stopped it.

Events and not run tags: tags are read, changed and written back, so that steps which begin together lose each other's, and
Dagster's own with them. Whoever cleans up finds the Flyte runs of a Dagster run here, also those that keep no labels (Flyte 1 has
none for runs of single tasks).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import dagster as dg

from bridge_core import EntityRef, InvalidRequest, RunRef

from ._compat import notes_of, report

if TYPE_CHECKING:
    from dagster import DagsterInstance

    from ._compat import StepContext

__all__ = ["Noted", "note_pin", "note_run", "note_stop", "noted_pin", "noted_runs", "was_stopped_by_hand"]

_RUN = "flyte/execution"
_SHARED = "flyte/shared"
_STOPPED = "flyte/stopped_by_hand"
_PIN = "flyte/registered"


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One Flyte run that a step said it would make or attach to."""

    ref: RunRef
    step: str
    shared: bool
    """Whether another Dagster may wait for it too."""


def note_run(context: StepContext, ref: RunRef, step: str, console_url: str, *, shared: bool) -> None:
    """Says so before the run exists: whoever cleans up after a worker that died right after this can find it."""
    metadata: dict[str, dg.MetadataValue] = {_RUN: dg.MetadataValue.text(str(ref))}
    if console_url:
        metadata["flyte/console"] = dg.MetadataValue.url(console_url)
    if shared:
        metadata[_SHARED] = dg.MetadataValue.bool(True)
    report(context.instance, context.run, f"Flyte run {ref}", metadata, step)


def noted_runs(instance: DagsterInstance, run_id: str) -> Iterator[Noted]:
    """The Flyte runs that the steps of a Dagster run made or attached to, each once, oldest first."""
    seen: set[str] = set()
    for step, metadata in notes_of(instance, run_id):
        text = metadata[_RUN].value if _RUN in metadata else None
        if not isinstance(text, str) or text in seen:
            continue
        seen.add(text)
        try:
            ref = RunRef.parse(text)
        except InvalidRequest:  # somebody else's event
            continue
        yield Noted(ref=ref, step=step, shared=_SHARED in metadata)


def note_pin(context: StepContext, entity: EntityRef, step: str) -> None:
    """Says what was registered for a step, before it is launched: its tries and re-executions launch that version."""
    metadata = {_PIN: dg.MetadataValue.text(str(entity))}
    report(context.instance, context.run, f"registered {entity}", metadata, step)


def noted_pin(instance: DagsterInstance, run_id: str, step: str, entity: EntityRef) -> EntityRef | None:
    """What was registered for a step of this Dagster run, if it was this entity; the newest."""
    found = None
    for noted_step, metadata in notes_of(instance, run_id):
        text = metadata[_PIN].value if _PIN in metadata and noted_step == step else None
        if not isinstance(text, str):
            continue
        pinned = EntityRef.parse(text)
        same = replace(pinned, version=None) == replace(entity, version=None)
        if same and entity.version in (None, pinned.version):
            found = pinned
    return found


def note_stop(context: StepContext, step: str) -> None:
    """Says that somebody stopped this Dagster run with Ctrl-C. With a RetryPolicy, Dagster would try such a step again."""
    metadata = {_STOPPED: dg.MetadataValue.bool(True)}
    report(context.instance, context.run, "stopped with Ctrl-C", metadata, step)


def was_stopped_by_hand(instance: DagsterInstance, run_id: str) -> bool:
    """Whether `note_stop` was called for this very run; a re-execution is another one."""
    return any(_STOPPED in metadata for _, metadata in notes_of(instance, run_id))
