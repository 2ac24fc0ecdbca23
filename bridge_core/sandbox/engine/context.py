"""`EngineContext`: what the runs of one engine share. Each part of a run takes from it what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..connectors.registry import Connectors
    from ..controls.stubs import Stubs
    from ..model.layout import Layout
    from ..runner.context import RunnerContext
    from ..runner.pool import Pool
    from ..store.database import Database
    from ..store.entities import Entities
    from ..store.executions import Executions
    from ..store.jobs import Jobs
    from ..store.nodes import Nodes
    from .cache import CacheUse
    from .children import Children
    from .deletions import JobDeleter
    from .loop import Loop
    from .recorder import Recorder
    from .reservations import Reservations

__all__ = ["EngineContext"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineContext:
    """The store, the loop, and who runs what."""

    database: Database
    entities: Entities
    executions: Executions
    nodes: Nodes
    jobs: Jobs
    layout: Layout
    loop: Loop
    pool: Pool
    recorder: Recorder
    reservations: Reservations
    stubs: Stubs
    connectors: Connectors
    runner: RunnerContext
    children: Children
    """Executions that launch plan nodes start."""
    deletions: JobDeleter
    pause: float
    """Seconds that a run is SUCCEEDING or FAILING before it has ended."""
    stop_orphans: bool
    """Whether what a node has started is stopped when it has taken too long, which on a cluster goes on."""
    cache: CacheUse
    """Whether the task cache is used."""
    run_url: Callable[[Any], str]
    """The console's page of an execution."""
