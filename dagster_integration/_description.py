"""What a workflow's author wrote about it, for Dagster's catalog: asked for while definitions load, where that is wanted.

Definitions load in every process that runs a step. So nothing is asked unless an asset says so, an answer is kept in the process,
and a Flyte that is away costs some seconds once and a warning, never the code location.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from bridge_core import BridgeError

if TYPE_CHECKING:
    from bridge_core import EntityRef

    from .resource import FlyteResource

__all__ = ["description_of"]

log = logging.getLogger("dagster_integration")

_PATIENCE = 5.0  # seconds
_known: dict[tuple[str, EntityRef], str] = {}
_away: set[str] = set()


def description_of(entity: EntityRef, resource: FlyteResource) -> str:
    """The docstring of the workflow or task; empty when Flyte keeps none, or cannot be asked now."""
    from bridge_core import Client

    try:
        config = resource.get_config()
        config = replace(config, rpc_timeout=min(config.rpc_timeout, _PATIENCE))
        placed = entity.placed(config, settings="FlyteResource")
        key = (config.endpoint, placed)
        if key not in _known and config.endpoint not in _away:
            with Client(config) as client:
                _known[key] = client.get_entity(placed).description
        return _known.get(key, "")
    except BridgeError as error:
        if error.transient:
            _away.add(config.endpoint)
        log.warning("the description of %s could not be read, the asset goes without: %s", entity, error)
        return ""
