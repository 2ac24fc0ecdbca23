"""A clock that was a year ahead for seconds: seen in health, metrics, log and status, and cured by one command."""

from __future__ import annotations

import json
import logging
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from support.schedules import Stage, settle

from bridge_core.cli import main
from bridge_core.scheduler import Scheduler, Store, default_state

YEAR = 365 * 86400
FILE = """triggers:
  - {name: often, entity: WF, cron: "* * * * *", inputs: {at: $trigger_time}}
  - {name: every, entity: WF, every: 1m, inputs: {at: $trigger_time}}
  - {name: late, entity: WF, cron: "* * * * *", jitter: 3600, inputs: {at: $trigger_time}}
"""
NEW = "  - {name: new, entity: WF, every: 1m, inputs: {at: $trigger_time}}\n"


def minute(moment: float) -> int:
    return int(moment) // 60 * 60


@pytest.fixture
def now() -> int:
    """The command line asks the machine's clock; the scheduler starts two minutes ago by it."""
    return minute(time.time())


def ahead_for_seconds(stage: Stage, scheduler: Scheduler, path: Path, now: int) -> None:
    """Begins, jumps a year ahead (and learns of a new trigger there), comes back."""
    stage.run(scheduler, now - 120, now - 60, now - 59 + YEAR)
    path.write_text(path.read_text() + NEW.replace("WF", stage.workflow))
    stage.run(scheduler, now - 58 + YEAR, now - 57)


def health(scheduler: Scheduler) -> dict[str, Any]:
    with urllib.request.urlopen(f"{scheduler.url}/healthz") as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def launched(stage: Stage, since: int) -> set[str]:
    """Triggers that had a tick in the present from then on."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(since))
    until = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(since + 7200))
    return {trigger for trigger, tick in stage.ticks if stamp <= tick <= until}


def test_who_leads_no_more_tells_of_no_clock(stage: Stage, now: int) -> None:
    """Else an alert on the highest of all replicas would go on when the leader has been put right."""
    path = stage.write(FILE)
    with (
        Scheduler(stage.client, path, clock=stage.clock, http_port=0) as first,
        Scheduler(stage.client, path, clock=stage.clock, http_port=0) as second,
    ):
        stage.run(first, now - 120)
        ahead_for_seconds(stage, first, path, now)
        stage.run(first, now)
        assert first.metrics.get("triggers_ahead") == 4
        first._lease.release()
        settle(second, first)
        assert (second.leads, first.leads) == (True, False)
        assert (second.metrics.get("triggers_ahead"), first.metrics.get("triggers_ahead")) == (4, 0)
        assert health(first)["clock_trouble"] is None


def test_a_clock_that_was_ahead(
    stage: Stage, now: int, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "bridge_core.scheduler")
    path = stage.write(FILE)
    with Scheduler(stage.client, path, clock=stage.clock, http_port=0) as scheduler:
        stage.run(scheduler, now - 120)
        assert health(scheduler)["clock_trouble"] is None
        ahead_for_seconds(stage, scheduler, path, now)
        stage.run(scheduler, now, now + 60)
        assert launched(stage, now) == set(), "silent, as it is"

        trouble = health(scheduler)["clock_trouble"]
        assert "4 of 4 triggers are decided up to" in trouble
        assert f"flyte-bridge scheduler rewind {path}" in trouble
        assert [record.levelname for record in caplog.records if record.getMessage() == trouble] == ["ERROR"], "once"
        assert scheduler.metrics.get("triggers_ahead") == 4
        assert scheduler.metrics.get("ahead_seconds") > YEAR - 3600

        assert main(["scheduler", "status", str(path)]) == 0
        told = capsys.readouterr().out
        assert told.count("because a clock was ahead: scheduler rewind brings it back") == 4
        assert main(["scheduler", "status", str(path), "--output", "json"]) == 0
        assert {row["state"] for row in json.loads(capsys.readouterr().out)} == {"ahead"}

        assert main(["scheduler", "rewind", str(path)]) == 0
        assert capsys.readouterr().out.count("was decided up to") == 4
        stage.run(scheduler, time.time() + 61)  # the running one takes it over by itself
        assert health(scheduler)["clock_trouble"] is None
        assert scheduler.metrics.get("triggers_ahead") == 0
        stage.run(scheduler, time.time() + 125, time.time() + 3800)
        assert launched(stage, now) == {"often", "every", "late", "new"}
        ticks = stage.ticks
        assert len(ticks) == len(set(ticks)), "every tick once"
    assert main(["scheduler", "rewind", str(path), "--output", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 4, "an hour ahead by this machine's clock"
    assert main(["scheduler", "rewind", str(path)]) == 0
    assert "nothing to bring back" in capsys.readouterr().out


def test_ticks_that_were_missed_meanwhile(stage: Stage, now: int, capsys: pytest.CaptureFixture[str]) -> None:
    """``--to``: decided again from there on, by each trigger's policy; what was launched already stays one run."""
    path = stage.write(FILE.replace("jitter: 3600", "missed: all, missed_window: 7200"))
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, now - 3600, now - 3540, now - 3500 + YEAR, now - 3499)
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 3600))
    assert main(["scheduler", "rewind", str(path), "late", "--to", since]) == 0
    assert capsys.readouterr().out.count("was decided up to") == 1
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, now)
    tomorrow = time.strftime("%Y%m%d", time.gmtime(now + 86400))
    present = [item for item in stage.ticks if item[1] < tomorrow]
    assert len(present) == len(set(present))
    assert len([tick for trigger, tick in present if trigger == "late"]) == 60, "every minute of the hour"
    assert len([tick for trigger, tick in present if trigger == "often"]) == 1, "not named, so it stays silent"


def test_nothing_waits_for_the_future(stage: Stage, now: int) -> None:
    """A tick that was decided ahead of its time and not launched yet is decided anew when its time comes."""
    path = stage.write(FILE)
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, now - 120, now - 59 + YEAR, now - 58)
        assert [row.trigger for row in scheduler._store.ticks("pending")] == ["late"]
        assert main(["scheduler", "rewind", str(path)]) == 0
        settle(scheduler)
        assert scheduler._store.ticks("pending") == []
        assert scheduler.health().details["pending"] == 0


def test_what_rewind_refuses(stage: Stage, now: int, capsys: pytest.CaptureFixture[str]) -> None:
    path = stage.write(FILE)
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, now)
    assert main(["scheduler", "rewind", str(path), "nothere"]) == 4
    assert "no scheduler has seen trigger 'nothere' yet" in capsys.readouterr().err
    assert main(["scheduler", "rewind", str(path), "--to", "2999-01-01"]) == 2
    assert "is in the future by this machine's clock" in capsys.readouterr().err
    assert main(["scheduler", "rewind", str(path), "--to", "soon"]) == 2
    assert "--to 'soon'" in capsys.readouterr().err
    assert main(["scheduler", "rewind", str(path)]) == 0
    with Store(default_state(path), "default") as store:
        assert {row.cursor for row in store.triggers().values()} <= {now}
