"""Real processes that really die: ``make test-long``. Figures of the last run: docs/measured.md."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.flyte import RawFlyte
from support.schedules import executions

from bridge_core.scheduler import Store, default_state

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

TRIGGERS = 20
KILLS = 50


def twenty(write: Callable[[str], Path]) -> Path:
    lines = [
        f"  - {{name: t{n}, entity: WF, every: 1s, missed: all, inputs: {{at: $trigger_time}}}}\n"
        for n in range(TRIGGERS)
    ]
    return write("triggers:\n" + "".join(lines))


def runner(sandbox: Sandbox, path: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "bridge_core.cli", "scheduler", "run", str(path), "--endpoint", sandbox.endpoint]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FLYTE")}
    with log.open("ab") as out:
        return subprocess.Popen(
            [*command, "--insecure", "--project", "flytesnacks", "--domain", "development"],
            stdout=out, stderr=out, env=environment,
        )  # fmt: skip


def check(raw: RawFlyte, workflow: str, path: Path) -> tuple[int, int]:
    """Every tick from activation to the cursor has exactly one run. Returns ticks and seconds."""
    seen = Counter(
        (item.spec.labels.values["flyte-bridge-trigger"], item.spec.labels.values["flyte-bridge-tick"])
        for item in executions(raw, workflow)
    )
    wanted = []
    seconds = 0
    with Store(default_state(path)) as store:
        assert not store.ticks("pending")
        assert not store.ticks("failed")
        for row in store.triggers().values():
            seconds = max(seconds, row.cursor - row.anchor)
            wanted += [
                (row.name, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at)))
                for at in range(row.anchor + 1, row.cursor + 1)
            ]
    assert len({name for name, _ in wanted}) == TRIGGERS
    assert sorted(seen) == sorted(wanted)
    assert set(seen.values()) == {1}
    return len(wanted), seconds


def wait_until_settled(path: Path) -> None:
    deadline = time.monotonic() + 300
    with Store(default_state(path)) as store:
        while store.ticks("pending"):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def stop(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        assert process.wait(60) == 0


def test_fifty_kills(
    flyte_sandbox: Sandbox, raw: RawFlyte, workflow: str, triggers: Callable[[str], Path], tmp_path: Path
) -> None:
    path, log, chance = twenty(triggers), tmp_path / "runner.log", random.Random()
    for _ in range(KILLS):
        process = runner(flyte_sandbox, path, log)
        time.sleep(chance.uniform(0.2, 4.0))
        process.kill()
        process.wait()
    last = runner(flyte_sandbox, path, log)
    time.sleep(5)
    wait_until_settled(path)
    stop(last)
    wait_for_rest(flyte_sandbox, path, log)
    ticks, seconds = check(raw, workflow, path)
    text = log.read_text()
    print(
        f"\n{KILLS} kills in {seconds} s, {text.count('this runner leads')} times leading, {ticks} ticks of {TRIGGERS} triggers, "
        f"{text.count('launched as')} launches logged: one run each"
    )


def wait_for_rest(sandbox: Sandbox, path: Path, log: Path) -> None:
    """A stopped runner may leave ticks written down; the next one launches them. Until none is left."""
    for _ in range(20):
        with Store(default_state(path)) as store:
            if not store.ticks("pending"):
                return
        process = runner(sandbox, path, log)
        time.sleep(2)
        wait_until_settled(path)
        stop(process)
    raise AssertionError("ticks are left over whenever a runner stops")


def test_two_runners_for_a_minute(
    flyte_sandbox: Sandbox, raw: RawFlyte, workflow: str, triggers: Callable[[str], Path], tmp_path: Path
) -> None:
    path, log = twenty(triggers), tmp_path / "runner.log"
    both = [runner(flyte_sandbox, path, log) for _ in range(2)]
    time.sleep(60)
    stop(*both)
    wait_for_rest(flyte_sandbox, path, log)
    ticks, seconds = check(raw, workflow, path)
    print(f"\ntwo runners for {seconds} s: {ticks} ticks of {TRIGGERS} triggers, one run each")
