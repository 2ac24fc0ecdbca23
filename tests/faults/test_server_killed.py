"""The Flyte server itself is killed with SIGKILL and comes back while somebody waits or launches."""

from __future__ import annotations

import socket
import threading
import time
from pathlib import Path

from support.flyte import INTEGER, RawFlyte

from bridge_core import Client, EntityRef, LaunchRequest, PollPolicy, RunPhase, Unavailable
from bridge_core.cli.server import SandboxProcess


def free_ports() -> list[str]:
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return ["--port", str(one.getsockname()[1]), "--http-port", str(other.getsockname()[1])]


def test_a_server_killed_and_restarted_while_runs_are_waited_for_and_launched(tmp_path: Path) -> None:
    ports = free_ports()
    server = SandboxProcess.start(tmp_path / "flyte", *ports)
    raw = RawFlyte(server.endpoint)
    raw.register("done", {"n": INTEGER})
    raw.register("held", {"n": INTEGER}, gate="approve")
    found: list[RunPhase] = []
    with Client(server.config().replace(poll=PollPolicy(shortest=0.1, longest=0.2))) as client:
        done = client.launch(LaunchRequest(EntityRef.launch_plan("done"), inputs={"n": 1}, name="done-1"))
        held = client.launch(LaunchRequest(EntityRef.launch_plan("held"), inputs={"n": 1}, name="held-1"))
        client.wait(done, timeout=30)
        waiting = threading.Thread(target=lambda: found.append(client.wait(held, timeout=90).phase))
        waiting.start()
        time.sleep(0.5)
        server.kill()
        time.sleep(1.0)
        assert found == [], "an unreachable server is not a failed run"
        server = SandboxProcess.start(tmp_path / "flyte", *ports)
        try:
            assert found == []  # the run is still held at its gate: the restarted server goes on with it
            raw.approve("held-1")
            waiting.join(90)
            assert found == [RunPhase.SUCCEEDED]
            assert client.describe(done).phase is RunPhase.SUCCEEDED
            assert client.outputs(done) == {"n": 1}
            request = LaunchRequest(EntityRef.launch_plan("done"), inputs={"n": 1}, name="done-1")
            assert not client.launch_or_attach(request).created
            killed = LaunchRequest(EntityRef.launch_plan("done"), inputs={"n": 2}, name="done-2")
            server.kill()
            restart = threading.Timer(1.0, lambda: servers.append(SandboxProcess.start(tmp_path / "flyte", *ports)))
            servers: list[SandboxProcess] = []
            restart.start()
            while True:
                try:
                    client.launch(killed)
                    break
                except Unavailable:
                    continue
            restart.join()
            server = servers[0]
            names = [item.id.name for item in raw.executions()]
            assert sorted(names) == ["done-1", "done-2", "held-1"]
        finally:
            server.stop()
