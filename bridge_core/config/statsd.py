"""flytekit's settings of StatsD, handed on to tasks of a sandbox; names and defaults are its own (configuration/internal.py)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["StatsConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsConfig:
    """flytekit's, and without effect here: we send no StatsD. Tasks of a sandbox inherit its variables."""

    host: str = "localhost"
    """Of the StatsD daemon."""

    port: int = 8125
    """Of the StatsD daemon."""

    disabled: bool = False
    """Send nothing."""

    disable_tags: bool = False
    """Fewer, coarser metrics."""
