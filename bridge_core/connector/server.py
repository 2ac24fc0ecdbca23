"""`ConnectorServer`: one process, one port, Flyte 1 and Flyte 2.

The gRPC server runs on an event loop in a thread of its own, so that it can live inside a test or beside other work. Connectors
run in their lanes, never on that loop.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import threading
from typing import TYPE_CHECKING, Any, Self

from ..model.errors import ConfigError, InvalidRequest
from .public import public
from .registry import ConnectorRegistry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from ..http.pages import PageServer
    from .base import Connector
    from .metrics import ConnectorMetrics
    from .tls import ServerTls

__all__ = ["ConnectorServer"]

_log = logging.getLogger("bridge_core.connector")
_START = 30.0  # seconds that opening a port may take
_MESSAGE_BYTES = 32 << 20


@public
class ConnectorServer:
    """Serves connectors to Flyte. A context manager; nothing is opened before it is entered.

    Args:
        registry: What it serves. None: the registry of this process.
        connectors: Registered first, in a registry of this server's own unless ``registry`` is given.
        host: Where it listens. Other machines reach it at another address than the default only.
        port: 0 for a free one.
        http_port: For ``/healthz`` and ``/metrics``; 0 for a free one; None for none.
        workers: Plain (not ``async``) methods of one connector at once; more wait for their turn.
        timeout: Seconds that a connector has for one call. FlytePropeller itself waits 10 by default.
        grace: Seconds that calls in progress, and jobs that are being created, have to end when the server stops.
        max_message_bytes: Larger requests are refused.
        tls: None for plaintext.
        flyte2: Whether Flyte 2's services are served too. None: if ``flyteidl2`` is installed.
        reflection: Whether tools may ask which services and messages there are; needs the package ``grpcio-reflection``.

    Raises:
        InvalidRequest: A number that makes no sense.
        ConfigError: On entering: a port that is taken, a file that cannot be read, a package for reflection that is not there.

    Example:
        >>> with ConnectorServer(connectors=[]) as server:  # doctest: +SKIP
        ...     Sandbox(connectors=[server.endpoint])
    """

    def __init__(
        self,
        registry: ConnectorRegistry | None = None,
        *,
        connectors: Iterable[Connector] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        http_port: int | None = None,
        workers: int = 16,
        timeout: float = 30.0,
        grace: float = 30.0,
        max_message_bytes: int = _MESSAGE_BYTES,
        tls: ServerTls | None = None,
        flyte2: bool | None = None,
        reflection: bool = False,
    ) -> None:
        for name, value in {"workers": workers, "timeout": timeout, "max_message_bytes": max_message_bytes}.items():
            if value <= 0:
                raise InvalidRequest(f"ConnectorServer: {name} must be greater than 0, got {value!r}")
        if grace < 0:
            raise InvalidRequest(f"ConnectorServer: grace must be a number of seconds from 0 on, got {grace!r}")
        connectors = tuple(connectors)
        if registry is None:
            registry = ConnectorRegistry() if connectors else ConnectorRegistry.default()
        for connector in connectors:
            registry.register(connector)
        self.registry = registry
        self._address = (host, port)
        self._http_port = http_port
        self._workers = workers
        self._timeout = timeout
        self._grace = grace
        self._max_message_bytes = max_message_bytes
        self._tls = tls
        self._flyte2 = importlib.util.find_spec("flyteidl2") is not None if flyte2 is None else flyte2
        self._reflection = reflection
        self._thread: threading.Thread | None = None
        self._pages: PageServer | None = None
        self._metrics: ConnectorMetrics | None = None
        self._opened = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._port = 0

    def start(self) -> Self:
        """Opens the port; returns when it answers."""
        if self._thread is not None:
            raise InvalidRequest("this ConnectorServer was started before; make another one")
        from .metrics import ConnectorMetrics

        self._metrics = ConnectorMetrics()
        self._thread = threading.Thread(target=self._run, name="connector-server", daemon=True)
        self._thread.start()
        self._opened.wait(_START)
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        try:
            self._open_pages()
        except ConfigError:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Turns new calls away, lets those in progress end, and closes. May be called from a signal handler, and twice."""
        self.request_stop()
        if self._thread is not None:
            self._thread.join()
        if self._pages is not None:
            self._pages.close()
            self._pages = None

    def request_stop(self) -> None:
        """Begins to stop, and does not wait."""
        if self._loop is not None and self._stopping is not None and self._thread and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)

    def wait(self, timeout: float | None = None) -> bool:
        """Waits until it has stopped; says whether it has."""
        if self._thread is None:
            return True
        self._thread.join(timeout)
        return not self._thread.is_alive()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def endpoint(self) -> str:
        """``HOST:PORT``, as `bridge_core.sandbox.Sandbox` takes it."""
        return f"{self._address[0]}:{self._port}"

    @property
    def http_url(self) -> str | None:
        """Where ``/healthz`` and ``/metrics`` are."""
        return self._pages.url if self._pages is not None else None

    def metrics(self) -> str:
        """The Prometheus text."""
        return self._metrics.text() if self._metrics is not None else ""

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    # -- the thread

    def _run(self) -> None:
        try:
            from .patience import PatientLoop

            with asyncio.Runner(loop_factory=PatientLoop) as runner:
                runner.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - the boundary of the thread: `start` raises it
            self._failure = error
            if self._opened.is_set():
                _log.exception("the connector server broke")
        finally:
            self._opened.set()

    async def _serve(self) -> None:
        from .dispatcher import Dispatcher
        from .wire.opening import opened

        assert self._metrics is not None
        dispatcher = Dispatcher(self.registry, timeout=self._timeout, workers=self._workers, metrics=self._metrics)
        server, health, self._port = opened(
            dispatcher,
            self._address,
            tls=self._tls,
            max_message_bytes=self._max_message_bytes,
            flyte2=self._flyte2,
            reflection=self._reflection,
        )
        await server.start()
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._opened.set()
        _log.info("connectors are served on %s: %s", self.endpoint, _names(self.registry))
        await self._stopping.wait()
        _log.info("the connector server stops; calls in progress have %g s", self._grace)
        health.stop()
        began = asyncio.get_running_loop().time()
        await server.stop(self._grace)
        await dispatcher.settle(max(0.0, self._grace - (asyncio.get_running_loop().time() - began)))
        await dispatcher.close()

    def _open_pages(self) -> None:
        if self._http_port is None:
            return
        from .pages import open_pages

        def health() -> tuple[bool, dict[str, Any]]:
            going = self._thread is not None and self._thread.is_alive()
            stopping = self._stopping is None or self._stopping.is_set()
            return going and not stopping, {"serving": going and not stopping, "connectors": _names(self.registry)}

        self._pages = open_pages(self._address[0], self._http_port, health, self.metrics)


def _names(registry: ConnectorRegistry) -> str:
    return ", ".join(map(str, registry.connectors)) or "none"
