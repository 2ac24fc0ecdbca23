"""A sandbox that is killed and started again on its directory knows its Flyte 2 runs, and goes on with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from .test_runs import writes
from .wires import PHASE, action_id, container, create, data_of, ended, unique, until

SERVER = """
import sys, threading
from bridge_core.sandbox import Sandbox
with Sandbox(data_dir=sys.argv[1]) as sandbox:
    print(sandbox.flyte2_endpoint, flush=True)
    threading.Event().wait()
"""


class Endpoint:
    def __init__(self, flyte2_endpoint):
        self.flyte2_endpoint = flyte2_endpoint


def test_runs_go_on_after_kill_9(tmp_path, fresh, connect):
    done, going, paused = unique(), unique(), unique()
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            wire = connect(Endpoint(server.stdout.readline().strip()))
            create(wire, done, writes(unique("pkg.write")), {"x": 1})
            assert ended(wire, done).status.phase == PHASE.ACTION_PHASE_SUCCEEDED
            gate = tmp_path / "gate"
            waits = (
                f"import pathlib, time, sys; gate = pathlib.Path({str(gate)!r})\n"
                "while not gate.exists(): time.sleep(0.05)\n"
                "place = sys.argv[1].removeprefix('file://') + '/outputs.pb'\n"
                "open(place, 'wb').write(bytes.fromhex('0a0c0a026f3012060a040a02082a'))"
            )
            create(wire, going, writes(unique("pkg.gated"), waits), {"x": 2})
            create(wire, paused, container(unique("pkg.parent"), "sleep", "600"))
            for name in (going, paused):
                until(wire, name, lambda details: details.status.phase == PHASE.ACTION_PHASE_RUNNING)
            condition = {
                "action": {
                    "actionId": {
                        "run": {"project": "flytesnacks", "domain": "development", "name": paused},
                        "name": "c1",
                    },
                    "parentActionName": "a0",
                    "condition": {"name": "ok", "type": {"simple": "BOOLEAN"}},
                }
            }
            wire("Enqueue", condition)
        finally:
            os.kill(server.pid, signal.SIGKILL)
    gate.touch()
    again = fresh()
    wire = connect(again)
    assert data_of(wire, done) == ({"x": 1}, {"o0": 42})
    details = ended(wire, going)
    assert (details.status.phase, details.status.attempts) == (PHASE.ACTION_PHASE_SUCCEEDED, 1)
    assert data_of(wire, going) == ({"x": 2}, {"o0": 42})
    signalled = {"actionId": condition["action"]["actionId"], "payload": {"boolValue": True}}
    wire("SignalEvent", signalled)
    assert ended(wire, paused, "c1").status.phase == PHASE.ACTION_PHASE_SUCCEEDED
    assert wire("ListActions", {"runId": {"project": "flytesnacks", "domain": "development", "name": paused}}).actions
    assert action_id(paused).name == "a0"
    wire("AbortRun", {"runId": {"project": "flytesnacks", "domain": "development", "name": paused}})
    assert ended(wire, paused).status.phase == PHASE.ACTION_PHASE_ABORTED
