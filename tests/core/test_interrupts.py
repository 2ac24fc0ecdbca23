"""Ctrl-C, and cancelling on a loop: what has begun ends, what has not does not begin, and the client goes on working."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
import types
from collections.abc import Callable, Coroutine, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.flyte import FILE, RawFlyte

from bridge_core import AsyncClient, BridgeError, EntityRef, LaunchRequest, PollPolicy

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

REQUESTS = 60
LAUNCHER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells let what they start in the background ignore it
from bridge_core import Client, Config, EntityRef, LaunchRequest
endpoint, name, count = sys.argv[1:]
with Client(Config.for_endpoint(endpoint, insecure=True, project="flytesnacks", domain="development")) as client:
    client.launch_many([LaunchRequest(EntityRef.launch_plan(name), name=f"{name}{n}") for n in range(int(count))])
"""


def test_an_interrupt_of_launch_many_launches_nothing_more(
    flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path
) -> None:
    raw.register(name, {}, gate="approve")
    flyte_sandbox.faults.delay("CreateExecution", 0.3, times=REQUESTS)
    arguments = [sys.executable, "-c", LAUNCHER, flyte_sandbox.endpoint, name, str(REQUESTS)]
    with subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as launcher:
        while flyte_sandbox.calls.count("CreateExecution") < 2:
            time.sleep(0.02)
        os.kill(launcher.pid, signal.SIGINT)
        _, told = launcher.communicate(timeout=60)
    flyte_sandbox.faults.clear()
    assert told.rstrip().endswith("KeyboardInterrupt")
    assert len([item for item in raw.executions() if item.spec.launch_plan.name == name]) < REQUESTS / 2


@types.coroutine
def cancelled_at(nth: int, work: Coroutine[Any, Any, object]) -> Generator[Any, Any, bool]:
    """Awaits it, and cancels the current task at its nth await. Whether it got so far."""
    sent: Any = None
    problem: BaseException | None = None
    for number in itertools.count(1):
        try:
            future = work.throw(problem) if problem is not None else work.send(sent)
        except (StopIteration, BridgeError):
            return False
        task = asyncio.current_task()
        if number == nth and task is not None:
            task.cancel()
        sent = problem = None
        try:
            sent = yield future
        except BaseException as error:  # noqa: BLE001  # handed on
            problem = error
    raise AssertionError


def test_cancelling_at_any_point_leaves_no_task_and_the_client_works(
    flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path
) -> None:
    raw.register(name, {"f": FILE}, gate="approve")
    file = tmp_path / "file.txt"
    file.write_text(name, encoding="utf-8")
    config = flyte_sandbox.config().replace(poll=PollPolicy(shortest=0.05, longest=0.1))

    def request(run: str) -> LaunchRequest:
        return LaunchRequest(EntityRef.launch_plan(name), inputs={"f": file}, name=f"{name}{run}")

    async def job() -> dict[str, int]:
        points: dict[str, int] = {}
        async with AsyncClient(config) as client:
            held = await client.launch(request("held"))
            before = asyncio.all_tasks()
            verbs: dict[str, Callable[[int], Coroutine[Any, Any, object]]] = {
                "launch": lambda n: client.launch(request(f"a{n}")),
                "launch_many": lambda n: client.launch_many([request(f"b{n}"), request(f"c{n}")]),
                "wait": lambda _: client.wait(held, timeout=0.2),
                "wait_many": lambda _: client.wait_many([held], timeout=0.2),
                "upload": lambda _: client.upload(file),
            }
            for verb, work in verbs.items():
                for nth in itertools.count(1):
                    task = asyncio.create_task(awaited(cancelled_at(nth, work(nth))))
                    (reached,) = await asyncio.gather(task, return_exceptions=True)
                    while asyncio.all_tasks() - before:  # noqa: ASYNC110  # a poll ends by itself
                        await asyncio.sleep(0.01)
                    assert (await client.describe(held)).ref == held
                    if reached is False:
                        points[verb] = nth - 1
                        break
                    assert isinstance(reached, asyncio.CancelledError)
            for nth in range(1, points["launch"] + 1):
                assert (await client.launch(request(f"a{nth}"))).name == f"{name}a{nth}"
        return points

    points = asyncio.run(asyncio.wait_for(job(), 60))
    assert all(points.values()), points
    made = [item.id.name for item in raw.executions() if item.spec.launch_plan.name == name]
    assert len(made) == len(set(made))


async def awaited(work: Any) -> Any:
    return await work
