"""Whatever is sent to whatever RPC: no crash, no traceback to the client, and the sandbox works afterwards.

FlyteAdmin itself answers some of it INTERNAL or UNKNOWN; what the sandbox could not answer at all says so.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from flyteidl.admin import common_pb2, execution_pb2, project_pb2

from bridge_core.sandbox import Sandbox

from .fuzzer import METHODS, Fuzzer, send
from .protos import INTEGER, PHASE, Wire, echo_task, echo_workflow, gate_workflow, literals, plan_id
from .test_engine import attempts_of, nodes_of
from .test_executions import list_runs, release
from .test_scheduler import cron, scheduled

_OF_POSTGRES = "failed database operation with"


def drive(wire):
    """Does a little of everything, so that there is something to hit and to mutate."""
    echo, gate = echo_workflow(wire, "echo"), gate_workflow(wire, "gate")
    first = wire.launch(echo, "first", literals(n=1))
    wire.wait(first)
    held = wire.launch(gate, "held", literals(n=1))
    wire.wait(held, phases={PHASE.RUNNING})
    release(wire, held)
    stopped = wire.launch(gate, "stopped", literals(n=1))
    wire.terminate(stopped)
    wire.recover(first, "recovered")
    wire.admin.RelaunchExecution(execution_pb2.ExecutionRelaunchRequest(id=first, name="again"))
    list_runs(wire, "eq(phase,SUCCEEDED)")
    wire.outputs(first)
    wire.register_task(echo_task("single", {"n": INTEGER}, {"n": INTEGER}))
    scheduled(wire, name="often", cron_schedule=cron("* * * * *"), kickoff="when")
    attempts_of(wire, nodes_of(wire, first)["n0"])
    wire.admin.ListTaskIds(
        common_pb2.NamedEntityIdentifierListRequest(project="flytesnacks", domain="development", limit=5)
    )


def campaign(seconds, seed, threads, caplog):
    """Returns how many answers had which status."""
    with Sandbox(parallelism=2) as sandbox:
        wire = Wire(sandbox.endpoint)
        drive(wire)
        known = {}
        for call in sandbox.calls:
            known.setdefault(call.method, []).append(call.request)
        end = time.monotonic() + seconds

        def work(number):
            fuzzer = Fuzzer(random.Random(f"{seed}-{number}"), known)
            counts, wrong = Counter(), []
            with grpc.insecure_channel(sandbox.endpoint) as channel:
                while time.monotonic() < end and len(wrong) < 10:
                    for service, method in METHODS:
                        data = fuzzer.request(method)
                        code, details = send(channel, service, method, data)
                        counts[code] += 1
                        bad = code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
                        bad |= code == "UNKNOWN" and not details.startswith(_OF_POSTGRES)
                        bad |= code == "INTERNAL" and details.startswith("the sandbox failed to answer")
                        bad |= "Traceback" in details or 'File "' in details or len(details.encode()) > 32_000
                        if bad:
                            wrong.append((method.name, data, code, details[:300]))
            return counts, wrong

        with ThreadPoolExecutor(threads) as pool:
            results = list(pool.map(work, range(threads)))
        wrong = [one for _, some in results for one in some]
        assert wrong == [], f"seed {seed}"
        broken = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
        assert broken == [], f"seed {seed}"
        # It still works, and is not left with a run that never ends. (Something may have archived the project.)
        wire.admin.UpdateProject(project_pb2.Project(id="flytesnacks"))
        assert wire.outputs(wire.run(plan_id("echo"), literals(n=5)).id) == {"o0": 5}
        wire.close()
        return sum((counts for counts, _ in results), Counter())


def test_three_seconds(caplog):
    counts = campaign(3, 1, 2, caplog)
    assert counts["OK"] > 0
    assert counts["INVALID_ARGUMENT"] > 0


@pytest.mark.long
def test_sixty_seconds(caplog):
    seed = random.SystemRandom().randrange(10**6)
    counts = campaign(60, seed, 2, caplog)
    print(f"seed {seed}: {counts.total()} requests, {dict(counts)}")
    assert counts.total() > 1000
