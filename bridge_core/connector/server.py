"""`ConnectorServer`: one process, one port, Flyte 1 and Flyte 2.

The gRPC server runs on an event loop in a thread of its own, so that it can live inside a test or beside other work. Connectors
run in their lanes, never on that loop.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ..model.errors import ConfigError, InvalidRequest
from .public import public
from .registry import ConnectorRegistry

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from ..http.pages import PageServer
    from .base import Connector
    from .dispatcher import Dispatcher
    from .metrics import ConnectorMetrics

__all__ = ["ConnectorServer", "ServerTls"]

_log = logging.getLogger("bridge_core.connector")
_START = 30.0  # seconds that opening a port may take
_MESSAGE_BYTES = 32 << 20
_PENDING = 50_000


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerTls:
    """Files for TLS. Read when the server starts."""

    certificate: str
    """PEM: the server's certificate and those between it and the authority."""
    key: str
    """PEM: its private key."""
    client_ca: str | None = None
    """PEM: who signs the certificates of callers. Given, callers without one are turned away (mutual TLS)."""


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

    Raises:
        InvalidRequest: A number that makes no sense.
        ConfigError: On entering: a port that is taken, a file that cannot be read.

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
        import grpc.aio

        from .dispatcher import Dispatcher
        from .wire import names
        from .wire.health import Health
        from .wire.serving import Later

        assert self._metrics is not None
        dispatcher = Dispatcher(self.registry, timeout=self._timeout, workers=self._workers, metrics=self._metrics)
        server = grpc.aio.server(
            options=(
                ("grpc.max_receive_message_length", self._max_message_bytes),
                ("grpc.max_send_message_length", -1),
                # By default gRPC cancels some of more than 1000 calls that came at once (grpc/grpc src/core/server/server.cc).
                ("grpc.server.max_pending_requests", _PENDING),
                ("grpc.server.max_pending_requests_hard_limit", 2 * _PENDING),
                ("grpc.so_reuseport", 0),  # a second server would silently share the port
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 5000),
            )
        )
        server.add_generic_rpc_handlers((Later("flyteidl.", lambda: _flyte1(dispatcher)),))
        services = list(names.FLYTE1)
        if self._flyte2:
            server.add_generic_rpc_handlers((Later("flyteidl2.", lambda: _flyte2(dispatcher)),))
            services += names.FLYTE2
        health = Health(services)
        server.add_generic_rpc_handlers((health.handler(),))
        self._port = self._bind(server)
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

    def _bind(self, server: Any) -> int:
        import grpc

        host, port = self._address
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            if self._tls is None:
                return int(server.add_insecure_port(where))
            client_ca = _read(self._tls.client_ca) if self._tls.client_ca else None
            credentials = grpc.ssl_server_credentials(
                [(_read(self._tls.key), _read(self._tls.certificate))],
                root_certificates=client_ca,
                require_client_auth=client_ca is not None,
            )
            return int(server.add_secure_port(where, credentials))
        except RuntimeError:
            raise ConfigError(
                f"connector server: {where} cannot be opened: another process has it, or the certificate and key do not fit; "
                "give another port (0 for a free one)"
            ) from None

    def _open_pages(self) -> None:
        if self._http_port is None:
            return
        from .pages import open_pages

        def health() -> tuple[bool, dict[str, Any]]:
            going = self._thread is not None and self._thread.is_alive()
            stopping = self._stopping is None or self._stopping.is_set()
            return going and not stopping, {"serving": going and not stopping, "connectors": _names(self.registry)}

        self._pages = open_pages(self._address[0], self._http_port, health, self.metrics)


def _flyte1(dispatcher: Dispatcher) -> dict[str, Any]:
    from .wire import flyte1

    return flyte1.handlers(dispatcher)


def _flyte2(dispatcher: Dispatcher) -> dict[str, Any]:
    from .wire import flyte2

    return flyte2.handlers(dispatcher)


def _names(registry: ConnectorRegistry) -> str:
    return ", ".join(map(str, registry.connectors)) or "none"


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigError(f"connector server: {path} cannot be read: {error.strerror}") from None
