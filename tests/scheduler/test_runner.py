"""The loop against the real embedded Flyte, with a clock that the test sets."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.schedules import DATETIME, NOON, Stage, executions, settle

from bridge_core import Client, Config, ConfigError
from bridge_core.scheduler import Scheduler, Store, default_state

if TYPE_CHECKING:
    pass

Write = Callable[[str], Path]
EVERY_MINUTE = 'triggers:\n  - {name: t, entity: WF, cron: "* * * * *", inputs: {at: $trigger_time}, missed: all}\n'


def label(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")


def test_a_tick_is_launched_once_with_its_own_time(stage: Stage) -> None:
    with stage.scheduler(stage.write(EVERY_MINUTE)) as scheduler:
        stage.run(scheduler, NOON, NOON + 59, NOON + 60.5, NOON + 61, NOON + 119)
        assert stage.ticks == [("t", label(NOON + 60))]
        stage.run(scheduler, NOON + 120)
    found = executions(stage.raw, stage.workflow)
    assert len(found) == 2


def test_trigger_time_is_the_tick_not_the_launch(stage: Stage) -> None:
    with stage.scheduler(stage.write(EVERY_MINUTE)) as scheduler:
        stage.run(scheduler, NOON, NOON + 97)
    (run,) = executions(stage.raw, stage.workflow)
    stage.client.wait(_ref(run)).raise_for_phase()
    assert stage.client.outputs(_ref(run))["at"] == datetime.fromtimestamp(NOON + 60, UTC)


def test_the_state_names_no_module_of_ours(stage: Stage, tmp_path: Path) -> None:
    """What is stored survives a move of our files."""
    path = stage.write(EVERY_MINUTE)
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON, NOON + 60)
    stored = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and "db" in file.name)
    assert b"t" in stored
    assert b"bridge_core" not in stored


def test_a_restart_continues_where_it_was(stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE)
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON, NOON + 60)
    stage.clock.at = NOON + 305
    with stage.scheduler(path) as scheduler:
        settle(scheduler)
    assert stage.ticks == [("t", label(NOON + 60 * n)) for n in range(1, 6)]


@pytest.mark.parametrize(("missed", "wanted"), [("latest", [10]), ("none", []), ("all, missed_cap: 3", [8, 9, 10])])
def test_missed_ticks_by_policy(missed: str, wanted: list[int], caplog: pytest.LogCaptureFixture, stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE.replace("missed: all", f"missed: {missed}, grace: 10s"))
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON)
    stage.clock.at = NOON + 10 * 60 + 30
    with stage.scheduler(path) as scheduler:
        settle(scheduler)
    assert stage.ticks == [("t", label(NOON + 60 * n)) for n in wanted]
    assert "tick t 2026-11-20T12:01:00Z missed: passed over" in caplog.text


def test_what_was_decided_is_launched_after_a_crash_whatever_the_policy(stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE.replace("missed: all", "missed: none"))
    scheduler = stage.scheduler(path)
    scheduler.step()
    stage.clock.at = NOON + 60
    scheduler._decide(NOON + 60)  # written down, and then the machine dies
    scheduler.close()
    stage.clock.at = NOON + 3600
    with stage.scheduler(path) as scheduler:
        settle(scheduler)
    assert stage.ticks[0] == ("t", label(NOON + 60))


def test_what_was_launched_and_not_written_down_is_found_again(stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE)
    scheduler = stage.scheduler(path)
    stage.run(scheduler, NOON)
    stage.clock.at = NOON + 60
    scheduler.step()
    while not executions(stage.raw, stage.workflow):
        time.sleep(0.01)
    assert [row.state for row in scheduler._store.ticks()] == ["pending"]  # launched; and then the machine dies
    scheduler._results = type(scheduler._results)()
    scheduler.close()
    with stage.scheduler(path) as scheduler:
        settle(scheduler)
        assert [row.state for row in scheduler._store.ticks()] == ["launched"]
    assert len(executions(stage.raw, stage.workflow)) == 1


@pytest.mark.parametrize("jump", [3600, -3600])
def test_a_jump_of_the_clock_neither_loses_nor_repeats_a_tick(jump: int, stage: Stage) -> None:
    with stage.scheduler(stage.write(EVERY_MINUTE)) as scheduler:
        stage.run(scheduler, NOON, NOON + 60, NOON + 120, NOON + 121 + jump, NOON + 181 + jump)
        stage.run(scheduler, NOON + 3600 + 300, NOON + 240, NOON + 3600 + 360)
    assert stage.ticks == [("t", label(NOON + 60 * n)) for n in range(1, 67)]


def test_two_runners_side_by_side(stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE)
    with stage.scheduler(path) as one, stage.scheduler(path) as two:
        for minute in range(5):
            stage.clock.at = NOON + 60 * minute
            settle(one, two)
        assert (one.leads, two.leads) == (True, False)
        one._lease.release()  # the leader is gone
        one._leads = False
        for minute in range(5, 10):
            stage.clock.at = NOON + 60 * minute
            settle(two, one)
        assert (one.leads, two.leads) == (False, True)
    assert stage.ticks == [("t", label(NOON + 60 * n)) for n in range(1, 10)]


def test_two_leaders_at_once_still_make_one_run_per_tick(stage: Stage) -> None:
    class Always:
        def hold(self) -> bool:
            return True

        def release(self) -> None:
            pass

    path = stage.write(EVERY_MINUTE)
    with stage.scheduler(path) as one, stage.scheduler(path) as two:
        one._lease, two._lease = Always(), Always()
        for minute in range(20):
            stage.clock.at = NOON + 60 * minute
            one.step()
            two.step()
        settle(one, two)
    assert stage.ticks == [("t", label(NOON + 60 * n)) for n in range(1, 20)]


@pytest.mark.parametrize(("overlap", "wanted"), [("skip", 1), ("queue", 4)])
def test_max_concurrency(overlap: str, wanted: int, stage: Stage) -> None:
    held = "s" + uuid.uuid4().hex[:12]
    stage.raw.register(held, {"at": DATETIME}, gate="approve", activate=True)
    text = EVERY_MINUTE.replace("WF", held).replace(
        "missed: all", f"missed: all, max_concurrency: 1, overlap: {overlap}"
    )
    with stage.scheduler(stage.write(text)) as scheduler:
        stage.run(scheduler, NOON, NOON + 60, NOON + 120, NOON + 180, NOON + 190)
        (_,) = executions(stage.raw, held)
        order = []
        for later in range(wanted):
            newest = max(executions(stage.raw, held), key=lambda item: item.spec.labels.values["flyte-bridge-tick"])
            order.append(newest.spec.labels.values["flyte-bridge-tick"])
            stage.raw.approve(newest.id.name)
            stage.client.wait(_ref(newest), poll_interval=0.02)
            stage.clock.at = NOON + 190 + 10 * (later + 1) if later < 2 else NOON + 245
            settle(scheduler)
        states = [row.state for row in scheduler._store.ticks()]
    assert len(order) == wanted
    assert order == sorted(order)
    if overlap == "skip":
        assert states == ["running", "skipped", "skipped"] or states[:3] == ["ended", "skipped", "skipped"]
    else:
        assert len(executions(stage.raw, held)) == 4
        assert "skipped" not in states


def test_pause_and_resume(stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE)
    with stage.scheduler(path) as scheduler, Store(default_state(path)) as store:
        stage.run(scheduler, NOON, NOON + 60)
        assert store.pause("t", paused=True, now=NOON + 60)
        stage.run(scheduler, NOON + 120, NOON + 180)
        assert store.pause("t", paused=False, now=NOON + 181)
        stage.run(scheduler, NOON + 240)
        assert not store.pause("other", paused=True, now=NOON)
    assert stage.ticks == [("t", label(NOON + 60)), ("t", label(NOON + 240))]


def test_a_changed_file_is_read_again_and_a_broken_one_is_not_used(
    caplog: pytest.LogCaptureFixture, stage: Stage
) -> None:
    path = stage.write(EVERY_MINUTE)
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON, NOON + 60)
        stage.write(EVERY_MINUTE + '  - {name: bad, entity: WF, cron: "0 0 32 2 *"}\n')
        stage.run(scheduler, NOON + 61, NOON + 62, NOON + 120)  # the previous one goes on
        assert "triggers.yaml, line 3: trigger 'bad'" in caplog.text
        assert caplog.text.count("is not used") == 1
        assert "line 3" in scheduler.health().details["file_trouble"]
        assert scheduler.metrics.get("reloads_total", result="refused") == 1
        path.unlink()
        stage.run(scheduler, NOON + 180)
        more = EVERY_MINUTE + '  - {name: new, entity: WF, cron: "* * * * *", inputs: {at: $trigger_time}}\n'
        stage.write(more.replace("name: t", "name: other", 1))
        stage.run(scheduler, NOON + 181, NOON + 240)
        assert scheduler.health().details["file_trouble"] is None
    assert stage.ticks == [
        ("new", label(NOON + 240)),
        ("other", label(NOON + 240)),
        *(("t", label(NOON + 60 * n)) for n in (1, 2, 3)),
    ]


def test_a_new_schedule_begins_now(stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE.replace("* * * * *", "0 0 1 1 *"))
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON)
    stage.write(EVERY_MINUTE)
    stage.clock.at = NOON + 3600
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON + 3600, NOON + 3660)
    assert stage.ticks == [("t", label(NOON + 3660))]


def test_a_broken_file_starts_nothing(stage: Stage) -> None:
    path = stage.write('triggers:\n  - {name: a, entity: WF, cron: "0 0 30 2 *"}\n')
    with pytest.raises(ConfigError, match="line 2"):
        Scheduler(stage.client, path)


def test_an_unreachable_flyte_is_asked_again(caplog: pytest.LogCaptureFixture, stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE)
    nowhere = Client(Config.for_endpoint("127.0.0.1:1", insecure=True, project="flytesnacks", domain="development"))
    with nowhere, Scheduler(nowhere, path, clock=stage.clock) as scheduler:
        stage.run(scheduler, NOON, NOON + 60)
        assert "will try again" in caplog.text
        assert scheduler.health().details["pending"] == 1
        scheduler._client = stage.client  # Flyte is back
        stage.run(scheduler, NOON + 62)
    assert stage.ticks == [("t", label(NOON + 60))]


def test_what_cannot_work_is_said_once_and_not_repeated(caplog: pytest.LogCaptureFixture, stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE.replace("entity: WF", "entity: pkg.missing"))
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON, NOON + 60, NOON + 90, NOON + 100)
        (row,) = scheduler._store.ticks()
        assert row.state == "failed"
        assert "pkg.missing" in row.note
    lines = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lines) == 1


def test_a_new_trigger_with_edited_inputs_attaches_to_the_run_of_its_tick(stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE)
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON, NOON + 60)
        _make_pending(scheduler._store)  # launched, not written down
    stage.write(EVERY_MINUTE.replace("$trigger_time", "2026-01-01T00:00:00Z"))
    with stage.scheduler(path) as scheduler:
        settle(scheduler)
        (row,) = scheduler._store.ticks()
        assert (row.state, row.note) == ("launched", "was launched before, with other at")
    assert len(executions(stage.raw, stage.workflow)) == 1


def test_jitter_delays_the_launch_and_not_the_tick(stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE.replace("missed: all", "missed: all, jitter: 20s"))
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON, NOON + 60)
        at = scheduler._plan.entry("t").launch_at(NOON + 60)  # type: ignore[union-attr]
        assert NOON + 60 < at <= NOON + 80
        stage.run(scheduler, at - 1)
        assert not executions(stage.raw, stage.workflow)
        stage.run(scheduler, at)
    assert stage.ticks == [("t", label(NOON + 60))]


def test_health_and_metrics(stage: Stage) -> None:
    with Scheduler(stage.client, stage.write(EVERY_MINUTE), clock=stage.clock, http_port=0) as scheduler:
        stage.run(scheduler, NOON, NOON + 60)
        assert scheduler.url is not None
        assert scheduler.url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{scheduler.url}/healthz") as answer:
            health = json.load(answer)
        assert (health["status"], health["triggers"], health["pending"]) == ("leader", 1, 0)
        with urllib.request.urlopen(f"{scheduler.url}/metrics") as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            text = answer.read().decode()
        assert 'flyte_bridge_scheduler_ticks_total{outcome="launched"} 1\n' in text
        assert "# TYPE flyte_bridge_scheduler_ticks_total counter" in text
        with pytest.raises(urllib.error.HTTPError) as missing:
            urllib.request.urlopen(f"{scheduler.url}/other")
        missing.value.close()
        port = int(scheduler.url.rpartition(":")[2])
        with pytest.raises(ConfigError, match=f"port {port} .* cannot be opened"):
            Scheduler(stage.client, stage.write(EVERY_MINUTE), http_port=port)


def test_the_loop_in_a_thread_stops_in_good_order(caplog: pytest.LogCaptureFixture, stage: Stage) -> None:
    caplog.set_level(logging.INFO, "bridge_core.scheduler")
    before = threading.active_count()
    with stage.scheduler(stage.write(EVERY_MINUTE)) as scheduler:
        scheduler.start()
        while not scheduler.leads:
            time.sleep(0.01)
        stage.clock.at = NOON + 60
        while scheduler.metrics.get("ticks_total", outcome="launched") < 1:
            time.sleep(0.01)
    assert threading.active_count() <= before
    (line,) = [record.getMessage() for record in caplog.records if "launched as" in record.getMessage()]
    assert line.startswith("tick t 2026-11-20T12:01:00Z launched as flytesnacks/development/b")
    assert "s late http" in line


def test_state_that_cannot_be_opened(tmp_path: Path, stage: Stage) -> None:
    path = stage.write(EVERY_MINUTE)
    with pytest.raises(ConfigError, match=r"the directory .* does not exist"):
        Scheduler(stage.client, path, state=f"sqlite:///{tmp_path}/none/state.db")
    with pytest.raises(ConfigError, match="give an SQLAlchemy URL"):
        Scheduler(stage.client, path, state="nonsense")
    assert os.listdir(tmp_path) == ["triggers.yaml"]  # noqa: PTH208


def _ref(execution: object) -> object:
    from bridge_core import RunRef

    return RunRef(execution.id.project, execution.id.domain, execution.id.name)  # type: ignore[attr-defined]


def _make_pending(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.execute(store.tables.ticks.update().values(state="pending", run="", note=""))
