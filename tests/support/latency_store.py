"""A program: FlyteAdmin's CreateUploadLocation and an object store, both behind a network with latency.

``python tests/support/latency_store.py RTT_MS FOLDER`` prints ``GRPC_PORT HTTP_PORT BARE_HTTP_PORT`` and serves until its
input ends. The store computes an MD5 of every object and writes it to the folder, as stores do. `DelayLine` is the network:
bytes arrive half a round trip later, a connection costs a round trip before its first byte, and no more than 4 MiB of a
connection are on the way (what Linux allows by default, ``tcp_wmem``), so that a long way is also a narrow one.
"""

from __future__ import annotations

import base64
import collections
import contextlib
import hashlib
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

WINDOW = 4 << 20
CHUNK = 1 << 18


class DelayLine:
    """Forwards a port of its own to another one, late.

    Args:
        port: Where to.
        rtt: Seconds there and back.
    """

    def __init__(self, port: int, rtt: float) -> None:
        self._target = ("127.0.0.1", port)
        self._rtt = rtt
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            opened = time.monotonic() + self._rtt
            server = socket.create_connection(self._target)
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink in ((client, server), (server, client)):
                _Pump(source, sink, self._rtt / 2, opened)


class _Pump:
    """One direction: one thread takes bytes in, another lets them out when they are due."""

    def __init__(self, source: socket.socket, sink: socket.socket, delay: float, opened: float) -> None:
        self._source, self._sink, self._delay, self._opened = source, sink, delay, opened
        self._line: collections.deque[tuple[float, bytes]] = collections.deque()
        self._held = 0
        self._changed = threading.Condition()
        for target in (self._take, self._give):
            threading.Thread(target=target, daemon=True).start()

    def _take(self) -> None:
        data = b"x"
        while data:
            try:
                data = self._source.recv(CHUNK)
            except OSError:
                data = b""
            with self._changed:
                self._changed.wait_for(lambda: self._held < WINDOW)
                self._line.append((max(time.monotonic(), self._opened) + self._delay, data))
                self._held += len(data)
                self._changed.notify_all()

    def _give(self) -> None:
        data = b"x"
        while data:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._line))
                due, data = self._line[0]
            if (left := due - time.monotonic()) > 0:
                time.sleep(left)
            with contextlib.suppress(OSError):
                self._sink.sendall(data)
                if not data:
                    self._sink.shutdown(socket.SHUT_WR)
            # A window opens again when the acknowledgement is back, half a round trip after the bytes arrived.
            threading.Timer(self._delay, self._release, [len(data)]).start() if len(data) == CHUNK else self._release(
                len(data)
            )
            with self._changed:
                self._line.popleft()

    def _release(self, size: int) -> None:
        with self._changed:
            self._held -= size
            self._changed.notify_all()


class Handler(BaseHTTPRequestHandler):
    """PUT below the folder."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def log_message(self, *args: Any) -> None:
        pass

    def do_PUT(self) -> None:
        left, digest = int(self.headers["Content-Length"]), hashlib.md5()
        place = self.folder / self.path.partition("?")[0].lstrip("/").replace("/", "_")
        with place.open("wb") as file:
            while left:
                chunk = self.rfile.read(min(left, 1 << 20))
                digest.update(chunk)
                file.write(chunk)
                left -= len(chunk)
        place.unlink()
        wanted = self.headers.get("Content-MD5")
        good = wanted in (None, base64.b64encode(digest.digest()).decode())
        self.send_response(200 if good else 400)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main() -> None:
    import grpc
    from flyteidl.service import dataproxy_pb2

    rtt, folder = float(sys.argv[1]) / 1000, Path(sys.argv[2])
    Handler.folder = folder
    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.request_queue_size = 128
    http.socket.listen(128)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    bare = http.server_address[1]
    line = DelayLine(bare, rtt)

    def locate(request: Any, context: Any) -> Any:
        key = f"{request.project}/{request.filename_root or request.content_md5.hex()}/{request.filename}"
        return dataproxy_pb2.CreateUploadLocationResponse(
            signed_url=f"http://127.0.0.1:{line.port}/{key}?signature=x", native_url=f"s3://bucket/{key}"
        )

    class Service(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            if details.method.endswith("/CreateUploadLocation"):
                return grpc.unary_unary_rpc_method_handler(
                    locate,
                    dataproxy_pb2.CreateUploadLocationRequest.FromString,
                    dataproxy_pb2.CreateUploadLocationResponse.SerializeToString,
                )
            return None

    server = grpc.server(ThreadPoolExecutor(16))
    server.add_generic_rpc_handlers((Service(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(DelayLine(port, rtt).port, line.port, bare, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
