"""``flyte-bridge scheduler`` and ``flyte-bridge trigger`` as people type them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.schedules import Stage, executions

from bridge_core.cli import main

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

Run = Callable[..., int]

FILE = """triggers:
  - {name: NAME-nightly, entity: WF, cron: "0 3 * * *", timezone: Europe/Berlin, inputs: {at: $trigger_time}}
  - {name: NAME-often, entity: WF, every: 1s, inputs: {at: $trigger_time}}
"""


@pytest.fixture
def name() -> str:
    return "c" + uuid.uuid4().hex[:8]


@pytest.fixture
def path(triggers: Callable[[str], Path], name: str) -> str:
    return str(triggers(FILE.replace("NAME", name)))


@pytest.fixture
def where(flyte_sandbox: Sandbox) -> list[str]:
    return ["--endpoint", flyte_sandbox.endpoint, "--insecure", "--project", "flytesnacks", "--domain", "development"]


def test_check_next_and_status(path: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scheduler", "check", path]) == 0
    assert f"{name}-nightly: launch_plan:" in capsys.readouterr().out
    assert main(["scheduler", "next", path, "--count", "3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert main(["trigger", "next", path, f"{name}-nightly", "--count", "2", "--output", "json"]) == 0
    ticks = [item["tick"] for item in json.loads(capsys.readouterr().out)]
    assert [tick[11:] for tick in ticks] == ["02:00:00+00:00"] * 2 or [tick[11:] for tick in ticks] == [
        "01:00:00+00:00"
    ] * 2
    assert main(["scheduler", "status", path]) == 0
    assert f"{name}-nightly: never run, at 03:00 every day (Europe/Berlin); next " in capsys.readouterr().out


def test_a_broken_file_is_bad_input(triggers: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    broken = str(triggers('triggers:\n  - {name: a, entity: b, cron: "0 0 32 2 *"}\n'))
    for action in ("check", "run", "status", "next"):
        assert main(["scheduler", action, broken]) == 2
        assert "line 2: trigger 'a': cron '0 0 32 2 *'" in capsys.readouterr().err


def test_run_status_pause_resume_and_stop(
    path: str, name: str, where: list[str], stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scheduler", "pause", path, f"{name}-often"]) == 4  # no scheduler has seen it yet
    command = [sys.executable, "-m", "bridge_core.cli", "scheduler", "run", path, *where]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            while len(executions(stage.raw, stage.workflow)) < 2:
                assert process.poll() is None
                time.sleep(0.05)
            assert main(["scheduler", "pause", path, f"{name}-often"]) == 0
            assert main(["scheduler", "status", path, "--output", "json"]) == 0
            rows = json.loads(capsys.readouterr().out.split("paused\n", 1)[1])
            assert [row["state"] for row in rows] == ["active", "paused"]
            assert rows[1]["last_state"] in ("launched", "pending")
            assert main(["scheduler", "resume", path, f"{name}-often"]) == 0
        finally:
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert f"tick {name}-often" in log
    assert "launched as flytesnacks/development/" in log
    assert "scheduler stopped" in log


def test_deploy_list_activate_and_deactivate(
    path: str, name: str, where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trigger", "deploy", path, *where]) == 0
    out = capsys.readouterr().out
    assert f"{name}-nightly: deployed as launch_plan:flytesnacks/development/{name}-nightly@bridge-" in out
    assert "active, CRON_TZ=Europe/Berlin 0 3 * * *, at is the tick" in out
    assert main(["trigger", "deploy", path, f"{name}-often", *where]) == 0
    assert f"{name}-often: is there already" in capsys.readouterr().out
    assert main(["trigger", "deactivate", f"{name}-often", *where]) == 0
    assert f"{name}-often: inactive, @every 1s" in capsys.readouterr().out
    assert main(["list", "triggers", *where]) == 0
    assert f"{name}-nightly: active, CRON_TZ=Europe/Berlin 0 3 * * *, at is the tick" in capsys.readouterr().out
    assert main(["trigger", "list", "--output", "json", *where]) == 0
    listed = {item["name"]: item["active"] for item in json.loads(capsys.readouterr().out)}
    assert (listed[f"{name}-nightly"], listed[f"{name}-often"]) == (True, False)
    assert main(["trigger", "activate", f"{name}-often", *where]) == 0
    assert main(["trigger", "deactivate", f"{name}-often", *where]) == 0
    assert main(["trigger", "activate", "pkg.none", *where]) == 4
    assert main(["trigger", "deploy", path, "nothing", *where]) == 4
    capsys.readouterr()


def test_backfill(path: str, name: str, where: list[str], stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    window = ["--from", "2026-11-01", "--to", "2026-11-04T00:00:00Z"]
    assert main(["trigger", "backfill", path, f"{name}-nightly", *window, "--dry-run"]) == 0
    assert capsys.readouterr().out.split() == [f"2026-11-0{day}T02:00:00Z" for day in (1, 2, 3)]
    assert main(["trigger", "backfill", path, f"{name}-nightly", *window, *where, "--max-parallel", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:5] for line in lines] == ["[1/3]", "[2/3]", "[3/3]"]
    assert all("SUCCEEDED" in line for line in lines)
    assert main(["trigger", "backfill", path, f"{name}-nightly", *window, *where]) == 0
    assert capsys.readouterr().out.count("(was there)") == 3
    assert len(executions(stage.raw, stage.workflow)) == 3
    assert main(["trigger", "backfill", path, f"{name}-nightly", "--from", "yesterday", "--to", "today"]) == 2
    assert "--from 'yesterday' is no time" in capsys.readouterr().err


def test_a_failing_backfill_says_so(
    triggers: Callable[[str], Path], where: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(triggers("triggers:\n  - {name: a, entity: pkg.none, cron: '@hourly'}\n"))
    window = ["--from", "2026-11-01T00:00:00Z", "--to", "2026-11-01T01:00:00Z"]
    assert main(["trigger", "backfill", path, "a", *window, *where]) == 1
    assert "not launched: " in capsys.readouterr().out
