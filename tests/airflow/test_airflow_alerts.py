"""Alerts on what Airflow's triggerers tell: the sweep itself against a Flyte that refuses, minute by simulated minute."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager

import pytest
from airflow_home import LINE, PYTHON, ROOT
from support.prometheus import Recording, expressions_of, rules_of
from support.statsd import StatsdExporter

from bridge_core import Client, EntityRef, LaunchRequest, Provenance

pytestmark = pytest.mark.skipif(LINE == (3, 2), reason="opened by tasks alone there, for providers: docs/versions.md")

RULES = ROOT / "deploy" / "monitoring" / "alerts.yaml"
DASHBOARD = RULES.with_name("orchestrators.json")
GROUPS = ("flyte-bridge-airflow", "flyte-bridge-aborts")
# What `_run` of a triggerer does again and again, with a clock that a test moves.
SWEEPS = """
import sys
from airflow_provider._shared.metrics import count, gauge
from airflow_provider._sweep.sweeper import ConnectionSweep, tell
now = [0.0]
sweep = ConnectionSweep("flyte_default", clock=lambda: now[0])
for line in sys.stdin:
    now[0] = float(line)
    for what in ("launched", "attached", "aborted", "could_not_ask"):  # other parts of Airflow
        count(what)
    gauge("waiting", 3)
    gauge("poll_age", 5.0)
    sweep.begin([], "the-swept")
    sweep.end()
    tell([sweep], now[0])
    print("looked", flush=True)
"""


class Story:
    """A triggerer's sweep, once a minute."""

    def __init__(self, process, exporter):
        self._process, self._exporter = process, exporter
        self._minute = 0
        self.recording = Recording()

    def until(self, minute):
        while self._minute < minute:
            print(60 * self._minute, file=self._process.stdin, flush=True)
            while (said := self._process.stdout.readline()) != "looked\n":  # Airflow logs there, too
                assert said, "the sweep ended"
            self._minute += 1
            page = self._exporter.page("airflow_flyte_abort_overdue", "airflow_flyte_sweep_age", after=self._minute)
            self.recording.minute(page)

    def firing(self, folder, expected):
        return self.recording.firing(
            rules_of(RULES, folder, *GROUPS), folder, {60 * minute: names for minute, names in expected.items()}
        )


@pytest.fixture
def story(home):
    with StatsdExporter() as exporter:
        env = {
            **home.env,
            **exporter.environment,
            "AIRFLOW__FLYTE__SWEEP_PAUSE": "60",
            "_AIRFLOW_PROCESS_CONTEXT": "server",  # as in a triggerer's main process, which may read the database
        }
        pipe = subprocess.PIPE
        with subprocess.Popen([PYTHON, "-c", SWEEPS], env=env, stdin=pipe, stdout=pipe, text=True) as process:
            yield Story(process, exporter)
            process.stdin.close()


@pytest.fixture
def forgotten(sandbox):
    """Launches a run of a task that Airflow does not have any more."""
    launched = []

    def launch():
        provenance = Provenance(
            source="airflow", installation="the-swept", job="gone", run="manual__1", task="train", awaited=True
        )
        with Client(sandbox.config()) as client:
            ref = client.launch(
                LaunchRequest(
                    EntityRef.launch_plan("tests.held"), inputs={"n": 1, "at": "alerts"}, provenance=provenance
                )
            )
        launched.append(ref)
        return ref

    yield launch
    sandbox.faults.clear()
    with Client(sandbox.config()) as client:
        for ref in launched:
            if not client.describe(ref).phase.is_terminal:
                client.abort(ref, reason="the test is over")


@contextmanager
def refused(sandbox, method, when):
    sandbox.faults.fail(method, code="PERMISSION_DENIED", times=10_000, when=when)
    yield
    sandbox.faults.clear()


@pytest.mark.full
def test_nothing_fires_in_a_quiet_hour(story, forgotten, sandbox, tmp_path):
    story.until(10)
    ref = forgotten()
    story.until(13)
    assert aborts(sandbox, ref) == 1  # as it should be
    story.until(61)
    assert story.firing(tmp_path, {minute: [] for minute in range(61)}) == ""
    assert story.recording.shows(expressions_of(DASHBOARD, contain="airflow_"), tmp_path) == ""


@pytest.mark.full
def test_an_abort_is_owed(story, forgotten, sandbox, tmp_path):
    """And another run is aborted meanwhile: what Flyte refuses of one keeps no other from it."""
    ref, other = forgotten(), forgotten()
    with refused(sandbox, "TerminateExecution", lambda request: request.id.name == ref.name):
        story.until(16)
    assert aborts(sandbox, other) == 1
    assert aborts(sandbox, ref) == 0
    story.until(20)
    assert aborts(sandbox, ref) == 1
    expected = {0: [], 5: [], 10: [], 15: ["FlyteBridgeAbortsOwed"], 19: []}
    assert story.firing(tmp_path, expected) == ""


@pytest.mark.full
def test_nobody_can_look(story, sandbox, tmp_path):
    story.until(2)
    with refused(sandbox, "ListExecutions", lambda _request: True):
        story.until(22)
    story.until(25)
    expected = {1: [], 10: [], 21: ["FlyteBridgeNotSwept"], 24: []}
    assert story.firing(tmp_path, expected) == ""


def aborts(sandbox, ref):
    """That Flyte carried out."""
    return sum(
        call.request.id.name == ref.name and call.code == "OK" for call in sandbox.calls.of("TerminateExecution")
    )


GONE = """
import os
from airflow_provider._sweep.sweeper import ConnectionSweep
sweep = ConnectionSweep("flyte_default", clock=lambda: 60.0)
sweep.begin([], "the-swept")
sweep.end()
print(sweep.age(360.0))
del os.environ["AIRFLOW_CONN_FLYTE_DEFAULT"]
sweep.begin([], "the-swept")
sweep.end()
print(sweep.age(360.0))
"""


def test_a_connection_that_is_gone_is_missed_by_nobody(home):
    said = home.forked(GONE, env={"_AIRFLOW_PROCESS_CONTEXT": "server"})
    assert said.splitlines()[0] == "300.0"
    assert said.splitlines()[-1] == "0.0"


WAITS = """
import asyncio
from airflow_provider._shared.metrics import gauge
from airflow_provider._triggerer.poll_age import waiting

async def wait():
    with waiting():
        gauge("poll_age", 400.0)  # as it is told while Flyte is away

asyncio.run(wait())
"""


def test_an_age_ends_with_the_last_wait(home):
    """Somebody stops all tasks while Flyte is away: nobody would tell another age."""
    with StatsdExporter() as exporter:
        home.python(WAITS, env=exporter.environment)
        page = exporter.page("airflow_flyte_poll_age", "airflow_flyte_waiting", after=2)
    assert page.splitlines() == ["airflow_flyte_waiting 0.0", "airflow_flyte_poll_age 0.0"]
