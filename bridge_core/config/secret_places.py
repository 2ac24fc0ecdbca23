"""Where `SecretStore` looks for secrets of tasks. Names and defaults: flytekit's SecretsConfig (configuration/internal.py)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SecretsConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsConfig:
    """Where `SecretStore` looks."""

    env_prefix: str = "_FSEC_"
    """Prefix of environment variables."""

    default_dir: str = "/etc/secrets"
    """Folder of files."""

    file_prefix: str = ""
    """Prefix of file names."""
