"""Two replicas on PostgreSQL behind a probe loop, both replaced while fifty triggers fire each second: ``make test-long``."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.flyte import RawFlyte
from support.ports import free_ports
from support.schedules import executions

from bridge_core.scheduler import Store

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

TRIGGERS = 50
GRACE = 30
"""Seconds that Kubernetes gives a pod between SIGTERM and SIGKILL."""


@dataclass
class Replica:
    """One runner, its port, and what became of it."""

    command: list[str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith("FLYTE")}
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [*self.command, "--http-port", str(self.port)], stdout=out, stderr=out, env=environment
            )

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def wait_until_ready(self) -> None:
        while not self.ready():
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            time.sleep(0.1)

    def stop(self) -> float:
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(GRACE) == 0
        return time.monotonic() - begin


class Probe(threading.Thread):
    """Asks every replica that is there whether it is ready, as a service does, and remembers when none was."""

    def __init__(self, replicas: dict[str, Replica]) -> None:
        super().__init__(daemon=True)
        self._replicas = replicas
        self._over = threading.Event()
        self.rounds = 0
        self.red: list[float] = []

    def run(self) -> None:
        while not self._over.wait(0.1):
            self.rounds += 1
            if not any(replica.ready() for replica in list(self._replicas.values())):
                self.red.append(time.time())

    def end(self) -> None:
        self._over.set()
        self.join()


@pytest.fixture
def replicas() -> Iterator[dict[str, Replica]]:
    found: dict[str, Replica] = {}
    yield found
    for replica in found.values():
        replica.process.kill()
        replica.process.wait()


@pytest.fixture
def ground(raw: RawFlyte, workflow: str, postgresql_url: str) -> tuple[RawFlyte, str, str]:
    return raw, workflow, postgresql_url


def stamp(at: int, form: str) -> str:
    return time.strftime(form, time.gmtime(at))


@pytest.fixture
def path(triggers: Callable[[str], Path]) -> Path:
    lines = [
        f"  - {{name: t{n}, entity: WF, every: 1s, missed: all, inputs: {{at: $trigger_time}}}}\n"
        for n in range(TRIGGERS)
    ]
    return triggers("name: WF\ntriggers:\n" + "".join(lines))


@pytest.fixture
def command(flyte_sandbox: Sandbox, path: Path, postgresql_url: str) -> list[str]:
    command = [sys.executable, "-m", "bridge_core.cli", "scheduler", "run", str(path), "--state", postgresql_url]
    command += ["--endpoint", flyte_sandbox.endpoint, "--insecure", "--project", "flytesnacks"]
    return [*command, "--domain", "development", "--stop-timeout", "20"]


@pytest.fixture
def begin(command: list[str], tmp_path: Path, replicas: dict[str, Replica]) -> Callable[[str], None]:
    """Starts a replica of that name, and returns when it is ready."""

    def begin(name: str) -> None:
        replica = Replica(command, free_ports(1)[0], tmp_path / f"{name}.log")
        replica.wait_until_ready()
        replicas[name] = replica

    return begin


def test_both_are_replaced_and_no_tick_is_lost_or_doubled(
    ground: tuple[RawFlyte, str, str], path: Path, replicas: dict[str, Replica], begin: Callable[[str], None]
) -> None:
    raw, workflow, postgresql_url = ground
    begin("a1")
    begin("b1")
    probe = Probe(replicas)
    probe.start()
    stops = []
    time.sleep(5)
    for old, new in (("a1", "a2"), ("b1", "b2"), ("a2", "a3"), ("b2", "b3")):  # twice round, the leader among them
        begin(new)  # a surge of one, as the Deployment's strategy says
        stops.append(replicas.pop(old).stop())
        time.sleep(4)
    probe.end()
    end = int(time.time()) + 3
    path.write_text(path.read_text().replace("missed: all", f"missed: all, end: {stamp(end, '%Y-%m-%dT%H:%M:%SZ')}"))
    with Store(postgresql_url, workflow) as store:
        while time.time() < end + 3 or store.ticks("pending"):
            time.sleep(0.2)
        stops += [replicas.pop(name).stop() for name in ("a3", "b3")]
        assert not store.ticks("pending", "failed")
        rows = list(store.triggers().values())
    wanted = {(row.name, stamp(at, "%Y%m%dT%H%M%SZ")) for row in rows for at in range(row.anchor + 1, end)}
    seen = Counter(
        (item.spec.labels.values["flyte-bridge-trigger"], item.spec.labels.values["flyte-bridge-tick"])
        for item in executions(raw, workflow)
    )
    assert len(rows) == TRIGGERS
    assert set(seen) == wanted
    assert set(seen.values()) == {1}
    assert probe.red == []
    print(
        f"\n{len(wanted)} ticks of {TRIGGERS} triggers over {end - min(row.anchor for row in rows)} s, one run each; "
        f"{len(stops)} stops, the longest {max(stops):.1f} s; {probe.rounds} probes, none red"
    )
