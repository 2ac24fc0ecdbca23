"""The embedded Flyte: a chain of ten tasks in both modes, a map of 1,000 items, 200 runs at once, memory, latency of its RPCs.

``python tests/benchmarks/bench_sandbox.py [chain|map|burst|memory|latency]…``; all of them without an argument. Times depend on
the machine and on what else it does; the limits that issue 5 sets are printed beside them and make the exit code.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from flyteidl.admin import common_pb2, execution_pb2, node_execution_pb2  # noqa: E402
from flyteidl.core import types_pb2  # noqa: E402
from sandbox.protos import (  # noqa: E402
    INTEGER,
    PHASE,
    D,
    P,
    Wire,
    echo_workflow,
    gate_workflow,
    literal,
    literals,
    new_workflow,
    plan_id,
    shell_task,
)

FAILED = []


def say(what: str, figure: str, within: bool | None = None) -> None:
    """Prints one line, and remembers a limit that is not kept."""
    if within is False:
        FAILED.append(what)
    print(f"{what:<58} {figure}{'' if within is None else '  ok' if within else '  TOO MUCH'}", flush=True)


class Server:
    """A sandbox in a process of its own."""

    def __init__(self, *options: str) -> None:
        command = [sys.executable, "-m", "bridge_core.sandbox", "--port", "0", "--http-port", "0", *options]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        self.wire = Wire(self._process.stdout.readline().split("gRPC ")[1].split()[0])
        self.process = psutil.Process(self._process.pid)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_error: object) -> None:
        self.wire.close()
        self._process.terminate()
        self._process.communicate()


def chain() -> None:
    """Ten tasks of flytekit, one after the other."""
    medians = {}
    for mode in ("fork", "process"):
        with Server("--isolation", mode) as server, tempfile.TemporaryDirectory() as home:
            config = Path(home, "config.yaml")
            config.write_text(f"admin:\n  endpoint: dns:///{server.wire.endpoint}\n  insecure: true\n")
            env = {**os.environ, "FLYTECTL_CONFIG": str(config), "FLYTEKIT_IMAGE": "none:none", "HOME": home}
            pyflyte = Path(sys.executable).with_name("pyflyte")
            subprocess.run(
                [pyflyte, "register", "-p", P, "-d", D, "--version", "r1", "forked.py"],
                cwd=ROOT / "tests" / "sandbox" / "workflows",
                env=env,
                check=True,
                capture_output=True,
            )
            times = []
            for _ in range(5 if mode == "fork" else 3):
                start = time.perf_counter()
                run = server.wire.run(plan_id("forked.chain", "r1"), literals(n=0))
                times.append(time.perf_counter() - start)
                assert run.closure.phase == PHASE.SUCCEEDED, run.closure.error
            medians[mode] = statistics.median(times)
            limit = medians[mode] < 1.5 if mode == "fork" else None
            say(f"chain of 10 tasks, {mode}, median of {len(times)} (fork: < 1.5 s)", f"{medians[mode]:.2f} s", limit)
    say("chain of 10 tasks, process : fork", f"{medians['process'] / medians['fork']:.0f} : 1")


def map_items() -> None:
    """1,000 items, four processes at once."""
    with Server("--parallelism", "4") as server, tempfile.TemporaryDirectory() as directory:
        log = Path(directory, "log")
        task = shell_task(
            "item", f"echo + >> {log}; echo - >> {log}", {"n": types_pb2.LiteralType(collection_type=INTEGER)}
        )
        template = new_workflow("mapped")
        node = template.nodes.add(id="n0")
        node.metadata.name = node.array_node.node.id = "n0"
        node.array_node.node.task_node.reference_id.CopyFrom(task.id)
        binding = node.inputs.add(var="n").binding
        for number in range(1000):
            binding.collection.bindings.add().scalar.CopyFrom(literal(number).scalar)
        target = server.wire.register(template, tasks=[task])
        start = time.perf_counter()
        run = server.wire.launch(target)
        most = 0
        while server.wire.get(run).closure.phase not in (PHASE.SUCCEEDED, PHASE.FAILED):
            most = max(most, len(_sessions(server.process)) - 1)  # one is the guard's
            time.sleep(0.01)
        took = time.perf_counter() - start
        running = most_running = 0
        for line in log.read_text().splitlines():
            running += 1 if line == "+" else -1
            most_running = max(most_running, running)
        counts = Counter(log.read_text().splitlines())
        assert counts == {"+": 1000, "-": 1000}, counts
        assert server.wire.get(run).closure.phase == PHASE.SUCCEEDED
        say("map of 1,000 items: sessions seen at once (4 allowed)", str(most), most <= 4)
        say("map of 1,000 items: items at work at once (4 allowed)", str(most_running), most_running <= 4)
        say("map of 1,000 items, /bin/sh, 4 at once", f"{took:.1f} s")


def _sessions(process: psutil.Process) -> set[int]:
    """Sessions of the processes below one, each task's its own; those that end meanwhile do not count."""
    found = set()
    for one in process.children(recursive=True):
        with contextlib.suppress(ProcessLookupError):
            found.add(os.getsid(one.pid))
    return found


def burst() -> None:
    """200 runs at once, each with a process."""
    with Server() as server:
        task = shell_task("short", "true")
        server.wire.register_task(task)
        server.wire.run(task.id)
        start = time.perf_counter()
        with ThreadPoolExecutor(200) as pool:
            runs = list(pool.map(lambda number: server.wire.launch(task.id, f"burst-{number}"), range(200)))
            launched = time.perf_counter() - start
            phases = Counter(pool.map(lambda run: server.wire.wait(run, timeout=300).closure.phase, runs))
        say("200 runs at once: launched", f"{launched:.2f} s")
        say(
            "200 runs at once: ended",
            f"{time.perf_counter() - start:.1f} s, {dict(phases)}",
            phases == {PHASE.SUCCEEDED: 200},
        )


def memory() -> None:
    """What 1,000 runs leave in memory."""
    with Server() as server:
        before = server.process.memory_info().rss
        task = shell_task("short", "true")
        server.wire.register_task(task)
        with ThreadPoolExecutor(16) as pool:
            runs = pool.map(lambda number: server.wire.launch(task.id, f"memory-{number}"), range(1000))
            phases = Counter(pool.map(lambda run: server.wire.wait(run, timeout=600).closure.phase, list(runs)))
        assert phases == {PHASE.SUCCEEDED: 1000}, phases
        grown = (server.process.memory_info().rss - before) / 2**20
        say(
            "memory after 1,000 runs, against the start (< 100 MB)",
            f"{grown:+.0f} MB of {before / 2**20:.0f}",
            grown < 100,
        )


def latency() -> None:
    """RPCs with 10,000 runs in the store."""
    with Server() as server:
        wire = server.wire
        echo, gate = echo_workflow(wire, "echo"), gate_workflow(wire, "gate")
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda number: wire.launch(echo, f"run-{number}", literals(n=1)), range(10_000)))
        for number in (0, 5000, 9999):
            wire.wait(_run(number), timeout=300)
        while _list(wire, "value_not_in(phase,SUCCEEDED)", limit=1).executions:
            time.sleep(0.2)
        newest = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)
        names = ";".join(f"run-{number}" for number in range(0, 10_000, 50))
        calls = {
            "GetExecution": lambda n: wire.get(_run(n * 7)),
            "GetExecutionData": lambda n: wire.outputs(_run(n * 7)),
            "ListNodeExecutions": lambda n: wire.admin.ListNodeExecutions(
                node_execution_pb2.NodeExecutionListRequest(workflow_execution_id=_run(n * 7), limit=100)
            ),
            "ListExecutions, newest 100": lambda _: _list(wire, sort_by=newest),
            "ListExecutions, newest 20 that FAILED": lambda _: _list(
                wire, "eq(phase,FAILED)", limit=20, sort_by=newest
            ),
            "ListExecutions, 200 by name": lambda _: _list(wire, f"value_in(execution_name,{names})", limit=200),
            "CreateExecution": lambda n: wire.launch(gate, f"held-{n}", literals(n=1)),
            "TerminateExecution": lambda n: wire.terminate(_run(n, "held")),
        }
        for name, call in calls.items():
            times = []
            for number in range(400):
                start = time.perf_counter()
                call(number)
                times.append(time.perf_counter() - start)
            p50, p99 = (statistics.quantiles(times, n=100)[at] * 1000 for at in (49, 98))
            say(f"10,000 runs: {name} p50 / p99 (< 20 ms)", f"{p50:.1f} / {p99:.1f} ms", p99 < 20)


def _run(number: int, prefix: str = "run") -> object:
    from flyteidl.core import identifier_pb2

    return identifier_pb2.WorkflowExecutionIdentifier(project=P, domain=D, name=f"{prefix}-{number}")


def _list(wire: Wire, filters: str = "", **more: object) -> execution_pb2.ExecutionList:
    request = common_pb2.ResourceListRequest(
        id=common_pb2.NamedEntityIdentifier(project=P, domain=D), filters=filters, **{"limit": 100, **more}
    )
    return wire.admin.ListExecutions(request)


ALL = {"chain": chain, "map": map_items, "burst": burst, "memory": memory, "latency": latency}

if __name__ == "__main__":
    for wanted in sys.argv[1:] or ALL:
        ALL[wanted]()
    sys.exit(1 if FAILED else 0)
