"""Waiting, blocking and on a loop: every end is noticed, none is invented, and trouble on the way is not an end."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from flyteidl.admin import execution_pb2
from support.flyte import INTEGER, RawFlyte

from bridge_core import (
    AsyncClient,
    BridgeError,
    Client,
    Config,
    EntityRef,
    InvalidRequest,
    LaunchRequest,
    PollPolicy,
    RetryPolicy,
    RunAborted,
    RunFailed,
    RunNotFound,
    RunPhase,
    RunRef,
    Unavailable,
    WaitTimeout,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def ref_of(name: str) -> RunRef:
    return RunRef("flytesnacks", "development", name)


@pytest.fixture
def held(client: Client, raw: RawFlyte, name: str) -> RunRef:
    """A run that waits at its gate."""
    raw.register(name, {"n": INTEGER}, gate="approve")
    return client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name))


def archive(raw: RawFlyte, ref: RunRef) -> None:
    request = execution_pb2.ExecutionUpdateRequest(state=execution_pb2.EXECUTION_ARCHIVED)
    request.id.project, request.id.domain, request.id.name = ref.project, ref.domain, ref.name
    raw.admin("UpdateExecution", request)


def fast(config: Config) -> Config:
    return config.replace(poll=PollPolicy(shortest=0.05, longest=0.2), retry=RetryPolicy(retries=0))


def test_a_failed_run_ends_the_wait_and_raises_only_when_asked(client: Client, raw: RawFlyte, held: RunRef) -> None:
    raw.approve(held.name, value=False)
    snapshot = client.wait(held, timeout=60)
    assert snapshot.phase is RunPhase.FAILED
    assert snapshot.error is not None
    with pytest.raises(RunFailed, match=rf"run {held} FAILED after [0-9.]+ s in node n0: .+ Console: http"):
        snapshot.raise_for_phase()
    with pytest.raises(RunFailed):
        client.outputs(held)


def test_a_failure_is_told_even_when_the_node_cannot_be(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, held: RunRef
) -> None:
    raw.approve(held.name, value=False)
    client.wait(held, timeout=60)
    flyte_sandbox.faults.fail("ListNodeExecutions", code="UNAVAILABLE")
    snapshot = client.describe(held)
    assert snapshot.phase is RunPhase.FAILED
    assert snapshot.error is not None
    assert snapshot.error.node is None


def test_patience_ends_before_the_run_and_the_run_goes_on(client: Client, raw: RawFlyte, held: RunRef) -> None:
    with pytest.raises(
        WaitTimeout, match=r"was still (QUEUED|RUNNING) after 0.3 s of waiting; it was not aborted"
    ) as caught:
        client.wait(held, timeout=timedelta(seconds=0.3), poll_interval=0.1)
    assert caught.value.ref == held
    assert caught.value.snapshot is not None
    with pytest.raises(InvalidRequest, match="wait for it first"):
        client.outputs(held)
    raw.approve(held.name)
    assert client.wait(held, timeout=60).phase is RunPhase.SUCCEEDED


def test_abort_records_its_reason_and_is_idempotent(client: Client, held: RunRef) -> None:
    client.abort(held, reason="tests are tests")
    snapshot = client.wait(held, timeout=60)
    assert (snapshot.phase, snapshot.abort_reason) == (RunPhase.ABORTED, "tests are tests")
    with pytest.raises(RunAborted, match="tests are tests"):
        snapshot.raise_for_phase()
    client.abort(held, reason="again")
    assert client.describe(held).abort_reason == "tests are tests"
    with pytest.raises(RunNotFound):
        client.abort(ref_of("nothere"))


def test_abort_names_the_caller_by_default(client: Client, held: RunRef) -> None:
    client.abort(held)
    assert "flyte-bridge by" in (client.wait(held, timeout=60).abort_reason or "")


def test_watch_tells_each_phase_once(client: Client, raw: RawFlyte, held: RunRef) -> None:
    phases = []
    for snapshot in client.watch(held, timeout=60, poll_interval=0.05):
        phases.append(snapshot.phase)
        if snapshot.phase is RunPhase.RUNNING:
            raw.approve(held.name)
    assert phases[-1] is RunPhase.SUCCEEDED
    assert len(phases) == len(set(phases))


def test_trouble_while_waiting_is_not_an_end(flyte_sandbox: Sandbox, raw: RawFlyte, held: RunRef) -> None:
    with Client(fast(flyte_sandbox.config())) as client:
        flyte_sandbox.faults.fail("GetExecution", code="UNAVAILABLE", times=3)
        flyte_sandbox.faults.fail("GetExecution", code="INTERNAL", times=2)
        timer = threading.Timer(1.0, raw.approve, args=(held.name,))
        timer.start()
        assert client.wait(held, timeout=60).phase is RunPhase.SUCCEEDED
        timer.join()


def test_an_unreachable_flyte_times_the_wait_out_and_says_why() -> None:
    config = fast(Config.for_endpoint("127.0.0.1:1", insecure=True))
    with Client(config) as client, pytest.raises(WaitTimeout, match="went unanswered: cannot reach Flyte") as caught:
        client.wait(ref_of("x"), timeout=0.3)
    assert caught.value.snapshot is None


def test_wait_many_asks_about_all_in_one_call(flyte_sandbox: Sandbox, client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    entity = EntityRef.launch_plan(name)
    refs = [client.launch(LaunchRequest(entity, inputs={"n": n}, name=f"{name}{n}")) for n in range(5)]
    for ref in refs[:4]:
        raw.approve(ref.name, value=ref is not refs[3])
    client.abort(refs[4], reason="enough")
    flyte_sandbox.calls.clear()
    snapshots = client.wait_many(refs, timeout=60, poll_interval=0.2)
    assert [snapshot.ref for snapshot in snapshots] == refs
    assert [snapshot.phase for snapshot in snapshots] == [RunPhase.SUCCEEDED] * 3 + [RunPhase.FAILED, RunPhase.ABORTED]
    assert flyte_sandbox.calls.count("GetExecution") == 1, "lists tell all but errors"
    assert snapshots == [client.describe(ref) for ref in refs]
    assert all(
        call.request.filters.startswith("value_in(execution_name,") for call in flyte_sandbox.calls.of("ListExecutions")
    )
    assert client.wait_many([]) == []


def test_archived_runs_are_hidden_from_lists_and_still_end_a_wait(client: Client, raw: RawFlyte, held: RunRef) -> None:
    archive(raw, held)
    raw.approve(held.name)
    (snapshot,) = client.wait_many([held], timeout=60, poll_interval=0.1)
    assert snapshot.phase is RunPhase.SUCCEEDED


def test_wait_many_loses_no_run_when_a_detail_call_fails(
    flyte_sandbox: Sandbox, client: Client, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {}, gate="approve")
    refs = [client.launch(LaunchRequest(EntityRef.launch_plan(name), name=f"{name}{number}")) for number in range(4)]
    for ref in refs:
        raw.approve(ref.name, value=False)
        client.wait(ref, timeout=60)
    with Client(fast(flyte_sandbox.config())) as waiting:
        for nth in range(4):
            flyte_sandbox.faults.delay("GetExecution", 0.2, times=nth + 1)
            timer = threading.Timer(0.2 * nth + 0.1, flyte_sandbox.faults.fail, args=("GetExecution",))
            timer.start()
            snapshots = waiting.wait_many(refs, timeout=60)
            timer.join()
            assert [snapshot.phase for snapshot in snapshots] == [RunPhase.FAILED] * 4
            flyte_sandbox.faults.assert_consumed()


def test_wait_many_asks_once_more_after_the_deadline(client: Client, raw: RawFlyte, held: RunRef) -> None:
    timer = threading.Timer(0.5, raw.approve, args=(held.name,))
    timer.start()
    (snapshot,) = client.wait_many([held], timeout=2, poll_interval=60)
    timer.join()
    assert snapshot.phase is RunPhase.SUCCEEDED


def test_wait_many_names_who_is_late(client: Client, raw: RawFlyte, held: RunRef) -> None:
    with pytest.raises(WaitTimeout, match=rf"run {held} was still RUNNING after 0.3 s"):
        client.wait_many([held], timeout=0.3, poll_interval=0.1)


def test_a_name_that_no_run_can_have_spoils_nobody_elses_wait(client: Client, raw: RawFlyte, held: RunRef) -> None:
    raw.approve(held.name)
    with pytest.raises(RunNotFound, match=r"a\+b"):
        client.wait_many([held, ref_of("a+b")], timeout=10)
    assert client.wait_many([held, held], timeout=10)[1].phase is RunPhase.SUCCEEDED


@pytest.mark.parametrize("bad", ["5", "2h", float("nan"), float("inf"), -1, True])
def test_senseless_patience_is_refused_at_once(client: Client, bad: object) -> None:
    for arguments in ({"timeout": bad}, {"poll_interval": bad}):
        with pytest.raises(InvalidRequest, match="seconds"):
            client.wait(ref_of("x"), **arguments)  # type: ignore[arg-type]
        with pytest.raises(InvalidRequest, match="seconds"):
            client.wait_many([ref_of("x")], **arguments)  # type: ignore[arg-type]


def test_wait_many_of_a_run_that_does_not_exist(client: Client) -> None:
    with pytest.raises(RunNotFound):
        client.wait_many([ref_of("nothere")], timeout=10)


# -- on a loop


def run(coroutine: object) -> object:
    return asyncio.run(asyncio.wait_for(coroutine, 100))  # type: ignore[arg-type]


def test_async_client_does_the_main_job(flyte_sandbox: Sandbox, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})

    async def job() -> tuple[RunPhase, dict[str, object]]:
        async with AsyncClient(flyte_sandbox.config()) as client:
            ref = await client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))
            snapshot = await client.wait(ref, timeout=60)
            return snapshot.phase, dict(await client.outputs(ref))

    assert run(job()) == (RunPhase.SUCCEEDED, {"n": 3})


def test_many_waiters_share_one_poll(flyte_sandbox: Sandbox, client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    entity = EntityRef.launch_plan(name)
    refs = [client.launch(LaunchRequest(entity, inputs={"n": n}, name=f"{name}{n}")) for n in range(20)]
    flyte_sandbox.calls.clear()

    async def job() -> list[RunPhase]:
        async with AsyncClient(fast(flyte_sandbox.config())) as waiting:
            waits = [asyncio.create_task(waiting.wait(ref, timeout=60)) for ref in refs for _ in range(2)]
            await asyncio.sleep(0.5)
            asked = flyte_sandbox.calls.of("ListExecutions")
            assert len(asked[-1].request.filters.split(";")) == 20, "all runs are asked about in one call"
            waits[0].cancel()  # one waiter's cancellation harms nobody, not even the other waiter of the same run
            for ref in refs:
                await asyncio.to_thread(raw.approve, ref.name)
            done = await asyncio.gather(*waits, return_exceptions=True)
            assert isinstance(done[0], asyncio.CancelledError)
            return [snapshot.phase for snapshot in done[1:]]  # type: ignore[union-attr]

    assert run(job()) == [RunPhase.SUCCEEDED] * 39
    assert flyte_sandbox.calls.count("GetExecution") == 0, "lists tell all but errors"


def test_async_wait_survives_trouble_and_times_out_honestly(
    flyte_sandbox: Sandbox, raw: RawFlyte, held: RunRef
) -> None:
    async def job() -> RunPhase:
        async with AsyncClient(fast(flyte_sandbox.config())) as client:
            flyte_sandbox.faults.fail("ListExecutions", code="UNAVAILABLE", times=3)
            with pytest.raises(WaitTimeout, match="was not aborted"):
                await client.wait(held, timeout=0.6)
            with pytest.raises(RunNotFound):
                await client.wait(ref_of("nothere"), timeout=30)
            archive(raw, held)
            waiting = asyncio.create_task(client.wait(held, timeout=60))
            await asyncio.to_thread(raw.approve, held.name)
            return (await waiting).phase

    assert run(job()) is RunPhase.SUCCEEDED


def test_async_wait_of_an_unreachable_flyte_is_unknown_not_failed() -> None:
    async def job() -> None:
        async with AsyncClient(fast(Config.for_endpoint("127.0.0.1:1", insecure=True))) as client:
            with pytest.raises(WaitTimeout, match="unanswered"):
                await client.wait(ref_of("x"), timeout=0.5)

    run(job())


@pytest.mark.parametrize("code", ["PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED"])
def test_an_error_that_waiting_cannot_mend_reaches_every_waiter(
    flyte_sandbox: Sandbox, held: RunRef, code: str
) -> None:
    async def job() -> list[object]:
        async with AsyncClient(fast(flyte_sandbox.config())) as client:
            flyte_sandbox.faults.fail("ListExecutions", code=code, times=1)
            waits = [client.wait(held, timeout=60) for _ in range(3)]
            return await asyncio.gather(*waits, return_exceptions=True)

    errors = run(job())
    assert [error.code for error in errors] == [code] * 3  # type: ignore[attr-defined]


def test_closing_the_client_ends_every_wait(flyte_sandbox: Sandbox, held: RunRef) -> None:
    async def job() -> BaseException:
        client = AsyncClient(fast(flyte_sandbox.config()))
        waiting = asyncio.create_task(client.wait(held))
        await asyncio.sleep(0.3)
        await client.aclose()
        (error,) = await asyncio.gather(waiting, return_exceptions=True)
        return error  # type: ignore[return-value]

    assert isinstance(run(job()), BridgeError)


def test_shared_clients_load_their_config_once_and_renew_it_after_unauthenticated(
    flyte_sandbox: Sandbox, client: Client, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    refs = [
        client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": n}, name=f"{name}{n}")) for n in range(10)
    ]
    loads: list[float] = []

    async def load() -> Config:
        loads.append(time.monotonic())
        await asyncio.sleep(0.05)
        return fast(flyte_sandbox.config())

    async def wait(ref: RunRef) -> RunPhase:
        async with AsyncClient.shared("flyte_default", load, linger=0.1) as shared:
            return (await shared.wait(ref, timeout=60)).phase

    async def job() -> list[RunPhase]:
        waits = [asyncio.create_task(wait(ref)) for ref in refs]
        await asyncio.sleep(0.4)
        assert len(loads) == 1
        flyte_sandbox.faults.fail("ListExecutions", code="UNAUTHENTICATED", times=1)
        await asyncio.sleep(0.6)
        assert len(loads) == 2
        for ref in refs:
            await asyncio.to_thread(raw.approve, ref.name)
        phases = await asyncio.gather(*waits)
        await asyncio.sleep(0.3)  # nobody is left: the client closes, and the next one loads anew
        async with AsyncClient.shared("flyte_default", load, linger=0.0) as shared:
            await shared.describe(refs[0])
        assert len(loads) == 3
        return phases

    assert run(job()) == [RunPhase.SUCCEEDED] * 10


def test_a_failure_to_load_the_config_reaches_every_caller_and_is_not_remembered(flyte_sandbox: Sandbox) -> None:
    attempts: list[int] = []

    async def load() -> Config:
        attempts.append(1)
        await asyncio.sleep(0.05)
        if len(attempts) == 1:
            raise Unavailable("no connection of that name")
        return flyte_sandbox.config()

    async def use() -> str:
        async with AsyncClient.shared("broken", load, linger=0.0) as client:
            return client.config.endpoint

    async def job() -> tuple[list[object], str]:
        return list(await asyncio.gather(use(), use(), return_exceptions=True)), await use()

    failed, endpoint = run(job())  # type: ignore[misc]
    assert [type(error) for error in failed] == [Unavailable, Unavailable]
    assert endpoint == flyte_sandbox.endpoint
    assert len(attempts) == 2


def test_different_keys_never_share_a_client(flyte_sandbox: Sandbox) -> None:
    async def load() -> Config:
        return flyte_sandbox.config()

    async def job() -> bool:
        async with (
            AsyncClient.shared("a", load, linger=0) as one,
            AsyncClient.shared("b", load, linger=0) as other,
            AsyncClient.shared("a", load, linger=0) as same,
        ):
            return one is same and one is not other

    assert run(job()) is True


def test_an_outage_is_told_once_and_its_end_too(
    flyte_sandbox: Sandbox, client: Client, raw: RawFlyte, held: RunRef, caplog: pytest.LogCaptureFixture
) -> None:
    flyte_sandbox.faults.fail("GetExecution", times=3)
    with Client(fast(client.config)) as waiting:
        for _ in waiting.watch(held, timeout=60):
            raw.approve(held.name)
    assert_told_once(caplog, f"run {held}")


def assert_told_once(caplog: pytest.LogCaptureFixture, whom: str) -> None:
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(said) == 2
    assert said[0].startswith(f"waiting for {whom}: cannot reach Flyte at ")
    assert said[1] == f"waiting for {whom}: Flyte answers again"


def test_an_outage_is_told_once_to_who_waits_for_many(
    flyte_sandbox: Sandbox, client: Client, raw: RawFlyte, held: RunRef, caplog: pytest.LogCaptureFixture
) -> None:
    raw.approve(held.name)
    flyte_sandbox.faults.fail("ListExecutions", times=3)
    with Client(fast(client.config)) as waiting:
        waiting.wait_many([held], timeout=60)
    assert_told_once(caplog, "1 run")


def test_an_outage_is_told_once_for_all_who_share_a_poll(
    flyte_sandbox: Sandbox, client: Client, raw: RawFlyte, held: RunRef, caplog: pytest.LogCaptureFixture
) -> None:
    later = client.launch(LaunchRequest(EntityRef.launch_plan(held.name), inputs={"n": 2}, name=f"{held.name}b"))
    raw.approve(held.name)
    flyte_sandbox.faults.fail("ListExecutions", times=3)

    async def job() -> None:
        async with AsyncClient(fast(client.config)) as waiting:
            second = asyncio.create_task(waiting.wait(later))
            await waiting.wait(held)
            raw.approve(later.name)  # not before: the poll that was told of the end must go on
            await second

    asyncio.run(job())
    assert_told_once(caplog, "runs of flytesnacks/development")
