"""A forward proxy for plain HTTP, as far as a token endpoint needs one; tells what went through."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import httpx


class HttpProxy:
    """Use as a context manager.

    Attributes:
        away: True for hanging up on everybody, as if it were not there.
        asked: URL and ``Proxy-Authorization`` of each request.
    """

    def __init__(self) -> None:
        self.away = False
        self.asked: list[tuple[str, str | None]] = []
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
                self.send_header("Content-Length", str(len(answer.content)))
                self.end_headers()
                self.wfile.write(answer.content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()
