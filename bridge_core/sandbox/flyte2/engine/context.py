"""`Flyte2Context`: what all actions of one sandbox share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...connectors.registry import Connectors
    from ...controls.flyte2_faults import Flyte2Faults
    from ...controls.stubs import Stubs
    from ...engine.deletions import JobDeleter
    from ...engine.loop import Loop
    from ...runner.context import RunnerContext
    from ...runner.pool import Pool
    from ...store.database import Database
    from ...store.jobs import Jobs
    from ..store.actions import Actions
    from .hub import Hub
    from .places import Places

__all__ = ["Flyte2Context"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flyte2Context:
    """What all actions of one sandbox share."""

    database: Database
    actions: Actions
    places: Places
    hub: Hub
    loop: Loop
    pool: Pool
    runner: RunnerContext
    connectors: Connectors
    jobs: Jobs
    """What connectors run, of both Flytes."""
    deletions: JobDeleter
    stubs: Stubs
    faults: Flyte2Faults
    endpoint: str
    """``HOST:PORT`` where tasks reach this server."""
    pickup: float
    """Seconds between two steps that are separate calls on a cluster."""
    crash_limit: int | None
    """How often a process that died without a word is made anew before its action fails; None for ever, as there."""
    secrets: Callable[[Any, Any], dict[str, str]]
    """Variables of a task with the secrets that it asks for, by run and template."""
    log_url: Callable[[Any, int], str]
    """The console's page of an attempt's log."""
