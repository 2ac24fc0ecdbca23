"""Settings of what runs on this machine instead of a cluster, and of registering from source.

Names and defaults: flytekit's LocalConfig and LocalSDK (configuration/internal.py).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LocalConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """The sandbox, and registering from source."""

    cache_enabled: bool = True
    """Whether the sandbox's task cache is used; cacheable tasks only."""

    cache_overwrite: bool = False
    """Run cacheable tasks again and replace what the cache holds."""

    sandbox_path: str | None = None
    """Where files of local executions go, never cleaned by us. None: a temporary folder."""

    workflow_packages: tuple[str, ...] = ()
    """Python packages that registration looks into."""

    logging_level: int | None = None
    """flytekit's, as a number of Python's logging: tasks of a sandbox inherit its variable. Never applied to loggers of ours;
    ``flyte-bridge --log-level`` is."""
