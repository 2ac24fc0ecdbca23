"""`Connectors`: which service runs tasks of which type.

After FlytePropeller's connector plugin (flyteplugins ``plugins/webapi/connector/client.go``): each endpoint is asked for the
categories (type and version) of its connectors, and a type that the configuration gives to an endpoint goes there whatever it
says. Types that FlytePropeller runs as pods are never asked for (flytepropeller ``nodes/task/handler.go``: ResolvePlugin).
"""

from __future__ import annotations

import logging
import re
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, NamedTuple

from .fault import ConnectorFault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .flyte2_service import Flyte2Service
    from .service import Service

__all__ = ["Connectors", "Route"]

_log = logging.getLogger(__name__)
_NEVER = frozenset({"container", "container_array", "echo", "python", "python-task", "raw-container", "sidecar"})
_FRESH = 10.0  # seconds an endpoint's own list is believed: config.go, PollInterval
_THREADS = 16
_ENDPOINT = re.compile(r"(?:(?P<type>[^=\s]+)=)?(?P<endpoint>(?:\[[0-9a-fA-F:.]+\]|[^\s:=/]+):[0-9]{1,5})")


class Route(NamedTuple):
    """Who runs a task, and whether it answers at once."""

    service: Any
    """A `Service` or a `Flyte2Service`, as it was asked for."""
    is_sync: bool


class Connectors:
    """The connectors of one sandbox. Its methods may be called from any thread.

    Args:
        endpoints: ``"HOST:PORT"``: runs what it says it runs. ``"TASK_TYPE=HOST:PORT"``: runs that type, whatever it says.

    Raises:
        ValueError: An endpoint of another form, or a type that never goes to a connector.
    """

    def __init__(self, endpoints: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._mapped: dict[str, str] = {}
        self._asked: list[str] = []
        self._services: dict[tuple[str, int], Service | Flyte2Service] = {}
        self._lists: dict[tuple[str, int], tuple[float, dict[tuple[str, int], bool]]] = {}
        self._threads: ThreadPoolExecutor | None = None
        self._awaited: set[Future[None]] = set()
        for endpoint in endpoints:
            self.add(endpoint)

    def add(self, endpoint: str) -> None:
        """Uses one more endpoint from now on; for the form see the class. Nothing is connected before a task needs it."""
        match = _ENDPOINT.fullmatch(endpoint)
        if match is None:
            raise ValueError(f"a connector is HOST:PORT or TASK_TYPE=HOST:PORT, got {endpoint!r}")
        task_type = match["type"]
        if task_type in _NEVER:
            raise ValueError(
                f"connector {endpoint!r}: Flyte runs tasks of type {task_type!r} itself, never by a connector"
            )
        with self._lock:
            if task_type is not None:
                self._mapped[task_type] = match["endpoint"]
            elif match["endpoint"] not in self._asked:
                self._asked.append(match["endpoint"])

    def clear(self) -> None:
        """Forgets all endpoints, and what they said. Jobs that run elsewhere are not asked about any more."""
        with self._lock:
            self._mapped.clear()
            self._asked.clear()
            self._lists.clear()

    def may_run(self, task_type: str) -> bool:
        """Whether it is worth asking. Costs nothing."""
        with self._lock:
            return task_type not in _NEVER and (task_type in self._mapped or bool(self._asked))

    def route(self, task_type: str, version: int, *, flyte: int = 1) -> Route | None:
        """Who runs tasks of a category; None when no connector knows the type. Talks to the endpoints: not for the loop.

        Args:
            task_type: Of the task.
            version: Of the type.
            flyte: As which Flyte the endpoints are asked, 1 or 2.

        Raises:
            ConnectorFault: An endpoint that may know the type does not answer, or the type is known in other versions only.
        """
        with self._lock:
            mapped, asked = self._mapped.get(task_type), list(self._asked)
        if mapped is not None:
            return Route(self._service(mapped, flyte), self._list(mapped, flyte).get((task_type, version), False))
        fault: ConnectorFault | None = None
        versions = []
        for endpoint in asked:
            try:
                served = self._list(endpoint, flyte)
            except ConnectorFault as error:
                fault = error
                continue
            if (task_type, version) in served:
                return Route(self._service(endpoint, flyte), served[task_type, version])
            versions += [known for name, known in served if name == task_type]
        if fault is not None:
            raise fault
        if versions:
            known = ", ".join(map(str, sorted(versions)))
            text = f"no connector runs version {version} of task type {task_type!r}; there is one for: {known}"
            raise ConnectorFault("NOT_FOUND", text)
        return None

    def submit(self, work: Callable[[], Any], done: Callable[[Any], None], *, awaited: bool = False) -> None:
        """Does something that talks to a connector on a thread, and tells what came out, or the exception.

        Args:
            work: What to do.
            done: Called on that thread.
            awaited: Whether `settle` waits for it.
        """

        def run() -> None:
            try:
                result = work()
            except ConnectorFault as fault:
                result = fault
            except Exception as error:  # noqa: BLE001
                # The boundary of the thread: a job that never reports would leave its run hanging.
                _log.exception("the sandbox failed to talk to a connector")
                result = ConnectorFault("INTERNAL", f"the sandbox failed: {error!r}")
            done(result)

        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sandbox-connector")
            future = self._threads.submit(run)
            if awaited:
                self._awaited.add(future)
                future.add_done_callback(self._awaited.discard)

    def settle(self) -> None:
        """Waits for jobs that are being created: nobody could find them later. Not longer than such a call may take."""
        with self._lock:
            creating = set(self._awaited)
        wait(creating)

    def close(self) -> None:
        """Drops calls and connections; the next use makes new ones."""
        with self._lock:
            services, self._services = self._services, {}
            threads, self._threads = self._threads, None
            self._lists.clear()
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)
        for service in services.values():
            service.close()

    def _service(self, endpoint: str, flyte: int) -> Service | Flyte2Service:
        key = endpoint, flyte
        with self._lock:
            if key not in self._services:
                self._services[key] = _opened(endpoint, flyte)
            return self._services[key]

    def _list(self, endpoint: str, flyte: int) -> dict[tuple[str, int], bool]:
        key = endpoint, flyte
        with self._lock:
            moment, known = self._lists.get(key, (0.0, {}))
        if moment and time.monotonic() - moment < _FRESH:
            return known
        known = self._service(endpoint, flyte).categories()
        with self._lock:
            self._lists[key] = time.monotonic(), known
        return known


def _opened(endpoint: str, flyte: int) -> Service | Flyte2Service:
    if flyte == 1:
        from .service import Service

        return Service(endpoint)
    from .flyte2_service import Flyte2Service

    return Flyte2Service(endpoint)
