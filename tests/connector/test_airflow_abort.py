"""Deleting a DAG run that its scheduler starts at the same moment: Airflow's database may lose the mark of the first one."""

from __future__ import annotations

import pytest

from airflow_provider.connectors.airflow import AirflowDagRun
from bridge_core.connector import JobStillRunning
from bridge_core.connector.errors import status_of

from .test_airflow_login import Airflow, airflow, connector  # noqa: F401 - fixtures

RUN = AirflowDagRun("d", "r")


class Scheduled(Airflow):
    """Has one run, whose mark the scheduler overwrites a few times."""

    state = "queued"
    overwrites = 0
    becomes = "running"
    marks: list[str]

    def do_GET(self):
        self.answer(200, state=self.state, note="by hand")

    def do_PATCH(self):
        kind = type(self)
        body = self.received()
        kind.marks = [*kind.marks, body["note"]]
        kind.state = body["state"] if len(kind.marks) > kind.overwrites else kind.becomes
        self.answer(200, **body)


@pytest.fixture
def run(airflow, connector):  # noqa: F811 - fixtures
    """Makes a function that deletes a run, and gives what was told to Airflow."""

    def delete(state, overwrites, becomes="running"):
        airflow.do_GET, airflow.do_PATCH = Scheduled.do_GET, Scheduled.do_PATCH
        airflow.state, airflow.overwrites, airflow.becomes, airflow.marks = state, overwrites, becomes, []
        connector.delete(RUN)
        return airflow

    return delete


@pytest.mark.parametrize(
    ("state", "overwrites"), [("running", 0), ("running", 1), ("queued", 0), ("queued", 1), ("queued", 3)]
)
def test_the_mark_is_set_again_until_it_stays(run, state, overwrites):
    airflow = run(state, overwrites)  # noqa: F811 - fixtures
    assert airflow.state == "failed"
    assert airflow.marks == ["Aborted by Flyte. by hand"] * (overwrites + 1)


def test_a_run_whose_skipped_tasks_are_called_a_success_is_marked_again(run):
    airflow = run("running", 1, "success")  # noqa: F811 - fixtures
    assert (airflow.state, len(airflow.marks)) == ("failed", 2)


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_run_that_goes_on_is_not_called_aborted(run, state):
    with pytest.raises(JobStillRunning, match="was marked as failed, and is running nevertheless") as caught:
        run(state, 9)
    assert status_of(caught.value) == "FAILED_PRECONDITION"


def test_a_run_that_has_ended_is_left_alone(run):
    assert run("success", 0).marks == []
