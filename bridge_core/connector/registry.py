"""`ConnectorRegistry`: which connector runs tasks of which type and version."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from ..model.errors import InvalidRequest
from .base import Connector
from .errors import ConnectorNotFound
from .public import public
from .values import TaskCategory

if TYPE_CHECKING:
    from typing import Self

__all__ = ["ConnectorMetadata", "ConnectorRegistry"]

P = ParamSpec("P")
R = TypeVar("R")


class _EitherWay(Generic[P, R]):
    """A method that works on the process's own registry when it is called on the class, as flytekit's users write it."""

    def __init__(self, function: Callable[Concatenate[ConnectorRegistry, P], R]) -> None:
        self._function = function
        functools.update_wrapper(self, function)  # type: ignore[arg-type]  # a class's instance is wrapped, not a function

    def __get__(self, instance: ConnectorRegistry | None, owner: type[ConnectorRegistry]) -> Callable[P, R]:
        return functools.partial(self._function, owner.default() if instance is None else instance)


@public
@dataclass(frozen=True, slots=True)
class ConnectorMetadata:
    """What Flyte is told about the connectors of one name."""

    name: str
    is_sync: bool
    supported_task_categories: tuple[TaskCategory, ...]

    @property
    def supported_task_types(self) -> tuple[str, ...]:
        """Names of the task types, once each."""
        return tuple(dict.fromkeys(category.name for category in self.supported_task_categories))


@public
class ConnectorRegistry:
    """Connectors by the tasks they run. Safe to share between threads.

    Its methods also work on the class; they then mean the one registry of this process, which a server serves unless it is
    given another.

    Args:
        *connectors: Registered at once.

    Example:
        >>> registry = ConnectorRegistry()
        >>> registry.list_connectors()
        ()
    """

    def __init__(self, *connectors: Any) -> None:
        self._lock = threading.RLock()
        self._connectors: dict[TaskCategory, Any] = {}
        for connector in connectors:
            self.register(connector)

    @classmethod
    def default(cls) -> Self:
        """The registry of this process."""
        found: Self = _of_process(cls)  # type: ignore[arg-type]  # a class is hashable
        return found

    @_EitherWay
    def register(self, connector: Connector, override: bool = False) -> None:
        """Adds a connector.

        Args:
            connector: An `AsyncConnector` or `SyncConnector`, an instance.
            override: Whether it may take the place of one that runs the same tasks.

        Raises:
            InvalidRequest: Another connector runs the same tasks, or has the same name and is of the other kind; or it is
                no connector.
        """
        if isinstance(connector, type) or not isinstance(connector, Connector):
            raise InvalidRequest(
                f"register: wanted an instance of an AsyncConnector or SyncConnector, got {connector!r}"
                + ("; write register(MyConnector())" if isinstance(connector, type) else "")
            )
        category = connector.task_category
        with self._lock:
            there = self._connectors.get(category)
            if there is not None and there is not connector and not override:
                raise InvalidRequest(
                    f"Duplicate connector for task type: {category}. {_described(there)} runs its tasks, and "
                    f"{_described(connector)} wants to; give override=True to replace it, or another task_type_version"
                )
            for other in self._connectors.values():
                if other is not there and other.name == connector.name and other.is_sync != connector.is_sync:
                    raise InvalidRequest(
                        f"connector {_described(connector)} has the name of {_described(other)}, and one of them is a sync "
                        "connector; Flyte lists connectors by name, so give them different ones"
                    )
            self._connectors[category] = connector

    @_EitherWay
    def get_connector(self, task_type_name: str, task_type_version: int = 0) -> Any:
        """The connector for a task type and version.

        Raises:
            ConnectorNotFound: There is none; the message says what is there.
        """
        with self._lock:
            for category, connector in self._connectors.items():
                if (category.name, category.version) == (task_type_name, task_type_version):
                    return connector
            known = ", ".join(sorted(map(str, self._connectors))) or "none"
        raise ConnectorNotFound(
            f"Cannot find connector for task category: {task_type_name}_v{task_type_version}. This service runs: {known}"
        )

    get_agent = get_connector

    @_EitherWay
    def list_connectors(self) -> tuple[ConnectorMetadata, ...]:
        """What Flyte is told, in the order of names."""
        found: dict[str, ConnectorMetadata] = {}
        with self._lock:
            everything = sorted(self._connectors.items(), key=lambda pair: (pair[0].name, pair[0].version))
        for category, connector in everything:
            before = found.get(connector.name)
            categories = (*(before.supported_task_categories if before else ()), category)
            found[connector.name] = ConnectorMetadata(connector.name, connector.is_sync, categories)
        return tuple(found[name] for name in sorted(found))

    @_EitherWay
    def get_connector_metadata(self, name: str) -> ConnectorMetadata:
        """What Flyte is told about the connectors of one name.

        Raises:
            ConnectorNotFound: There is none of that name.
        """
        known = {one.name: one for one in self.list_connectors()}
        if name not in known:
            raise ConnectorNotFound(
                f"Cannot find connector for name: {name}. This service has: {', '.join(known) or 'none'}"
            )
        return known[name]

    @property
    def connectors(self) -> Mapping[TaskCategory, Any]:
        """All of them, as they are now."""
        with self._lock:
            return dict(self._connectors)


@functools.cache
def _of_process(cls: type[ConnectorRegistry]) -> Any:
    return cls()


def _described(connector: Any) -> str:
    return f"{connector.name!r} ({type(connector).__module__}.{type(connector).__qualname__})"
