"""A whole DAG run of deferred tasks is stopped in one call: every run is aborted, once, and no other."""

from __future__ import annotations

import itertools
import signal
import time
from collections import Counter

import pytest
from airflow_waiting import eventually
from support.matrix import rows

from bridge_core import Client, EntityRef, LaunchRequest, Provenance

calls = itertools.count(1)


class Many:
    """A DAG run whose tasks wait for so many runs; and a run of somebody else's."""

    def __init__(self, airflow, home, sandbox, count):
        self.airflow, self.home, self.sandbox, self.count = airflow, home, sandbox, count
        self.run_id = f"many-{count}-{next(calls)}"
        self.instance = airflow.instance_id()
        home.script("deferred_rows.py", "many", self.run_id, str(count))
        with Client(sandbox.config()) as flyte:
            launched = flyte.launch_many([self._request(index) for index in range(count)])
            self.names = [ref.name for ref in launched]
            entity = EntityRef.launch_plan("tests.held", project="flytesnacks", domain="development")
            self.other = flyte.launch(LaunchRequest(entity, inputs={"n": 0, "at": "elsewhere"})).name

    def _request(self, index):
        return LaunchRequest(
            EntityRef.launch_plan("tests.held", project="flytesnacks", domain="development"),
            inputs={"n": index, "at": "here"},
            provenance=Provenance(
                source="airflow",
                installation=self.instance,
                job="many",
                run=self.run_id,
                task="run",
                part=str(index),
                identity="any/0",
                awaited=True,
            ),
        )

    def defer(self):
        self.home.script("deferred_rows.py", "many", self.run_id, stdin="\n".join(self.names))

    def watched(self):
        """Once the triggerer waits for all of them."""
        folder = self.home.root / "logs" / "dag_id=many" / f"run_id={self.run_id}"
        eventually(
            lambda: sum("waiting for run" in log.read_text() for log in folder.rglob("*.log*")) == self.count, 90
        )

    def stop(self, state="failed"):
        self.airflow.call("PATCH", f"/dags/many/dagRuns/{self.run_id}", state=state)

    def aborts(self):
        """Name of the run -> causes, of aborts that Flyte carried out."""
        names = {*self.names, self.other}
        found = {}
        for call in self.sandbox.calls.of("TerminateExecution"):
            if call.request.id.name in names and call.code == "OK":
                found.setdefault(call.request.id.name, []).append(call.request.cause)
        return found

    def all_aborted(self, timeout):
        eventually(lambda: len(self.aborts()) >= self.count, timeout, explain=lambda: f"{len(self.aborts())} aborted")
        time.sleep(2)
        aborts = self.aborts()
        assert set(aborts) == set(self.names)
        return aborts


@pytest.fixture
def many(airflow, home, sandbox):
    return lambda count: Many(airflow, home, sandbox, count)


@pytest.mark.parametrize("count", [200, pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
def test_all_are_aborted_when_the_triggerer_has_them(many, count):
    case = many(count)
    case.defer()
    case.watched()
    case.stop()
    aborts = case.all_aborted(60 + count / 5)
    assert Counter(len(causes) for causes in aborts.values()) == {1: count}
    causes = Counter(cause.rpartition(" ")[2] for (cause,) in aborts.values())
    assert causes == {"failed)": count}, "the triggerer stopped them all, and left nothing to the sweep"


@pytest.mark.parametrize(
    "count", [40, *rows(200), pytest.param(1000, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def test_all_are_aborted_after_the_triggerer_was_down(many, airflow, count):
    case = many(count)
    with airflow.without("triggerer"):
        case.defer()
        case.stop()
        assert not case.aborts()
    aborts = case.all_aborted(60 + count / 5)
    assert Counter(len(causes) for causes in aborts.values()) == {1: count}
    # By the sweep, or by a trigger that was still there when the triggerer came back: Airflow removes them when it gets to it.
    assert all("nobody waits for the run" in cause or cause.endswith("failed)") for (cause,) in aborts.values())


@pytest.mark.matrix
def test_a_triggerer_that_is_killed_meanwhile_leaves_the_rest_to_the_sweep(many, airflow):
    case = many(60)
    case.defer()
    case.watched()
    case.stop()
    with airflow.without("triggerer", number=signal.SIGKILL):
        pass
    case.all_aborted(90)


def test_what_still_waits_is_left_alone(many, airflow):
    """The sweep looks often in these tests: a run whose task waits is never taken for one that nobody waits for."""
    case = many(20)
    case.defer()
    case.watched()
    time.sleep(8)  # several looks
    assert not case.aborts()
    case.stop("success")
    case.all_aborted(60)
