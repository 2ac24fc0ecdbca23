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
from dataclasses import dataclass
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


EVERYWHERE = pytest.mark.parametrize("database", ["sqlite", "postgresql"])


@dataclass(frozen=True)
class Ground:
    """Where a campaign takes place."""

    sandbox: Sandbox
    raw: RawFlyte
    workflow: str
    path: Path
    state: str

    def runner(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "bridge_core.cli", "scheduler", "run", str(self.path)]
        command += [
            "--endpoint",
            self.sandbox.endpoint,
            "--insecure",
            "--project",
            "flytesnacks",
            "--domain",
            "development",
        ]
        if self.state:
            command += ["--state", self.state, "--lease", "1"]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("FLYTE")}
        with self.log.open("ab") as out:
            return subprocess.Popen(command, stdout=out, stderr=out, env=environment)

    @property
    def log(self) -> Path:
        return self.path.with_name("runner.log")

    def store(self) -> Store:
        return Store(self.state or default_state(self.path), self.workflow)


def twenty(write: Callable[[str], Path]) -> Path:
    lines = [
        f"  - {{name: t{n}, entity: WF, every: 1s, missed: all, inputs: {{at: $trigger_time}}}}\n"
        for n in range(TRIGGERS)
    ]
    return write("name: WF\ntriggers:\n" + "".join(lines))


def check(ground: Ground) -> tuple[int, int]:
    """Every tick from activation to the cursor has exactly one run. Returns ticks and seconds."""
    seen = Counter(
        (item.spec.labels.values["flyte-bridge-trigger"], item.spec.labels.values["flyte-bridge-tick"])
        for item in executions(ground.raw, ground.workflow)
    )
    wanted = []
    seconds = 0
    with ground.store() as store:
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


def wait_until_settled(ground: Ground) -> None:
    deadline = time.monotonic() + 300
    with ground.store() as store:
        while store.ticks("pending"):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def stop(*processes: subprocess.Popen[bytes]) -> None:
    for process in processes:
        process.send_signal(signal.SIGTERM)
    for process in processes:
        assert process.wait(60) == 0


@pytest.fixture
def state(request: pytest.FixtureRequest, database: str) -> str:
    return str(request.getfixturevalue("postgresql_url")) if database == "postgresql" else ""


@pytest.fixture
def ground(flyte_sandbox: Sandbox, raw: RawFlyte, workflow: str, triggers: Callable[[str], Path], state: str) -> Ground:
    return Ground(flyte_sandbox, raw, workflow, twenty(triggers), state)


@EVERYWHERE
def test_fifty_kills(ground: Ground) -> None:
    chance = random.Random()
    for _ in range(KILLS):
        process = ground.runner()
        time.sleep(chance.uniform(0.2, 4.0))
        process.kill()
        process.wait()
    last = ground.runner()
    time.sleep(5)
    wait_until_settled(ground)
    stop(last)
    wait_for_rest(ground)
    ticks, seconds = check(ground)
    text = ground.log.read_text()
    print(
        f"\n{KILLS} kills in {seconds} s, {text.count('this runner leads')} times leading, {ticks} ticks of {TRIGGERS} triggers, "
        f"{text.count('launched as')} launches logged: one run each"
    )


def wait_for_rest(ground: Ground) -> None:
    """A stopped runner may leave ticks written down; the next one launches them. Until none is left."""
    for _ in range(20):
        with ground.store() as store:
            if not store.ticks("pending"):
                return
        process = ground.runner()
        time.sleep(2)
        wait_until_settled(ground)
        stop(process)
    raise AssertionError("ticks are left over whenever a runner stops")


@EVERYWHERE
def test_two_runners_for_a_minute(ground: Ground) -> None:
    both = [ground.runner() for _ in range(2)]
    time.sleep(60)
    stop(*both)
    wait_for_rest(ground)
    ticks, seconds = check(ground)
    print(f"\ntwo runners for {seconds} s: {ticks} ticks of {TRIGGERS} triggers, one run each")
