"""Settings of what happens on this machine: the sandbox's cache, where task secrets are looked for, StatsD.

Settings and defaults: flytekit's LocalConfig, SecretsConfig, StatsConfig and LocalSDK (configuration/internal.py).
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LocalConfig", "SecretsConfig", "StatsConfig"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsConfig:
    """Where `SecretStore` looks."""

    env_prefix: str = "_FSEC_"
    """Prefix of environment variables."""

    default_dir: str = "/etc/secrets"
    """Folder of files."""

    file_prefix: str = ""
    """Prefix of file names."""


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
