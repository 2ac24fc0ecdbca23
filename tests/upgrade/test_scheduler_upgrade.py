"""Runners of two releases on one state: killed and replaced by each other, and side by side. Runs are counted at Flyte."""

from __future__ import annotations

import itertools
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.flyte import RawFlyte
from support.releases import Release
from support.schedules import DATETIME, executions

from bridge_core.scheduler import Store, default_state

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

pytestmark = pytest.mark.upgrade

TRIGGERS = 10


@dataclass
class Ground:
    """One triggers file, its state, and everybody who was started on it."""

    endpoint: str
    raw: RawFlyte
    name: str
    path: Path
    state: str
    processes: list[subprocess.Popen[bytes]]

    def start(self, release: Release) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "bridge_core.cli", "scheduler", "run", str(self.path), "--state", self.state]
        command += ["--endpoint", self.endpoint, "--insecure", "--project", "flytesnacks", "--domain", "development"]
        command += ["--lease", "1"]
        with self.path.with_name("log").open("ab") as log:
            process = subprocess.Popen(command, env=release.environment(), cwd=self.path.parent, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def settle(self, *running: Release) -> None:
        """Ends the schedules, and has everything that was decided launched."""
        end = int(time.time()) + 2
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(end))
        self.path.write_text(self.path.read_text().replace("missed: all", f"missed: all, end: {moment}"))
        with Store(self.state, self.name) as store:
            while time.time() < end + 3 or store.ticks("pending"):
                time.sleep(0.1)
            assert not store.ticks("failed")
            rows = store.triggers().values()
        wanted = {(row.name, tag(at)) for row in rows for at in range(row.anchor + 1, end)}
        seen = Counter(
            (item.spec.labels.values["flyte-bridge-trigger"], item.spec.labels.values["flyte-bridge-tick"])
            for item in executions(self.raw, self.name)
        )
        assert len(rows) == TRIGGERS
        assert set(seen) == wanted
        assert set(seen.values()) == {1}
        print(f"\n{len(wanted)} ticks, one run each")


def tag(at: int) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at))


@pytest.fixture(params=["sqlite", "postgresql"])
def ground(
    request: pytest.FixtureRequest, flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path
) -> Iterator[Ground]:
    raw.register(name, {"at": DATETIME}, activate=True)
    path = tmp_path / "triggers.yaml"
    lines = [
        f"  - {{name: t{n}, entity: {name}, every: 1s, missed: all, inputs: {{at: $trigger_time}}}}\n"
        for n in range(TRIGGERS)
    ]
    path.write_text(f"name: {name}\ntriggers:\n" + "".join(lines))
    state = default_state(path) if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    ground = Ground(flyte_sandbox.endpoint, raw, name, path, state, [])
    yield ground
    for process in ground.processes:
        process.kill()
        process.wait()


def test_each_goes_on_where_the_other_was_killed(ground: Ground, releases: tuple[Release, Release]) -> None:
    before, after = releases
    for release in (before, after, before, after):
        runner = ground.start(release)
        time.sleep(4)
        assert runner.poll() is None, ground.path.with_name("log").read_text()[-3000:]
        runner.kill()
        runner.wait()
    ground.start(after)
    ground.settle()


def test_replicas_of_both_side_by_side(ground: Ground, releases: tuple[Release, Release]) -> None:
    """As in a rolling upgrade that takes its time, and is turned back half-way."""
    running = [ground.start(releases[0])]
    for release in itertools.islice(itertools.cycle(reversed(releases)), 4):
        time.sleep(2.5)
        running.append(ground.start(release))
        time.sleep(2.5)
        oldest = running.pop(0)
        oldest.terminate()
        assert oldest.wait(30) == 0
    ground.settle()
