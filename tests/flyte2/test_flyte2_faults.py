"""What Flyte 2 does to its clients, against the embedded one, on both wires: streams that end, phases that come late or go back.

What only a script can do, another launcher in between for one, is in `test_flyte2_runs.py`; a server that is killed in
`test_flyte2_killed.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from test_flyte2_killed import deploy

from bridge_core import AsyncClient, Client, Config, LaunchRequest, RunOptions, RunPhase, WaitTimeout

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

TALK = (
    "import sys, time\nfor n in range(6): print('line', n, flush=True); time.sleep(0.3)\n"
    "open(sys.argv[1].removeprefix('file://') + '/outputs.pb', 'wb').close()\n"
)


@pytest.fixture(params=["grpc", "connect"])
def there(request: pytest.FixtureRequest, flyte_sandbox: Sandbox) -> Iterator[Config]:
    yield flyte_sandbox.config(flyte_version=2, transport=request.param)
    flyte_sandbox.faults.assert_consumed()
    flyte_sandbox.faults.clear()


@pytest.fixture
def client(there: Config) -> Iterator[Client]:
    with Client(there) as client:
        yield client


@pytest.fixture
def task(flyte_sandbox: Sandbox, name: str) -> str:
    flyte_sandbox.stub(f"pkg.{name}", inputs={"n": int}, outputs={"rows": 7}, duration=0.3)
    return f"task:pkg.{name}"


def asked(task: str, name: str, **more: object) -> LaunchRequest:
    return LaunchRequest(task, inputs={"n": 1}, name=name, **more)


def test_everything_at_once_and_a_wait_ends_with_the_run(
    flyte_sandbox: Sandbox, client: Client, there: Config, task: str, name: str
) -> None:
    faults = flyte_sandbox.faults.flyte2
    faults.phase_backwards()
    faults.late_phase(0.4)
    faults.outputs_late(0.4)
    faults.lose_notifications(times=2)
    ref = client.launch(asked(task, name))
    snapshot = client.wait(ref, timeout=60)
    assert snapshot.phase is RunPhase.SUCCEEDED
    assert client.outputs(ref) == {"rows": 7}

    async def main() -> tuple[list[RunPhase], object]:
        async with AsyncClient(there) as aio:
            faults.phase_backwards()
            faults.lose_notifications(times=2)
            again = await aio.launch(asked(task, f"{name}b"))
            phases = [item.phase async for item in aio.watch(again, timeout=60, poll_interval=0.02)]
            return phases, await aio.outputs(again)

    phases, outputs = asyncio.run(main())
    assert phases[-1] is RunPhase.SUCCEEDED
    assert not any(phase.is_terminal for phase in phases[:-1])
    assert outputs == {"rows": 7}


def test_names_of_actions_do_not_hang_on_one_stream(
    flyte_sandbox: Sandbox, client: Client, task: str, name: str
) -> None:
    ref = client.launch(asked(task, name))
    client.wait(ref, timeout=60)
    whole = client.nodes(ref)
    flyte_sandbox.faults.fail("WatchActions", code="UNAVAILABLE")
    assert client.nodes(ref) == whole
    assert whole[0].name == name


def test_a_log_goes_on_where_its_stream_ended(flyte_sandbox: Sandbox, client: Client, name: str) -> None:
    deploy(client, f"talk.{name}", program=TALK)
    ref = client.launch(asked(f"task:talk.{name}", name))
    next(item for item in client.watch(ref, timeout=30, poll_interval=0.05) if item.phase is RunPhase.RUNNING)
    flyte_sandbox.faults.flyte2.end_streams_early("TailLogs", times=2)
    lines = [line.text for line in client.tail_logs(ref)]
    assert lines == [f"line {n}" for n in range(6)]


def test_a_log_goes_on_where_its_own_deadline_ended_the_stream(
    client: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real server answers OK then (over gRPC sometimes DEADLINE_EXCEEDED), which says nothing about the attempt."""
    from bridge_core.backends.flyte2 import nodes

    deploy(client, f"talk.{name}", program=TALK)
    ref = client.launch(asked(f"task:talk.{name}", name))
    next(item for item in client.watch(ref, timeout=30, poll_interval=0.05) if item.phase is RunPhase.RUNNING)
    monkeypatch.setattr(nodes, "_LONGEST_TAIL", 0.7)
    lines = [line.text for line in client.tail_logs(ref)]
    assert lines == [f"line {n}" for n in range(6)]


def test_names_are_complete_when_their_own_deadline_ended_the_stream(
    flyte_sandbox: Sandbox, client: Client, task: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bridge_core.backends.flyte2 import nodes

    ref = client.launch(asked(task, name))
    client.wait(ref, timeout=60)
    whole = client.nodes(ref)
    monkeypatch.setattr(nodes, "_NAMES_WITHIN", 0.2)
    flyte_sandbox.faults.delay("WatchActions", 1.0)
    assert client.nodes(ref) == whole


def test_a_run_that_nothing_begins_is_told_from_one_that_failed(
    flyte_sandbox: Sandbox, client: Client, task: str, name: str
) -> None:
    flyte_sandbox.faults.flyte2.lose_enqueue()
    options = RunOptions(max_queued_time=3600)
    ref = client.launch(asked(task, name, options=options))
    with pytest.raises(WaitTimeout, match="QUEUED"):
        client.wait(ref, timeout=0.5)
    client.abort(ref, reason="lost")
    assert client.wait(ref, timeout=30).phase is RunPhase.ABORTED
