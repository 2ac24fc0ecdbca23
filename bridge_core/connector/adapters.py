"""Connectors that were written for flytekit or for the flyte SDK, served as they are.

Nothing of either SDK is imported here: a connector of theirs can only be there when somebody else has imported it.
"""

from __future__ import annotations

import sys
from typing import Any

from .base import AsyncConnector, SyncConnector

__all__ = ["adapted"]

_FLYTEKIT = "flytekit.extend.backend.base_connector"
_FLYTE = "flyte.connectors._connector"


def adapted() -> list[AsyncConnector[Any] | SyncConnector]:
    """Connectors for all that are in the SDKs' own registries now."""
    found: list[AsyncConnector[Any] | SyncConnector] = []
    flytekit = sys.modules.get(_FLYTEKIT)
    if flytekit is not None:
        from .adapters_flytekit import flytekit_connectors

        found += flytekit_connectors(flytekit)
    flyte = sys.modules.get(_FLYTE)
    if flyte is not None:
        from .adapters_flyte import flyte_connectors

        found += flyte_connectors(flyte)
    return found
