"""Deleting a run that Dagster's daemon starts at the same moment, and one that cannot be terminated."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bridge_core.connector import JobStillRunning
from dagster_integration.connectors.dagster import DagsterJob, DagsterJobConnector

RUN = DagsterJob("r1")


class Dagster(BaseHTTPRequestHandler):
    """Has one run, whose statuses it gives one after the other: each question about it gives the next."""

    statuses: list[str]
    terminated = 0
    refuses = False

    def do_POST(self):
        kind = type(self)
        query = json.loads(self.rfile.read(int(self.headers["content-length"])))["query"]
        if "terminateRun" in query:
            kind.terminated += 1
            failure = {"__typename": "TerminateRunFailure", "message": "it is STARTING"}
            answer = {"terminateRun": failure if self.refuses else {"__typename": "TerminateRunSuccess"}}
        else:
            status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            run = {
                "__typename": "Run",
                "runId": "r1",
                "status": status,
                "creationTime": 1.0,
                "tags": [],
                "stepStats": [],
            }
            answer = {"runOrError": run | {"assetMaterializations": []}}
        body = json.dumps({"data": answer}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def dagster():
    handler = type("One", (Dagster,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    handler.connector = DagsterJobConnector(f"http://127.0.0.1:{server.server_port}")
    yield handler
    handler.connector.close()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize(
    ("statuses", "questions"),
    [
        (["STARTED"], 1),
        (["QUEUED", "CANCELED"], 1),
        (["QUEUED", "STARTED"], 2),  # the daemon was quicker, and did not see that it was canceled
        (["CANCELED"], 0),
    ],
)
def test_a_run_is_terminated_until_it_is(dagster, statuses, questions):
    dagster.statuses = statuses
    dagster.connector.delete(RUN)
    assert dagster.terminated == questions


def test_a_run_that_cannot_be_terminated_is_not_called_so(dagster):
    dagster.statuses, dagster.refuses = ["STARTING"], True
    with pytest.raises(JobStillRunning, match="could not be terminated: it is STARTING"):
        dagster.connector.delete(RUN)
    assert dagster.terminated >= 2
