"""A TCP proxy that misbehaves on demand: between a real client and a real server, no mocks."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self


class Proxy:
    """Forwards a free loopback port to a server, until told otherwise.

    Modes, switchable at any time, for connections that exist and those to come:

    * ``pass``: forward;
    * ``hole``: keep connections open and swallow everything in both directions (a firewall that forgot us);
    * ``deaf``: forward what the client says, swallow the answers (a half-open connection).
    """

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._listener: socket.socket | None = None
        self._port = 0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._mode = "pass"
        self._sticky: dict[int, str] = {}
        self._stall_until = 0.0
        self._lock = threading.Lock()
        self.connections = 0

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Listens (again, on the same port)."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen(64)
        with self._lock:
            self._listener, self._port = listener, listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Stops listening and cuts every connection: from now on, connection refused."""
        with self._lock:
            listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.cut()

    def cut(self) -> None:
        """Resets all connections that exist; new ones work."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for side in pair:
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
                side.close()

    def mode(self, mode: str, *, old_connections_only: bool = False) -> None:
        """Switches the mode; optionally for the connections that exist now, for ever, while new ones pass."""
        with self._lock:
            if old_connections_only:
                self._sticky.update({id(pair[0]): mode for pair in self._pairs})
            else:
                self._mode = mode

    def stall(self, seconds: float) -> None:
        """Delivers everything late for a while: nothing moves until then."""
        self._stall_until = time.monotonic() + seconds

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target, timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._lock:
                current = self._listener is listener
                if current:
                    self.connections += 1
                    self._pairs.append((client, server))
            if not current:  # closed since it was accepted: `cut` has not seen this pair
                client.close()
                server.close()
                return
            for source, sink, answers in ((client, server, False), (server, client, True)):
                threading.Thread(target=self._pump, args=(source, sink, answers, id(client)), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool, key: int) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                while time.monotonic() < self._stall_until:
                    time.sleep(0.02)
                mode = self._sticky.get(key, self._mode)
                if mode == "hole" or (mode == "deaf" and answers):
                    continue
                sink.sendall(data)
        for side in (source, sink):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)
