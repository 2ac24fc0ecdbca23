"""Deleting a run that Dagster's daemon starts at the same moment, and one that cannot be terminated."""

from __future__ import annotations

import pytest
from support.json_server import JsonHandler, serving

from bridge_core.connector import JobStillRunning
from dagster_integration.connectors.dagster import DagsterJob, DagsterJobConnector

RUN = DagsterJob("r1")


class Dagster(JsonHandler):
    """Has one run, whose statuses it gives one after the other: each question about it gives the next."""

    statuses: list[str]
    terminated = 0
    refuses = False

    def do_POST(self):
        kind = type(self)
        query = self.received()["query"]
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
        self.answer(200, data=answer)


@pytest.fixture
def dagster():
    handler = type("One", (Dagster,), {})
    with serving(handler) as url:
        handler.connector = DagsterJobConnector(url)
        yield handler
        handler.connector.close()


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
