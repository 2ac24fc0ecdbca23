"""Which connectors a service has: those of installed packages, of modules that were named, and of Flyte SDKs that these use."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError
from .base import Connector
from .public import public
from .registry import ConnectorRegistry

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["load_connectors"]

GROUP = "flyte_bridge.connectors"


@public
def load_connectors(
    modules: Iterable[str] = (), *, installed: bool = True, registry: ConnectorRegistry | None = None
) -> ConnectorRegistry:
    """Registers connectors.

    Args:
        modules: Names of modules to import. What they register counts (`ConnectorRegistry.register`, or flytekit's and flyte's
            registries), and a module-level ``CONNECTORS``, a list of instances.
        installed: Whether installed packages' count, entry points of group ``flyte_bridge.connectors``: each a connector, its
            class, or a function that returns one, several or none.
        registry: Where. None: the registry of this process.

    Raises:
        ConfigError: A module or an entry point cannot be loaded; the message names it.
    """
    registry = registry if registry is not None else ConnectorRegistry.default()
    if installed:
        for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
            try:
                found = point.load()
                for connector in _several(found() if callable(found) and not isinstance(found, Connector) else found):
                    _add(registry, connector)
            except ImportError as error:
                raise ConfigError(
                    f"connector {point.name!r} ({point.value}, entry point of {GROUP}) cannot be loaded: {error}"
                ) from None
    for name in modules:
        for connector in _several(getattr(_imported(name), "CONNECTORS", ())):
            _add(registry, connector)
    from .adapters import adapted

    for connector in adapted():
        _add(registry, connector)
    return registry


def _add(registry: ConnectorRegistry, connector: Any) -> None:
    """One; a module may have been loaded before, or have registered what it also lists."""
    there = registry.connectors.get(connector.task_category)
    if there is None or not _same(there, connector):
        registry.register(connector)


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and getattr(one, "adapts", one.name) is getattr(other, "adapts", one.name)


def _imported(name: str) -> Any:
    """A module, also one that lies in the working directory, as ``python -m`` finds it."""
    if os.getcwd() not in sys.path:  # noqa: PTH109 - sys.path holds texts
        sys.path.append(os.getcwd())  # noqa: PTH109
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ConfigError(f"module {name!r} of connectors cannot be imported: {error}") from None


def _several(found: Any) -> list[Any]:
    if found is None:
        return []
    return list(found) if isinstance(found, list | tuple) else [found]
