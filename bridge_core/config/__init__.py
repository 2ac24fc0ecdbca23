"""Everything needed to reach one Flyte, and where each setting came from."""

from __future__ import annotations

from .auth import AuthConfig
from .data import AzureConfig, GcsConfig, S3Config
from .local_execution import LocalConfig
from .model import Config
from .secret import Secret
from .secret_places import SecretsConfig
from .statsd import StatsConfig

__all__ = [
    "AuthConfig",
    "AzureConfig",
    "Config",
    "GcsConfig",
    "LocalConfig",
    "S3Config",
    "Secret",
    "SecretsConfig",
    "StatsConfig",
]
