"""A forward proxy: for plain HTTP as far as a token endpoint needs one, and tunnels (CONNECT); tells what went through."""

from __future__ import annotations

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx


class HttpProxy:
    """Use as a context manager.

    Attributes:
        away: True for hanging up on everybody, as if it were not there.
        asked: URL and ``Proxy-Authorization`` of each request.
        tunnels: ``HOST:PORT`` and ``Proxy-Authorization`` of each tunnel that was wanted; those that exist outlive `away`.
        refuse: Status for whoever wants a tunnel.
    """

    def __init__(self) -> None:
        self.away = False
        self.asked: list[tuple[str, str | None]] = []
        self.tunnels: list[tuple[str, str | None]] = []
        self.refuse = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                if proxy.away:
                    self.close_connection = True
                    return
                body = self.rfile.read(int(self.headers["Content-Length"]))
                proxy.asked.append((self.path, self.headers.get("Proxy-Authorization")))
                keep = {name: self.headers[name] for name in ("Content-Type", "Authorization") if name in self.headers}
                answer = httpx.post(self.path, content=body, headers=keep, trust_env=False)
                self.send_response(answer.status_code)
                self.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def do_CONNECT(self) -> None:
                self.close_connection = True
                proxy.tunnels.append((self.path, self.headers.get("Proxy-Authorization")))
                if proxy.refuse:
                    self.send_error(proxy.refuse)
                    return
                host, _, port = self.path.rpartition(":")
                with socket.create_connection((host.strip("[]"), int(port))) as server:
                    self.send_response(200)
                    self.end_headers()
                    back = threading.Thread(target=_pump, args=(server, self.connection), daemon=True)
                    back.start()
                    _pump(self.connection, server)
                    back.join()

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    for side in (source, sink):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)
