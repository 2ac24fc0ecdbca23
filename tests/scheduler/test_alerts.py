"""Every alert fires when its fault is made, none in a quiet hour: real scheduler, page and Prometheus, simulated time.

Time begins at 0, because promtool's does.
"""

from __future__ import annotations

import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from sqlalchemy import create_engine
from support.deploy_files import DEPLOY
from support.prometheus import INTERVAL, Recording, program
from support.schedules import SetClock, Stage, settle

from bridge_core.scheduler import Scheduler

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

pytestmark = pytest.mark.full

RULES = DEPLOY / "monitoring" / "alerts.yaml"
FILE = 'triggers:\n  - {name: t, entity: WF, cron: "* * * * *", inputs: {at: $trigger_time}, missed: latest}\n'


@pytest.fixture
def clock() -> SetClock:
    return SetClock(at=0)


@pytest.fixture
def scheduler(stage: Stage) -> Iterator[Scheduler]:
    with Scheduler(stage.client, stage.write(FILE), clock=stage.clock, http_port=0) as scheduler:
        yield scheduler


class Story:
    """Goes through simulated time, one scrape after the other."""

    def __init__(self, scheduler: Scheduler, clock: SetClock, folder: Path) -> None:
        self._scheduler = scheduler
        self._clock = clock
        self._folder = folder
        self.recording = Recording()
        self._next = 0

    def until(self, minutes: float, step: Callable[[], None] | None = None, *, away: bool = False) -> None:
        while self._next < minutes * 60:
            self._clock.at = self._next
            if step is None:
                settle(self._scheduler)
            else:
                step()
            self.recording.scrape(None if away else self._scheduler.url)
            self._next += INTERVAL

    def fires(self, name: str, *, at: float, quiet_at: tuple[float, ...] = (1,)) -> None:
        """That this alert and no other fires at this minute, and none at those."""
        expected = {int(60 * minute): [name] if minute == at else [] for minute in (at, *quiet_at)}
        assert self.recording.firing(RULES, self._folder, expected) == ""


@pytest.fixture
def story(scheduler: Scheduler, clock: SetClock, tmp_path: Path) -> Story:
    return Story(scheduler, clock, tmp_path)


def test_the_rules_are_good() -> None:
    done = subprocess.run([program("promtool"), "check", "rules", str(RULES)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_is_good(scheduler: Scheduler) -> None:
    with urllib.request.urlopen(f"{scheduler.url}/metrics") as answer:
        text = answer.read()
    done = subprocess.run([program("promtool"), "check", "metrics"], input=text, capture_output=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def test_nothing_fires_in_a_quiet_hour(scheduler: Scheduler, stage: Stage, story: Story, tmp_path: Path) -> None:
    with Scheduler(stage.client, scheduler.path, clock=stage.clock, http_port=0) as standby:
        for at in range(0, 3600 + INTERVAL, INTERVAL):
            stage.clock.at = at
            settle(scheduler, standby)
            story.recording.scrape(scheduler.url, standby.url)
    assert len(stage.ticks) == 60
    expected: dict[int, list[str]] = {60 * minute: [] for minute in range(61)}
    assert story.recording.firing(RULES, tmp_path, expected) == ""


def test_nothing_fires_while_replicas_are_replaced(
    scheduler: Scheduler, stage: Stage, story: Story, tmp_path: Path
) -> None:
    story.until(5)
    with Scheduler(stage.client, scheduler.path, clock=stage.clock, http_port=0) as new:
        scheduler._lease.release()
        for at in range(300, 900, INTERVAL):
            stage.clock.at = at
            settle(new)
            story.recording.scrape(None, new.url)
        assert new.leads
    expected: dict[int, list[str]] = {60 * minute: [] for minute in range(15)}
    assert story.recording.firing(RULES, tmp_path, expected) == ""


def test_no_leader(scheduler: Scheduler, stage: Stage, story: Story) -> None:
    scheduler._lease = Nobody()
    story.until(4)
    story.fires("FlyteBridgeNoLeader", at=3)


class Nobody:
    """A lease that somebody else has, of whom nothing is seen."""

    def hold(self) -> bool:
        return False

    def release(self) -> None:
        pass


def test_no_scheduler_at_all(story: Story) -> None:
    story.until(3)
    story.until(12, lambda: None, away=True)
    story.fires("FlyteBridgeNoLeader", at=11, quiet_at=(1, 3))


def test_ticks_late(story: Story, flyte_sandbox: Sandbox) -> None:
    story.until(2)
    flyte_sandbox.faults.fail("CreateExecution", code="RESOURCE_EXHAUSTED", times=10_000)
    story.until(10)
    flyte_sandbox.faults.clear()
    story.until(13)
    story.fires("FlyteBridgeTicksLate", at=9, quiet_at=(1, 5, 12.5))


def test_launches_refused(stage: Stage, story: Story) -> None:
    story.until(2)
    stage.write(FILE.replace("inputs: {", "inputs: {no_such_input: 1, "))
    story.until(4)
    story.fires("FlyteBridgeLaunchesRefused", at=3.5)


def test_flyte_cannot_be_asked(story: Story, flyte_sandbox: Sandbox) -> None:
    story.until(2)
    flyte_sandbox.faults.fail("CreateExecution", times=10_000)
    story.until(7)
    flyte_sandbox.faults.clear()
    story.until(14)
    # With ticks every minute the oldest is as late as Flyte is away: this alert comes first.
    story.fires("FlyteBridgeCannotAskFlyte", at=8, quiet_at=(1, 2, 13.5))


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "PERMISSION_DENIED"])
def test_login_refused(story: Story, flyte_sandbox: Sandbox, code: str) -> None:
    story.until(2)
    flyte_sandbox.faults.fail("CreateExecution", code=code, times=10_000)
    story.until(5)
    flyte_sandbox.faults.clear()
    story.fires("FlyteBridgeLoginRefused", at=4)


def test_an_error_of_ours(scheduler: Scheduler, story: Story) -> None:
    story.until(2)
    scheduler._client = None  # type: ignore[assignment]
    story.until(4)
    story.fires("FlyteBridgeUnexpectedError", at=3.5)


def test_the_state_cannot_be_used(scheduler: Scheduler, story: Story, clock: SetClock) -> None:
    story.until(2)
    good = scheduler._store.engine
    scheduler.start()

    def another_round() -> None:
        before = scheduler.metrics.get("state_errors_total")
        while scheduler.metrics.get("state_errors_total") == before:
            time.sleep(0.01)

    scheduler._store.engine = create_engine("sqlite:////nowhere/state.db")
    story.until(4, another_round)
    scheduler._store.engine = good
    story.fires("FlyteBridgeStateTrouble", at=3.5)


def test_the_loop_is_stuck(story: Story) -> None:
    story.until(2)
    story.until(6, lambda: None)
    story.fires("FlyteBridgeStuck", at=5.5, quiet_at=(1, 3))


def test_the_triggers_file_is_refused(stage: Stage, story: Story) -> None:
    story.until(2)
    stage.write(FILE.replace("* * * * *", "61 * * * *"))
    story.until(9)
    stage.write(FILE)
    story.until(11)
    story.fires("FlyteBridgeTriggersFileRefused", at=8.5, quiet_at=(1, 4, 10.5))


def test_a_clock_was_ahead(scheduler: Scheduler, stage: Stage, story: Story) -> None:
    story.until(2)
    stage.clock.at = 10**7
    settle(scheduler)
    with scheduler._store.engine.begin() as connection:  # the policy's alert is another test's
        connection.execute(scheduler._store.tables.ticks.delete())
    scheduler.metrics._values["passed_over_total", ""] = 0
    story.until(9)
    story.fires("FlyteBridgeClockAhead", at=8)


def test_missed_ticks_are_passed_over(stage: Stage, scheduler: Scheduler, story: Story, tmp_path: Path) -> None:
    """After an outage, as a rule: in the first round of a new pod, before its first scrape."""
    story.until(2)
    scheduler.close()
    for _ in range(18 * 60 // INTERVAL):
        story.recording.scrape(None)
    with Scheduler(stage.client, scheduler.path, clock=stage.clock, http_port=0) as new:
        for at in range(20 * 60, 40 * 60, INTERVAL):
            stage.clock.at = at
            settle(new)
            story.recording.scrape(None, new.url)
    expected = {60: [], 21 * 60: ["FlyteBridgeTicksPassedOver"], 39 * 60: []}
    assert story.recording.firing(RULES, tmp_path, expected) == ""


class Exporter(BaseHTTPRequestHandler):
    """The one line that matters of what statsd_exporter shows of a triggerer."""

    age = 0.0

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"airflow_flyte_poll_age {self.age}\n".encode())

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


def test_waits_go_unanswered(scheduler: Scheduler, clock: SetClock, tmp_path: Path) -> None:
    recording = Recording()
    with ThreadingHTTPServer(("127.0.0.1", 0), Exporter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for now in range(0, 20 * 60, INTERVAL):
            clock.at = now
            settle(scheduler)
            Exporter.age = now - 300.0 if 300 <= now < 900 else 5.0  # away from the 5th minute to the 15th
            recording.scrape(scheduler.url, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
    expected: dict[int, list[str]] = {60 * minute: [] for minute in (1, 5, 10, 17)}
    assert recording.firing(RULES, tmp_path, {**expected, 60 * 13: ["FlyteBridgeWaitsUnanswered"]}) == ""


def test_every_alert_has_a_test_and_stands_on_the_page() -> None:
    names = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    page = (DEPLOY.parent / "docs" / "deployment.md").read_text()
    assert names == {name for name in names if f"| {name} |" in page}
    tests = Path(__file__).parents[1]
    files = (Path(__file__), tests / "airflow" / "test_airflow_alerts.py", tests / "dagster" / "test_dagster_alerts.py")
    source = "".join(path.read_text() for path in files)
    assert names == {name for name in names if f'"{name}"' in source}
