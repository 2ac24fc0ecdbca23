"""`RunnerContext`: what all attempts of one sandbox share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..controls.task_kills import TaskKills
    from ..model.layout import Layout
    from .archive import CodeCache
    from .fork import Forker
    from .images import Images
    from .process import Starter
    from .task_secrets import TaskSecrets

__all__ = ["RunnerContext"]


@dataclass(frozen=True, slots=True)
class RunnerContext:
    """What all attempts of one sandbox share."""

    layout: Layout
    code: CodeCache
    images: Images
    """Interpreters and search paths."""
    starter: Starter | Forker
    """How processes are started."""
    endpoint: str
    """Where eager tasks call back to; empty when tasks are not told, as on a cluster."""
    kills: TaskKills
    """Deaths that a test has planned."""
    secrets: TaskSecrets
    """What tasks may ask for."""
    env: Mapping[str, str] = field(default_factory=dict)
    """How tasks reach storage and this server: addresses and keys."""
