"""An OTLP receiver in a process of its own, as a collector listens: gRPC, and HTTP with protobuf, made of OpenTelemetry's own
messages (opentelemetry-proto). What official exporters send is kept as one JSON object a line."""

from __future__ import annotations

import contextlib
import gzip
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Received:
    """One span."""

    name: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    error: str | None
    """The status's message, where it is ERROR."""
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Receiver:
    """A receiver that runs.

    Attributes:
        grpc: ``http://127.0.0.1:port``, for exporters of OTLP over gRPC.
        http: The same for OTLP over HTTP; exporters add ``/v1/traces``.
    """

    grpc: str
    http: str
    _file: Path

    def spans(self) -> list[Received]:
        """All that came until now, in their order."""
        return [Received(**json.loads(line)) for line in self._file.read_text().splitlines()]

    def until(self, found: Callable[[list[Received]], bool], seconds: float = 30) -> list[Received]:
        """All spans, as soon as this is true of them: exporters send in the background."""
        deadline = time.monotonic() + seconds
        while not found(spans := self.spans()):
            assert time.monotonic() < deadline, [span.name for span in spans]
            time.sleep(0.1)
        return spans


@contextlib.contextmanager
def otlp_receiver(directory: Path) -> Iterator[Receiver]:
    """Starts one, and ends it."""
    file = directory / "spans.jsonl"
    file.touch()
    with subprocess.Popen([sys.executable, __file__, str(file)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            over_grpc, over_http = process.stdout.readline().split()
            yield Receiver(f"http://127.0.0.1:{over_grpc}", f"http://127.0.0.1:{over_http}", file)
        finally:
            process.kill()


def _serve(file: Path) -> None:
    import grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

    answer = trace_service_pb2.ExportTraceServiceResponse()
    with file.open("a", buffering=1) as out:

        def keep(request: Any) -> None:
            for group in request.resource_spans:
                for scope in group.scope_spans:
                    out.write("".join(json.dumps(_plain(span)) + "\n" for span in scope.spans))

        class Traces(trace_service_pb2_grpc.TraceServiceServicer):
            def Export(self, request: Any, context: Any) -> Any:
                keep(request)
                return answer

        class Http(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                good = self.path == "/v1/traces" and self.headers["Content-Type"] == "application/x-protobuf"
                if good:
                    keep(trace_service_pb2.ExportTraceServiceRequest.FromString(body))
                self.send_response(200 if good else 404)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(answer.SerializeToString())

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        server = grpc.server(ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        http = ThreadingHTTPServer(("127.0.0.1", 0), Http)
        print(port, http.server_address[1], flush=True)
        http.serve_forever()


def _plain(span: Any) -> dict[str, Any]:
    return {
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "start": span.start_time_unix_nano,
        "end": span.end_time_unix_nano,
        "error": span.status.message if span.status.code == span.status.STATUS_CODE_ERROR else None,
        "attributes": {item.key: getattr(item.value, item.value.WhichOneof("value")) for item in span.attributes},
    }


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
