"""Patience has an end, for one run and for thousands, whatever Flyte does meanwhile; and nobody asks more than needed."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from support.flyte import INTEGER, RawFlyte
from support.proxy import Proxy

from bridge_core import (
    AsyncClient,
    BridgeError,
    Client,
    EntityRef,
    InvalidRequest,
    LaunchRequest,
    PollPolicy,
    RetryPolicy,
    RunPhase,
    RunRef,
    WaitTimeout,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

MANY = 450
"""More than two questions' worth of runs."""


@pytest.fixture(scope="module")
def held(_flyte_sandbox_server: Sandbox) -> list[RunRef]:
    """Runs that wait at their gates."""
    name = "bounds"
    RawFlyte(_flyte_sandbox_server.endpoint).register(name, {"n": INTEGER}, gate="approve")
    requests = [LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=f"{name}{n}") for n in range(MANY)]
    with Client(_flyte_sandbox_server.config()) as client:
        return [ref for ref in client.launch_many(requests) if isinstance(ref, RunRef)]


@contextlib.contextmanager
def in_a_thread_of_its_own(client: Client, refs: list[RunRef], **arguments: float) -> Iterator[list[WaitTimeout]]:
    """Waits for the runs meanwhile; what it was told is there afterwards."""
    told: list[WaitTimeout] = []

    def wait() -> None:
        with pytest.raises(WaitTimeout) as caught:
            client.wait_many(refs, **arguments)
        told.append(caught.value)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    yield told
    thread.join(60)


def test_runs_that_fall_due_while_others_are_asked_about_do_not_keep_a_wait_from_ending(
    flyte_sandbox: Sandbox, client: Client, held: list[RunRef]
) -> None:
    flyte_sandbox.faults.delay("ListExecutions", 0.1, times=10_000)
    try:
        with in_a_thread_of_its_own(client, held, timeout=1.0, poll_interval=0.05) as told:
            pass
    finally:
        flyte_sandbox.faults.clear()
    assert len(told) == 1, "the patience of this caller has an end"
    assert "(and 449 more)" in str(told[0])
    assert told[0].snapshot is not None
    assert told[0].snapshot.phase is RunPhase.RUNNING


def test_in_a_black_hole_one_question_is_lost_and_not_one_for_each_two_hundred(
    flyte_sandbox: Sandbox, held: list[RunRef]
) -> None:
    lost: list[str | None] = []

    class Counting(RetryPolicy):
        """Is asked after each attempt that failed."""

        def delay_after(self, attempt: int, error: BridgeError, *, safe: bool) -> float | None:
            lost.append(error.code)
            return None

    config = flyte_sandbox.config().replace(retry=Counting(retries=0))
    with Proxy(flyte_sandbox.endpoint) as proxy, Client(config.replace(endpoint=proxy.endpoint)) as client:
        client.describe(held[0])
        proxy.mode("hole")
        with pytest.raises(WaitTimeout, match="the last question went unanswered"):
            client.wait_many(held, timeout=2.0)
    assert lost == ["DEADLINE_EXCEEDED"] * 2, "one for the patience of the caller, and the last"


def test_a_server_that_is_far_away_is_heard_by_the_impatient(
    flyte_sandbox: Sandbox, client: Client, held: list[RunRef]
) -> None:
    flyte_sandbox.faults.delay("GetExecution", 0.5, times=10)
    with pytest.raises(WaitTimeout) as caught:
        client.wait(held[0], timeout=0)
    flyte_sandbox.faults.clear()
    assert caught.value.snapshot is not None
    assert caught.value.snapshot.phase is RunPhase.RUNNING


def test_waits_that_end_together_share_their_last_question(flyte_sandbox: Sandbox, held: list[RunRef]) -> None:
    config = flyte_sandbox.config().replace(poll=PollPolicy(shortest=60, longest=60))

    async def job() -> list[object]:
        async with AsyncClient(config) as client:
            waits = [client.wait(ref, timeout=1.5) for ref in held]
            return await asyncio.gather(*waits, return_exceptions=True)

    flyte_sandbox.calls.clear()
    errors = asyncio.run(job())
    assert [type(error) for error in errors] == [WaitTimeout] * MANY
    assert all(error.snapshot.phase is RunPhase.RUNNING for error in errors)  # type: ignore[attr-defined]
    assert flyte_sandbox.calls.count("GetExecution") == 0
    assert flyte_sandbox.calls.count("ListExecutions") <= 10, (
        "three for the first look, three or some more for the last"
    )


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # what is waited for is in the sandbox, not on the loop
        await asyncio.sleep(0.02)


def test_the_last_question_does_not_wait_for_its_turn(
    flyte_sandbox: Sandbox, client: Client, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name))

    async def job() -> RunPhase:
        async with AsyncClient(flyte_sandbox.config()) as waiting:
            with pytest.raises(WaitTimeout):
                await waiting.wait(ref, timeout=0)  # a poll is there
            asked = flyte_sandbox.calls.count("ListExecutions")
            one = asyncio.create_task(waiting.wait(ref, timeout=3, poll_interval=60))
            # once, and not due for a minute
            await until(lambda: flyte_sandbox.calls.count("ListExecutions") > asked)
            await asyncio.to_thread(raw.approve, ref.name)
            await asyncio.to_thread(client.wait, ref, timeout=30)
            return (await one).phase

    assert asyncio.run(job()) is RunPhase.SUCCEEDED


def test_both_clients_refuse_the_same_intervals(client: Client) -> None:
    async def job(bad: float) -> None:
        async with AsyncClient(client.config) as waiting:
            await waiting.wait(RunRef("p", "d", "n"), poll_interval=bad)

    for bad in (0, -1, float("nan")):
        with pytest.raises(InvalidRequest, match="poll_interval must be"):
            client.wait(RunRef("p", "d", "n"), poll_interval=bad)
        with pytest.raises(InvalidRequest, match="poll_interval must be"):
            asyncio.run(job(bad))


def test_how_long_flyte_has_not_answered_those_who_wait(flyte_sandbox: Sandbox, held: list[RunRef]) -> None:
    async def job() -> None:
        patient = PollPolicy(shortest=0.05, longest=0.1)
        config = flyte_sandbox.config().replace(poll=patient, retry=RetryPolicy(retries=0))
        async with AsyncClient(config) as client:
            age = client.poll_age
            assert age() is None
            wait = asyncio.ensure_future(client.wait(held[0]))
            await until(lambda: flyte_sandbox.calls.count("ListExecutions") >= 3)
            flyte_sandbox.faults.fail("ListExecutions", code="UNAVAILABLE", times=1_000_000)
            await until(lambda: (age() or 0.0) > 1.5)  # many questions later
            flyte_sandbox.faults.clear()
            await until(lambda: (age() or 2.0) < 1.0)
            wait.cancel()
            await until(lambda: age() is None)

    asyncio.run(asyncio.wait_for(job(), 60))
