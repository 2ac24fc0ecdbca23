"""One client, many threads; one client, forked; values that cross processes."""

from __future__ import annotations

import asyncio
import pickle
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING

import pytest
from support.flyte import INTEGER, RawFlyte

from bridge_core import AsyncClient, BridgeError, Client, EntityKind, EntityRef, LaunchRequest, RunNotFound, RunRef

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def test_one_client_serves_32_threads(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    entity, found, barrier = EntityRef.launch_plan(name), {}, threading.Barrier(32)

    def job(number: int) -> None:
        barrier.wait()
        ref = client.launch(LaunchRequest(entity, inputs={"n": number}, name=f"{name}{number}"))
        client.wait(ref, timeout=60).raise_for_phase()
        found[number] = client.outputs(ref)["n"]

    threads = [threading.Thread(target=job, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: number for number in range(32)}


def test_children_forked_with_an_open_client_use_it(flyte_sandbox: Sandbox, raw: RawFlyte, name: str) -> None:
    # In a process of its own: this one runs gRPC servers, which no fork survives.
    raw.register(name, {"n": INTEGER})
    script = textwrap.dedent(
        """
        import os, sys
        from bridge_core import Client, Config, EntityRef, LaunchRequest
        config = Config.for_endpoint(sys.argv[1], insecure=True, project="flytesnacks", domain="development")
        client = Client(config)
        entity, name = EntityRef.launch_plan(sys.argv[2]), sys.argv[2]
        client.launch(LaunchRequest(entity, inputs={"n": 0}, name=name + "p"))
        children = []
        for number in range(10):
            pid = os.fork()
            if not pid:
                ref = client.launch(LaunchRequest(entity, inputs={"n": number}, name=f"{name}c{number}"))
                client.wait(ref, timeout=60).raise_for_phase()
                os._exit(0 if client.outputs(ref)["n"] == number else 1)
            children.append(pid)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
        client.describe(client.launch(LaunchRequest(entity, inputs={"n": 0}, name=name + "p")))
        print(codes)
        """
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, flyte_sandbox.endpoint, name],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.strip() == str([0] * 10), done.stderr


def test_an_async_client_refuses_to_work_in_a_forked_child(flyte_sandbox: Sandbox) -> None:
    script = textwrap.dedent(
        """
        import asyncio, os, sys
        from bridge_core import AsyncClient, BridgeError, Config, RunNotFound, RunRef
        ref = RunRef("flytesnacks", "development", "nothere")
        async def main():
            client = AsyncClient(Config.for_endpoint(sys.argv[1], insecure=True))
            try:
                await client.describe(ref)
            except RunNotFound:
                pass
            if not os.fork():
                try:
                    client.describe(ref).send(None)
                except BridgeError as error:
                    os.write(1, str(error).encode())
                os._exit(0)
            os.wait()
            os._exit(0)
        asyncio.run(main())
        """
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, flyte_sandbox.endpoint],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "cannot be used in its forked child" in done.stdout, done.stderr


def test_an_async_client_refuses_another_loop_in_words(flyte_sandbox: Sandbox) -> None:
    client = AsyncClient(flyte_sandbox.config())
    nobody = RunRef("flytesnacks", "development", "nobody")

    async def ask() -> None:
        with pytest.raises(RunNotFound):
            await client.describe(nobody)

    works = (
        lambda: client.list_entities(EntityKind.TASK),
        lambda: client.describe(nobody),
        lambda: client.wait(nobody),
        lambda: client.wait_many([nobody]),
    )
    asyncio.run(ask())
    for work in works:
        with pytest.raises(BridgeError, match="was opened on another event loop"):
            asyncio.run(asyncio.wait_for(work(), 30))
    asyncio.run(client.aclose())
    asyncio.run(ask())  # after closing, it belongs to whoever uses it next


def test_a_client_works_inside_a_running_loop_and_after_being_closed(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})

    async def inside() -> None:
        client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name))

    asyncio.run(inside())
    client.close()
    assert client.wait(
        client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name))
    ).phase.is_success


def test_snapshots_and_outputs_of_a_real_run_cross_processes(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    launched = client.launch_or_attach(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name))
    snapshot = client.wait(launched.ref, timeout=60)
    outputs = client.outputs(launched.ref)
    entity = client.get_entity(EntityRef.launch_plan(name))
    assert pickle.loads(pickle.dumps((launched, snapshot, outputs, entity))) == (launched, snapshot, outputs, entity)
