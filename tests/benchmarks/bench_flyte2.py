"""Flyte 2, ours against its own SDK, over the SDK's transport (Connect): import to the first submit, and what 100 waits cost.

Both launch the same registered task on the same sandbox, each from a fresh interpreter.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys

from figures import Figures

ROUNDS = 16  # of which the first warms the disk's cache
WAITS = 100

HEAD = """
import time; begin = time.perf_counter()
import os, sys, json; endpoint, task, name, transport = sys.argv[1:]
sys.modules["h2"] = None  # it is the sandbox's server's: neither client brings it, and both would import it here
def told(**more): print(json.dumps({"seconds": time.perf_counter() - begin, "cpu": time.process_time(), **more}))
def connections():  # to the server
    import psutil
    port = int(endpoint.rpartition(":")[2])
    found = psutil.Process().net_connections("tcp")
    return sum(1 for c in found if c.raddr and c.raddr.port == port and c.status == "ESTABLISHED")
def memory():  # of this program: ru_maxrss begins with what the parent had
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
"""
OURS = """
from bridge_core import Client, Config, LaunchRequest
config = Config.for_endpoint(endpoint, insecure=True, project="flytesnacks", domain="development", transport=transport)
with Client(config) as flyte:
    flyte.launch(LaunchRequest("task:" + task, inputs={"n": 1}, name=name))
told()
"""
SDK = """
import flyte, flyte.remote
flyte.init(endpoint=endpoint, insecure=True, project="flytesnacks", domain="development")
task = flyte.remote.Task.get(task, auto_version="latest")
flyte.with_runcontext(name=name).run(task, n=1)
told()
"""
OUR_WAITS = """
import asyncio
from bridge_core import AsyncClient, Config
config = Config.for_endpoint(endpoint, insecure=True, project="flytesnacks", domain="development", transport=transport)
async def main():
    async with AsyncClient(config) as flyte:
        waits = [asyncio.ensure_future(flyte.wait(f"{name}{number}")) for number in range(100)]
        await asyncio.sleep(2)
        return connections(), await asyncio.gather(*waits)
sockets, _ = asyncio.run(main())
told(sockets=sockets, megabytes=memory())
"""
SDK_WAITS = """
import asyncio, contextlib, io
import flyte, flyte.remote
flyte.init(endpoint=endpoint, insecure=True, project="flytesnacks", domain="development")
async def main():
    runs = [await flyte.remote.Run.get.aio(f"{name}{number}") for number in range(100)]
    waits = [asyncio.ensure_future(run.wait.aio(quiet=True)) for run in runs]
    await asyncio.sleep(2)
    return connections(), await asyncio.gather(*waits)
sockets, _ = asyncio.run(main())
told(sockets=sockets, megabytes=memory())
"""


def measure(body: str, *arguments: str) -> dict[str, float]:
    """What a fresh interpreter told."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", HEAD + body, *arguments],
        capture_output=True, text=True, check=False, env={**environment, "DO_NOT_TRACK": "1"}, timeout=300,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr[-3000:])
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def main() -> int:
    """Prints the figures; fails when a promise does not hold."""
    from bridge_core import Client, LaunchRequest
    from bridge_core.sandbox import Sandbox

    with Sandbox() as sandbox:
        sandbox.stub("bench.quick", inputs={"n": int}, outputs={})
        sandbox.stub("bench.slow", inputs={"n": int}, outputs={}, duration=12)
        endpoint = sandbox.flyte2_endpoint
        found: dict[str, list[dict[str, float]]] = {"ours": [], "the SDK": []}
        for number in range(ROUNDS):
            for label, body in (("ours", OURS), ("the SDK", SDK)):
                name = f"b{label[0]}{number}"
                found[label].append(measure(body, endpoint, "bench.quick", name, "connect"))
        waits = {}
        for label, body, prefix in (("ours", OUR_WAITS, "wo"), ("the SDK", SDK_WAITS, "ws")):
            with Client(sandbox.config(flyte_version=2)) as client:
                client.launch_many(
                    [LaunchRequest("task:bench.slow", inputs={"n": n}, name=f"{prefix}{n}") for n in range(WAITS)]
                )
            waits[label] = measure(body, endpoint, "bench.slow", prefix, "connect")
    median = {label: statistics.median(item["seconds"] for item in items[1:]) for label, items in found.items()}
    cpu = {label: statistics.median(item["cpu"] for item in items[1:]) for label, items in found.items()}
    for label, value in median.items():
        told = waits[label]
        print(
            f"{label:8} import to first submit {value * 1000:7.0f} ms, {cpu[label] * 1000:.0f} ms of CPU   "
            f"{WAITS} waits: {told['sockets']:.0f} connections, "
            f"{told['megabytes']:.0f} MB resident"
        )
    faster = median["the SDK"] / median["ours"]
    memory = waits["ours"]["megabytes"] / waits["the SDK"]["megabytes"]
    less = cpu["the SDK"] / cpu["ours"]
    figures = Figures("Flyte 2, over Connect", "the flyte SDK")
    for what, unit, factor, values, wanted in (
        ("import to first submit", "ms", 1000, median, 3),
        ("the same, CPU", "ms", 1000, cpu, None),
        (f"{WAITS} waits: memory", "MB", 1, {key: item["megabytes"] for key, item in waits.items()}, 2),
        (f"{WAITS} waits: connections", "", 1, {key: item["sockets"] for key, item in waits.items()}, None),
    ):
        figures.tell(what, ours=factor * values["ours"], peer=factor * values["the SDK"], unit=unit, wanted=wanted)
    print(f"faster than the SDK: {faster:.1f} times (wanted 3), {less:.1f} times less CPU")
    print(f"memory: {memory:.2f} of the SDK's (wanted at most 0.5)")
    return 0 if faster >= 3 and memory <= 0.5 and waits["ours"]["sockets"] <= 2 else 1


if __name__ == "__main__":
    sys.exit(main())
