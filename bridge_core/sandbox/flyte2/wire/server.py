"""The Flyte 2 server: hypercorn on a thread of its own, because it alone serves HTTP/1.1, HTTP/2 without TLS and trailers.

Tried with it: grpcio, Connect over HTTP/1.1, gRPC-Web, the flyte SDK. uvicorn has no HTTP/2, granian and daphne no trailers,
without which gRPC cannot be answered.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from .routes import Routes
from .service import Guard, Service

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ...controls.calls import Calls
    from ...controls.faults import Faults

__all__ = ["Flyte2Server"]

_THREADS = 16
_BACKLOG = 256
_IDLE = 3600.0  # seconds that a connection may be idle
_CALLS = 1 << 62  # on one connection; hypercorn's 1,000 drop the call that comes next without an answer
_STREAMS = 10_000  # at once on one connection
_GRACE = 0.2  # seconds for calls in progress at the end


class Flyte2Server:
    """One listening server.

    Args:
        port: 0 for a free one.
        calls: Where calls are recorded.
        faults: What goes wrong on purpose.
        host: Address to listen on.
        check: Asked before each call, with method and headers; raises `Rejected` to refuse it.

    Raises:
        OSError: The port is taken.
    """

    def __init__(
        self,
        port: int,
        *,
        calls: Calls,
        faults: Faults,
        host: str = "127.0.0.1",
        check: Callable[[str, Mapping[str, str]], None] | None = None,
    ) -> None:
        self._socket = socket.socket()
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
            self._socket.listen(_BACKLOG)
        except BaseException:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sandbox-flyte2")
        self._guard = Guard(calls, faults, self._threads, check)
        self._routes = Routes()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox-flyte2", daemon=True)

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """Where streams are answered; None before the server has started."""
        return self._loop

    def add(self, descriptor: Any, *handlers: object) -> None:
        """Serves a service: methods that no handler object has answer UNIMPLEMENTED."""
        self._routes.add(Service(descriptor, self._guard, *handlers))

    def show_pages_at(self, url: str) -> None:
        """Sends browsers to the console: clients make URLs of runs from the address that they call."""
        self._routes.console = url

    def start(self) -> None:
        """Begins to answer; returns when it does."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Ends streams and the server, frees the port."""
        if self._thread.is_alive():
            assert self._loop is not None
            assert self._stopping is not None
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
        self._socket.close()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        from hypercorn.asyncio import serve
        from hypercorn.config import Config

        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        self._guard.started(self._stopping)
        config = Config()
        config.bind = [f"fd://{self._socket.detach()}"]  # from now on hypercorn's to close
        config.accesslog = None
        config.errorlog = None
        config.include_server_header = False
        config.keep_alive_timeout = _IDLE
        config.keep_alive_max_requests = _CALLS
        config.graceful_timeout = _GRACE
        config.h2_max_concurrent_streams = _STREAMS
        self._ready.set()
        await serve(self._routes, config, mode="asgi", shutdown_trigger=self._stopping.wait)  # type: ignore[arg-type]
