"""The Flyte 2 server is killed with SIGKILL and comes back while somebody waits or launches; and what a hundred waits cost."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from support.ports import free_ports

from bridge_core import AsyncClient, Client, Config, LaunchRequest, PollPolicy, RunPhase, RunQuery, Unavailable
from bridge_core.cli.server import SandboxProcess

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

# Waits for a file that the test writes, then writes outputs: {"o0": 42}.
HELD = (
    "import os, sys, time\n"
    "place = sys.argv[1].removeprefix('file://')\n"
    "while not os.path.exists(sys.argv[2]): time.sleep(0.1)\n"
    "open(place + '/outputs.pb', 'wb').write(bytes.fromhex('0a0c0a026f3012060a040a02082a'))\n"
)


def deploy(client: Client, name: str, *arguments: str, program: str = HELD) -> None:
    where = {"project": "flytesnacks", "domain": "development", "name": name, "version": "v1"}
    integer = {"type": {"simple": "INTEGER"}}
    template = {
        "id": {"resourceType": "TASK", **where},
        "type": "container",
        "metadata": {"runtime": {"version": "1", "flavor": "raw"}},
        "interface": {
            "inputs": {"variables": [{"key": "n", "value": integer}]},
            "outputs": {"variables": [{"key": "o0", "value": integer}]},
        },
        "container": {"image": "any", "command": ["python3", "-c", program, "{{.outputPrefix}}", *arguments]},
    }
    client.call("DeployTask", {"taskId": where, "spec": {"taskTemplate": template, "shortName": name}})


@pytest.mark.parametrize("transport", ["grpc", "connect"])
def test_a_server_killed_while_runs_are_waited_for_and_launched(tmp_path: Path, transport: str) -> None:
    port, http, flyte2 = free_ports(3)
    arguments = ["--port", str(port), "--http-port", str(http), "--flyte2-port", str(flyte2)]
    go = tmp_path / "go"
    server = SandboxProcess.start(tmp_path / "flyte", *arguments)
    config = Config(
        endpoint=f"127.0.0.1:{flyte2}", insecure=True, project="flytesnacks", domain="development", flyte_version=2,
        transport=transport, poll=PollPolicy(shortest=0.1, longest=0.2),
    )  # fmt: skip
    found: list[Any] = []
    try:
        with Client(config) as client:
            deploy(client, "held", str(go))
            held = client.launch(LaunchRequest("task:held", inputs={"n": 1}, name="held-1"))
            waiting = threading.Thread(target=lambda: found.append(client.wait(held, timeout=120)))
            waiting.start()
            time.sleep(1.0)
            server.kill()
            time.sleep(1.0)
            assert found == [], "an unreachable server is not a failed run"
            server = SandboxProcess.start(tmp_path / "flyte", *arguments)
            assert found == []
            go.write_text("")
            waiting.join(120)
            assert [item.phase for item in found] == [RunPhase.SUCCEEDED]
            assert client.outputs(held) == {"o0": 42}
            assert not client.launch_or_attach(LaunchRequest("task:held", inputs={"n": 1}, name="held-1")).created
            server.kill()
            servers: list[SandboxProcess] = []
            restart = threading.Timer(1.0, lambda: servers.append(SandboxProcess.start(tmp_path / "flyte", *arguments)))
            restart.start()
            while True:
                try:
                    client.launch(LaunchRequest("task:held", inputs={"n": 2}, name="held-2"))
                    break
                except Unavailable:
                    continue
            restart.join()
            server = servers[0]
            runs = client.list_runs(query=RunQuery(name_contains="held"))
            assert sorted(item.ref.name for item in runs) == ["held-1", "held-2"]
    finally:
        server.stop()


def connections(port: int) -> int:
    """Connections of this process to that port."""
    found = psutil.Process(os.getpid()).net_connections("tcp")
    return sum(1 for item in found if item.raddr and item.raddr.port == port and item.status == "ESTABLISHED")


@pytest.mark.parametrize("transport", ["grpc", "connect"])
def test_a_hundred_waits_are_two_connections_at_most(flyte_sandbox: Sandbox, name: str, transport: str) -> None:
    flyte_sandbox.stub(f"slow.{name}", inputs={"n": int}, outputs={}, duration=3)
    config = flyte_sandbox.config(flyte_version=2, transport=transport)
    port = int(config.endpoint.rpartition(":")[2])
    with Client(config) as client:
        requests = LaunchRequest.zipped(f"task:slow.{name}", {"n": range(100)}, name=name)
        refs = client.launch_many(requests)
    before = connections(port)

    async def main() -> tuple[int, list[Any]]:
        async with AsyncClient(config) as client:
            waits = [asyncio.ensure_future(client.wait(ref, timeout=100)) for ref in refs]
            most = 0
            while not all(wait.done() for wait in waits):
                most = max(most, connections(port) - before)
                await asyncio.sleep(0.05)
            return most, await asyncio.gather(*waits)

    most, snapshots = asyncio.run(main())
    assert {item.phase for item in snapshots} == {RunPhase.SUCCEEDED}
    assert 1 <= most <= 2
