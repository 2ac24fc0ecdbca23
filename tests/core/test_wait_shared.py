"""Many waits through one client: renewing, closing and cancelling one thing leaves nobody hanging and nothing behind."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from support.flyte import INTEGER, RawFlyte

from bridge_core import (
    AsyncClient,
    BridgeError,
    Client,
    Config,
    EntityRef,
    LaunchRequest,
    PollPolicy,
    RetryPolicy,
    RunNotFound,
    RunPhase,
    RunRef,
    Unauthenticated,
    Unavailable,
    WaitTimeout,
)
from bridge_core.waiting import shared_client as shared

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(coroutine, 40))


def ref_of(name: str) -> RunRef:
    return RunRef("flytesnacks", "development", name)


def fast(config: Config) -> Config:
    return config.replace(poll=PollPolicy(shortest=0.05, longest=0.2), retry=RetryPolicy(retries=0))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # what is waited for is in the sandbox, not on the loop
        await asyncio.sleep(0.02)


@pytest.fixture
def refs(client: Client, raw: RawFlyte, name: str) -> list[RunRef]:
    """Five runs that wait at their gates."""
    raw.register(name, {"n": INTEGER}, gate="approve")
    entity = EntityRef.launch_plan(name)
    return [client.launch(LaunchRequest(entity, inputs={"n": n}, name=f"{name}{n}")) for n in range(5)]


class Loads:
    """A ``load_config`` that counts, and fails as planned."""

    def __init__(self, config: Config, *problems: BaseException) -> None:
        self.config = config
        self.problems = list(problems)
        self.count = 0

    async def __call__(self) -> Config:
        self.count += 1
        await asyncio.sleep(0.05)
        if self.problems:
            raise self.problems.pop(0)
        return self.config


# -- renewing


def test_renewing_for_one_poll_leaves_the_calls_of_another_alone(
    flyte_sandbox: Sandbox, raw: RawFlyte, refs: list[RunRef]
) -> None:
    async def job() -> list[RunPhase]:
        async with AsyncClient(fast(flyte_sandbox.config())) as client:
            load = Loads(client.config)
            client.renew_with(load)
            flyte_sandbox.faults.delay("ListExecutions", 1.5)
            flyte_sandbox.calls.clear()
            first = asyncio.create_task(client.wait(refs[0], timeout=30, poll_interval=0.1))
            await until(lambda: not flyte_sandbox.faults.pending())
            flyte_sandbox.faults.delay("GetExecution", 1.5)
            looking = asyncio.create_task(client.describe(refs[2]))
            await until(lambda: not flyte_sandbox.faults.pending())
            flyte_sandbox.faults.fail("ListExecutions", code="UNAUTHENTICATED", times=1)
            second = asyncio.create_task(client.wait(refs[1], timeout=30, poll_interval=0.2))
            await until(lambda: load.count == 1)
            for ref in refs[:2]:
                await asyncio.to_thread(raw.approve, ref.name)
            assert (await looking).ref == refs[2]
            return [(await first).phase, (await second).phase]

    assert run(job()) == [RunPhase.SUCCEEDED] * 2


def test_one_renewal_serves_every_poll_that_was_refused(
    flyte_sandbox: Sandbox, raw: RawFlyte, refs: list[RunRef]
) -> None:
    async def job() -> tuple[list[RunPhase], int]:
        async with AsyncClient(fast(flyte_sandbox.config())) as client:
            load = Loads(client.config)
            client.renew_with(load)
            flyte_sandbox.faults.delay("ListExecutions", 0.5, times=5)
            flyte_sandbox.faults.fail("ListExecutions", code="UNAUTHENTICATED", times=5)
            waits = [
                asyncio.create_task(client.wait(ref, timeout=30, poll_interval=0.1 + number / 100))
                for number, ref in enumerate(refs)
            ]
            await until(lambda: not flyte_sandbox.faults.pending())
            for ref in refs:
                await asyncio.to_thread(raw.approve, ref.name)
            return [(await wait).phase for wait in waits], load.count

    assert run(job()) == ([RunPhase.SUCCEEDED] * 5, 1)


def test_a_poll_cancelled_from_outside_fails_its_waiters(flyte_sandbox: Sandbox, refs: list[RunRef]) -> None:
    async def job() -> list[object]:
        async with AsyncClient(fast(flyte_sandbox.config())) as client:
            before = asyncio.all_tasks()
            waits = [asyncio.create_task(client.wait(refs[0])) for _ in range(2)]
            await asyncio.sleep(0.2)
            for task in asyncio.all_tasks() - before - set(waits):
                task.cancel()
            return await asyncio.gather(*waits, return_exceptions=True)

    assert [type(error) for error in run(job())] == [Unavailable] * 2


def test_closing_the_client_ends_calls_in_words_and_cancels_nobody(flyte_sandbox: Sandbox, refs: list[RunRef]) -> None:
    async def job() -> object:
        client = AsyncClient(fast(flyte_sandbox.config()))
        flyte_sandbox.faults.delay("GetExecution", 1.0)
        looking = asyncio.create_task(client.describe(refs[0]))
        await until(lambda: not flyte_sandbox.faults.pending())
        await client.aclose()
        (error,) = await asyncio.gather(looking, return_exceptions=True)
        return error

    error = run(job())
    assert isinstance(error, Unavailable)
    assert error.code == "CANCELLED"


@pytest.mark.parametrize("problem", [Unavailable("no database now"), asyncio.CancelledError()])
def test_a_renewal_that_fails_for_a_moment_is_tried_again(
    flyte_sandbox: Sandbox, raw: RawFlyte, refs: list[RunRef], problem: BaseException
) -> None:
    async def job() -> tuple[RunPhase, int]:
        async with AsyncClient(fast(flyte_sandbox.config())) as client:
            load = Loads(client.config, problem)
            client.renew_with(load)
            flyte_sandbox.faults.fail("ListExecutions", code="UNAUTHENTICATED", times=2)
            wait = asyncio.create_task(client.wait(refs[0], timeout=30))
            await until(lambda: load.count == 2 or wait.done())
            await asyncio.to_thread(raw.approve, refs[0].name)
            return (await wait).phase, load.count

    assert run(job()) == (RunPhase.SUCCEEDED, 2)


def test_credentials_are_renewed_in_the_context_of_who_opened_the_client(
    flyte_sandbox: Sandbox, raw: RawFlyte, refs: list[RunRef]
) -> None:
    connection: contextvars.ContextVar[str] = contextvars.ContextVar("connection", default="none")
    seen: list[str] = []

    async def load() -> Config:
        seen.append(connection.get())
        return fast(flyte_sandbox.config())

    async def job() -> None:
        connection.set("mine")
        async with AsyncClient.shared("context", load, linger=0.0) as client:
            flyte_sandbox.faults.fail("ListExecutions", code="UNAUTHENTICATED", times=1)
            wait = asyncio.create_task(client.wait(refs[0], timeout=30))
            await until(lambda: len(seen) == 2)
            await asyncio.to_thread(raw.approve, refs[0].name)
            await wait

    run(job())
    assert seen == ["mine", "mine"]


# -- shared clients


def test_a_loading_that_cancels_itself_is_an_error_and_not_remembered(flyte_sandbox: Sandbox) -> None:
    load = Loads(flyte_sandbox.config(), asyncio.CancelledError())

    async def use() -> str:
        async with AsyncClient.shared("cancelled", load, linger=0.0) as client:
            return client.config.endpoint

    async def job() -> tuple[list[Any], str]:
        return list(await asyncio.gather(use(), use(), return_exceptions=True)), await use()

    failed, endpoint = run(job())
    assert [type(error) for error in failed] == [BridgeError, BridgeError]
    assert "was cancelled" in str(failed[0])
    assert endpoint == flyte_sandbox.endpoint


def test_a_finished_loop_leaves_nothing_behind(flyte_sandbox: Sandbox, refs: list[RunRef]) -> None:
    clients: list[AsyncClient] = []

    async def load() -> Config:
        return flyte_sandbox.config()

    async def one() -> None:
        async with AsyncClient.shared("loops", load) as client:
            await client.describe(refs[0])
            clients.append(client)

    for _ in range(20):
        asyncio.run(one())
    assert not [loop for loop in list(shared._entries) if loop.is_closed()]
    assert all(client._transport._channel is None for client in clients), "every channel was closed"


def test_a_caller_that_leaves_while_the_config_is_loaded_leaves_no_task(flyte_sandbox: Sandbox) -> None:
    async def load() -> Config:
        await asyncio.Event().wait()
        return flyte_sandbox.config()

    async def use() -> None:
        async with AsyncClient.shared("hanging", load, linger=0.0):
            pass

    async def job() -> None:
        before = asyncio.all_tasks()
        user = asyncio.create_task(use())
        await asyncio.sleep(0.1)
        user.cancel()
        await asyncio.gather(user, return_exceptions=True)
        await until(lambda: asyncio.all_tasks() == before)

    run(job())


# -- closing and leaving


def test_a_closing_that_is_cancelled_ends_every_wait(flyte_sandbox: Sandbox, refs: list[RunRef]) -> None:
    async def job() -> list[object]:
        client = AsyncClient(fast(flyte_sandbox.config()))
        waits = [asyncio.create_task(client.wait(refs[n], poll_interval=0.1 + n / 10)) for n in range(3)]
        await asyncio.sleep(0.3)
        closing = asyncio.create_task(client.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        assert client._transport._channel is None
        return await asyncio.gather(*waits, return_exceptions=True)

    assert [type(error) for error in run(job())] == [BridgeError] * 3


def test_a_poll_that_nobody_needs_is_forgotten(flyte_sandbox: Sandbox, refs: list[RunRef]) -> None:
    async def job() -> None:
        async with AsyncClient(fast(flyte_sandbox.config())) as client:
            for number in range(5):
                with pytest.raises(WaitTimeout):
                    await client.wait(refs[0], timeout=0.1, poll_interval=0.05 + number / 100)
            await until(lambda: not client._waiters._polls)

    run(job())


# -- the last check, and many


def test_the_last_check_tells_what_waiting_cannot_mend(flyte_sandbox: Sandbox, refs: list[RunRef]) -> None:
    async def job() -> None:
        async with AsyncClient(fast(flyte_sandbox.config())) as client:
            with pytest.raises(RunNotFound):
                await client.wait(ref_of("nothere"), timeout=0)
            # The poll itself may ask first; each answer is the same.
            flyte_sandbox.faults.fail("GetExecution", code="UNAUTHENTICATED", times=9)
            flyte_sandbox.faults.fail("ListExecutions", code="UNAUTHENTICATED", times=9)
            with pytest.raises(Unauthenticated):
                await client.wait(refs[0], timeout=0)  # listed, so that only the last check asks for its details
            flyte_sandbox.faults.clear()

    run(job())


def test_the_last_check_renews_credentials(flyte_sandbox: Sandbox, refs: list[RunRef]) -> None:
    async def job() -> int:
        async with AsyncClient(fast(flyte_sandbox.config())) as client:
            load = Loads(client.config)
            client.renew_with(load)
            flyte_sandbox.faults.fail("ListExecutions", code="UNAUTHENTICATED")
            with pytest.raises(WaitTimeout):
                await client.wait(refs[0], timeout=0)
            return load.count

    assert run(job()) == 1


def test_wait_many_on_a_loop_shares_the_poll_and_renews(
    flyte_sandbox: Sandbox, raw: RawFlyte, refs: list[RunRef]
) -> None:
    async def job() -> list[tuple[RunRef, RunPhase]]:
        async with AsyncClient(fast(flyte_sandbox.config())) as client:
            client.renew_with(Loads(client.config))
            assert await client.wait_many([]) == []
            flyte_sandbox.faults.fail("ListExecutions", code="UNAUTHENTICATED")
            waiting = asyncio.create_task(client.wait_many([*refs, refs[0]], timeout=30))
            for ref in reversed(refs):
                await asyncio.to_thread(raw.approve, ref.name)
            return [(snapshot.ref, snapshot.phase) for snapshot in await waiting]

    assert run(job()) == [(ref, RunPhase.SUCCEEDED) for ref in [*refs, refs[0]]]


def test_wait_many_on_a_loop_ends_with_the_first_error_or_its_patience(
    flyte_sandbox: Sandbox, raw: RawFlyte, refs: list[RunRef]
) -> None:
    async def job() -> None:
        async with AsyncClient(fast(flyte_sandbox.config())) as client:
            before = asyncio.all_tasks()
            with pytest.raises(RunNotFound):
                await client.wait_many([refs[0], ref_of("nothere")])
            await until(lambda: asyncio.all_tasks() == before)
            await asyncio.to_thread(raw.approve, refs[0].name)
            await client.wait(refs[0], timeout=30)
            with pytest.raises(WaitTimeout, match=r"\(and 3 more\).+was not aborted") as caught:
                await client.wait_many(refs, timeout=0.3)
            assert caught.value.ref == refs[1]

    run(job())


# -- grpc's own errors stay inside


def test_closing_a_blocking_client_under_other_threads_raises_nothing_of_grpc(
    flyte_sandbox: Sandbox, refs: list[RunRef]
) -> None:
    client = Client(fast(flyte_sandbox.config()))
    errors: list[BaseException] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                client.describe(refs[0])
            except BridgeError:
                pass
            except BaseException as error:  # noqa: BLE001
                errors.append(error)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        over.wait(0.005)
        client.close()
    over.set()
    for thread in threads:
        thread.join()
    client.close()
    assert errors == []


BAD = {"x-token": "secret\nvalue"}


def test_metadata_that_grpc_refuses_is_not_shown(flyte_sandbox: Sandbox) -> None:
    config = fast(flyte_sandbox.config())

    async def job() -> None:
        async with AsyncClient(config) as client:
            with client.auth_metadata(*BAD.items()):
                await client.describe(ref_of("nothere"))

    with pytest.raises(BridgeError) as caught:
        run(job())
    assert "secret" not in str(caught.value)
    with Client(config) as blocking, pytest.raises(BridgeError) as caught, blocking.auth_metadata(*BAD.items()):
        blocking.describe(ref_of("nothere"))
    assert "secret" not in str(caught.value)
