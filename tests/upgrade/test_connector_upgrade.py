"""Jobs of a connector service that is killed and replaced by the other release, which knows of them what Flyte stored."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.ports import free_ports
from support.releases import Release

from bridge_core import Client, ConnectorTask, LaunchRequest
from bridge_core.sandbox import Sandbox

pytestmark = pytest.mark.upgrade

SERVICE = Path(__file__).parents[1] / "sandbox" / "bridge_connector_server.py"


class Jobs:
    """The service of one release at a time, on one port, and the folder that is its job service."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        (self._port,) = free_ports(1)
        self._process: subprocess.Popen[str] | None = None

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self, release: Release) -> None:
        command = [sys.executable, str(SERVICE), str(self._folder), str(self._port)]
        self._process = subprocess.Popen(command, env=release.environment(), stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert int(self._process.stdout.readline()) == self._port

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None

    def calls(self, kind: str) -> list[str]:
        log = self._folder / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.split()[1] for line in lines if line.split()[0] == kind]

    def end(self, job: int) -> None:
        part = self._folder / "part"
        part.write_text("SUCCEEDED")
        part.rename(self._folder / f"{job}.state")


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[Jobs]:
    found = Jobs(tmp_path / "jobs")
    yield found
    found.kill()


def until(what: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_job_that_one_made_is_followed_and_deleted_by_the_other(
    recent_order: tuple[Release, Release], jobs: Jobs, name: str
) -> None:
    first, second = recent_order
    jobs.start(first)
    with Sandbox(connectors=[jobs.endpoint]) as sandbox, Client(sandbox.config()) as flyte:
        task = ConnectorTask(name=name, task_type="job", inputs={"n": int}, outputs={"o0": int}, retries=1)
        flyte.register([task], version="v1")
        kept, dropped = (flyte.launch(LaunchRequest(f"task:{name}", inputs={"n": n})) for n in (3, 4))
        until(lambda: set(jobs.calls("get")) >= {"0", "1"})
        jobs.kill()
        jobs.start(second)
        asked = len(jobs.calls("get"))
        until(lambda: set(jobs.calls("get")[asked:]) >= {"0", "1"})
        flyte.abort(dropped, reason="nobody wants it")
        until(lambda: jobs.calls("delete"))
        (deleted,) = jobs.calls("delete")
        jobs.end(1 - int(deleted))
        flyte.wait(kept).raise_for_phase()
        assert flyte.outputs(kept)["o0"] == 6
        assert len({kept, dropped}) == len(jobs.calls("create")) == 2


def test_a_service_killed_after_it_made_a_job_and_before_it_said_so(
    recent_order: tuple[Release, Release], jobs: Jobs, name: str, tmp_path: Path
) -> None:
    """The other release comes to the same name for the job, and finds it."""
    first, second = recent_order
    slow = tmp_path / "jobs" / "slow"
    slow.touch()
    jobs.start(first)
    with Sandbox(connectors=[jobs.endpoint]) as sandbox, Client(sandbox.config()) as flyte:
        task = ConnectorTask(name=name, task_type="job", inputs={"n": int}, outputs={"o0": int}, retries=1)
        flyte.register([task], version="v1")
        ref = flyte.launch(LaunchRequest(f"task:{name}", inputs={"n": 3}))
        until(lambda: jobs.calls("create"))
        jobs.kill()
        slow.unlink()
        jobs.start(second)
        until(lambda: jobs.calls("get"))
        jobs.end(0)
        flyte.wait(ref).raise_for_phase()
        assert flyte.outputs(ref)["o0"] == 6
        assert jobs.calls("create") == ["0"]
