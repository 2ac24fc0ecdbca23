"""The network breaks while a run is waited for or launched: no wait is lost, none ends wrongly, no run is made twice."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

import pytest
from support.flyte import INTEGER, RawFlyte
from support.proxy import Proxy

from bridge_core import (
    AsyncClient,
    Client,
    Config,
    EntityRef,
    LaunchRequest,
    RunPhase,
    RunRef,
    Unavailable,
    WaitTimeout,
)


def refuse(proxy: Proxy) -> Callable[[], None]:
    """The server is gone, and comes back."""
    proxy.close()
    return proxy.open


def cut(proxy: Proxy) -> Callable[[], None]:
    """Connections are reset; new ones work."""
    proxy.cut()
    return lambda: None


def hole(proxy: Proxy) -> Callable[[], None]:
    """Everything vanishes, then works again."""
    proxy.mode("hole")
    return lambda: proxy.mode("pass")


def forgotten(proxy: Proxy) -> Callable[[], None]:
    """The connection that exists stays silent for ever; new ones work. Only keepalive can find out."""
    proxy.mode("hole", old_connections_only=True)
    return lambda: None


def half_open(proxy: Proxy) -> Callable[[], None]:
    """Requests arrive and answers vanish, for ever on the connection that exists."""
    proxy.mode("deaf", old_connections_only=True)
    return lambda: None


def stall(proxy: Proxy) -> Callable[[], None]:
    """Everything arrives five seconds late."""
    proxy.stall(5.0)
    return lambda: None


TROUBLES = [refuse, cut, hole, forgotten, half_open, stall]


@pytest.fixture
def held(raw: RawFlyte, config: Config, name: str) -> RunRef:
    raw.register(name, {"n": INTEGER}, gate="approve")
    with Client(config) as client:
        return client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name))


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_blocking_wait_lives_through_it(
    trouble: Callable[[Proxy], Callable[[], None]], proxy: Proxy, raw: RawFlyte, config: Config, held: RunRef
) -> None:
    found: list[RunPhase] = []
    with Client(config) as client:
        client.describe(held)
        waiting = threading.Thread(target=lambda: found.append(client.wait(held, timeout=60).phase))
        waiting.start()
        time.sleep(0.4)
        recover = trouble(proxy)
        time.sleep(2.5)
        assert found == [], "trouble is no end"
        raw.approve(held.name)
        recover()
        waiting.join(60)
    assert found == [RunPhase.SUCCEEDED]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_waits_on_a_loop_live_through_it(
    trouble: Callable[[Proxy], Callable[[], None]], proxy: Proxy, raw: RawFlyte, config: Config, held: RunRef
) -> None:
    async def job() -> list[RunPhase]:
        async with AsyncClient(config) as client:
            waits = [asyncio.create_task(client.wait(held, timeout=60)) for _ in range(5)]
            await asyncio.sleep(0.4)
            recover = trouble(proxy)
            await asyncio.sleep(2.5)
            assert not any(wait.done() for wait in waits), "trouble is no end"
            await asyncio.to_thread(raw.approve, held.name)
            recover()
            return [snapshot.phase for snapshot in await asyncio.gather(*waits)]

    assert asyncio.run(job()) == [RunPhase.SUCCEEDED] * 5


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_launch_that_broke_is_repeated_under_its_name_and_makes_one_run(
    trouble: Callable[[Proxy], Callable[[], None]], proxy: Proxy, raw: RawFlyte, config: Config, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name)
    with Client(config) as client:
        client.whoami()  # a connection exists
        recover = trouble(proxy)
        deadline = time.monotonic() + 60
        recovering = threading.Timer(2.0, recover)
        recovering.start()
        while True:
            try:
                launched = client.launch_or_attach(request)
                break
            except Unavailable:
                assert time.monotonic() < deadline
        recovering.join()
    assert launched.ref.name == name
    assert [item.id.name for item in raw.executions() if item.spec.launch_plan.name == name] == [name]


def test_patience_is_kept_while_everything_vanishes(proxy: Proxy, config: Config, held: RunRef) -> None:
    with Client(config) as client:
        client.describe(held)
        proxy.mode("hole")
        with pytest.raises(WaitTimeout, match="was not aborted"):
            client.wait(held, timeout=1.0)


def test_patience_of_many_is_kept_too(proxy: Proxy, config: Config, held: RunRef) -> None:
    with Client(config.replace(rpc_timeout=60.0)) as client:
        client.describe(held)
        proxy.mode("hole")
        begin = time.monotonic()
        with pytest.raises(WaitTimeout, match="was not aborted"):
            client.wait_many([held], timeout=1.0)
        assert time.monotonic() - begin < 30, "no question takes longer than the caller's patience allows"


def test_many_waits_of_one_client_live_through_a_restart_of_the_way(
    proxy: Proxy, raw: RawFlyte, config: Config, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    with Client(config) as client:
        entity = EntityRef.launch_plan(name)
        refs = [client.launch(LaunchRequest(entity, inputs={"n": n}, name=f"{name}{n}")) for n in range(30)]
        recover = refuse(proxy)
        for ref in refs:
            raw.approve(ref.name)
        timer = threading.Timer(1.0, recover)
        timer.start()
        snapshots = client.wait_many(refs, timeout=60)
        timer.join()
    assert {snapshot.phase for snapshot in snapshots} == {RunPhase.SUCCEEDED}
