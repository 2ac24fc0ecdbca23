"""A backend before it is known which Flyte is there: the first thing that is awaited finds out, then it is that backend.

A forwarder instead of thirty methods: what can be awaited waits for the verdict; what cannot (`console_url`) is answered as
Flyte 1 until then, because asking is I/O. `Backend.ready` is for callers who need the verdict first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from ..model.errors import ConfigError
from .detect import Verdict, detect, forget, known

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ..calls import Calls
    from ..config import Config
    from .base import Backend

__all__ = ["backend_for"]

_PARTS = frozenset({"nodes", "lists", "projects", "triggers", "registry"})
_ITERATED = frozenset({"lists.runs", "triggers.listed", "nodes.tail"})
_PLAIN = frozenset({"console_url", "check_options", "check_labels", "same_entity", "enum_form"})
"""What is answered without waiting."""


def backend_for(calls: Calls, config: Config) -> Backend:
    """The backend of a configuration; one that finds out first when it does not say which Flyte and how."""
    verdict = _said(config) or known(config)
    return cast("Backend", Undetected(calls, config)) if verdict is None else _made(verdict, calls, config)


def _said(config: Config) -> Verdict | None:
    """What the configuration says by itself."""
    version, transport = config.flyte_version, config.transport
    if version == 1:
        return Verdict(1, "grpc")
    if transport == "connect":
        return Verdict(2, "connect")
    return Verdict(2, "grpc") if version == 2 and transport == "grpc" else None  # noqa: PLR2004


def _made(verdict: Verdict, calls: Calls, config: Config) -> Backend:
    """The backend of a verdict; its calls go as the verdict says."""
    calls.transport.speak(verdict.protocol)
    if verdict.version == 1:
        from .flyte1.backend import Flyte1Backend

        return Flyte1Backend(calls, config)
    try:
        from .flyte2.backend import Flyte2Backend
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("flyteidl2"):
            raise
        raise ConfigError(
            f"{config.endpoint} is a Flyte 2, whose messages need: pip install 'flyte-bridge[flyte2]'"
        ) from None
    return Flyte2Backend(calls, config)


class Undetected:
    """Stands for the backend that will be found."""

    def __init__(self, calls: Calls, config: Config) -> None:
        self._calls = calls
        self._config = config
        self._found: Backend | None = None

    def __repr__(self) -> str:
        return f"Undetected({self._config.endpoint!r})" if self._found is None else repr(self._found)

    async def ready(self) -> None:
        """Finds out which Flyte is there."""
        await self.found()

    async def found(self) -> Backend:
        """The backend."""
        if self._found is None:
            self._found = _made(await detect(self._calls, self._config), self._calls, self._config)
        return self._found

    def clear_cache(self) -> None:
        """Also asks again which Flyte is there, when the next client is made."""
        forget(self._config)
        if self._found is not None:
            self._found.clear_cache()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self._found is not None:
            return getattr(self._found, name)
        if name in _PARTS:
            return _Part(self, name)
        if name in _PLAIN:
            from .flyte1.backend import Flyte1Backend

            return getattr(Flyte1Backend(self._calls, self._config.replace(org=None)), name)
        return _awaited(self, name)


class _Part:
    """`Backend.nodes` and the like."""

    def __init__(self, owner: Undetected, name: str) -> None:
        self._owner = owner
        self._name = name

    def __getattr__(self, name: str) -> Any:
        whole = f"{self._name}.{name}"
        return _iterated(self._owner, whole) if whole in _ITERATED else _awaited(self._owner, whole)


def _awaited(owner: Undetected, name: str) -> Any:
    async def call(*args: Any, **kwargs: Any) -> Any:
        return await _get(await owner.found(), name)(*args, **kwargs)

    return call


def _iterated(owner: Undetected, name: str) -> Any:
    async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async for item in _get(await owner.found(), name)(*args, **kwargs):
            yield item

    return call


def _get(backend: Any, name: str) -> Any:
    for part in name.split("."):
        backend = getattr(backend, part)
    return backend
