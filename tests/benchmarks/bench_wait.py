"""Waiting on many runs in one process: RPCs, CPU, memory and how soon an end is noticed; FlyteRemote beside it, scaled.

Runs are held at a gate: no task process each. The sandbox is a process of its own, so that its work is not counted as ours.
Usage: bench_wait.py [runs ...]   (default: 1000 10000)
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from figures import Figures

sys.path.insert(0, str(Path(__file__).parents[1]))

IDLE = 30.0
PEERS = 10
NOTICED = 100

FLYTEKIT = """
import sys, threading, time
from datetime import timedelta
import grpc
from flytekit.configuration import Config, PlatformConfig
from flytekit.remote import FlyteRemote
endpoint, seconds, *names = sys.argv[1:]
counts = []
original = grpc.Channel.unary_unary
remote = FlyteRemote(Config(platform=PlatformConfig(endpoint=endpoint, insecure=True)), "flytesnacks", "development")
runs = [remote.fetch_execution(name=name) for name in names]
import flytekit.clients.raw as raw
def count(stub):
    for name in dir(stub):
        method = getattr(stub, name)
        if callable(method) and name[:1].isupper():
            def counted(*a, _m=method, **k):
                counts.append(1)
                return _m(*a, **k)
            setattr(stub, name, counted)
count(remote.client._stub)
def wait(run):
    try:
        remote.wait(run, timeout=timedelta(seconds=float(seconds)), poll_interval=timedelta(seconds=1))
    except Exception:
        pass
threads = [threading.Thread(target=wait, args=(run,), daemon=True) for run in runs]
begin = time.monotonic()
for thread in threads: thread.start()
time.sleep(float(seconds))
print(len(counts) / len(runs) / (time.monotonic() - begin))
import os; os._exit(0)
"""


def main() -> int:
    """Prints the figures; fails when a promise of issue 3 does not hold."""
    from support.flyte import RawFlyte

    from bridge_core import Client, EntityRef, LaunchRequest, PollPolicy, RunRef
    from bridge_core.cli.server import SandboxProcess

    sizes = [int(item) for item in sys.argv[1:]] or [1000, 10000]
    good = True
    with tempfile.TemporaryDirectory() as folder:
        server = SandboxProcess.start(Path(folder) / "flyte")
        try:
            raw = RawFlyte(server.endpoint)
            raw.register("held", {}, gate="approve")
            entity = EntityRef.launch_plan("held", version="v1")
            refs: list[RunRef] = []
            for size in sizes:
                begin = time.monotonic()
                with Client(server.config()) as client, ThreadPoolExecutor(8) as pool:
                    names = [f"held{number}" for number in range(len(refs), size)]
                    refs += pool.map(lambda name: client.launch(LaunchRequest(entity, name=name)), names)
                print(
                    f"{size} runs held ({time.monotonic() - begin:.0f} s to launch the last {len(names)})", flush=True
                )
                config = server.config().replace(poll=PollPolicy(shortest=1.0, longest=30.0))
                good &= asyncio.run(ours(config, refs, raw, strict=size <= 1000))
                refs = refs[NOTICED:]
            done = subprocess.run(
                [sys.executable, "-c", FLYTEKIT, server.endpoint, str(IDLE), *[ref.name for ref in refs[:PEERS]]],
                capture_output=True,
                text=True,
                check=True,
            )
            peer = float(done.stdout.split()[-1])
            print(f"FlyteRemote: {peer:.2f} RPCs per run and second ({PEERS} real waits with 1 s polls, scaled)")
            found = Figures("Waiting: calls to Flyte per run and second", "FlyteRemote polling each second")
            for size, rate in RATES.items():
                found.tell(f"{size:,} runs", ours=rate, peer=peer, unit="calls", wanted=100)
                print(f"  {size} runs: ours costs 1/{peer / rate:.0f} of that per run and second (wanted 1/100)")
                good &= peer / rate >= 100
        finally:
            server.stop()
    return 0 if good else 1


RATES: dict[int, float] = {}


async def ours(config: object, refs: list, raw: object, *, strict: bool) -> bool:
    """Waits for all of them, idles, then ends some and looks how soon that is noticed."""
    from bridge_core import AsyncClient

    calls = [0]
    client = AsyncClient(config)  # type: ignore[arg-type]
    unary = client._transport.unary

    async def counted(*args: object, **kwargs: object) -> object:
        calls[0] += 1
        return await unary(*args, **kwargs)

    client._transport.unary = counted  # type: ignore[method-assign]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    noticed: dict[str, float] = {}

    async def wait(ref: object) -> None:
        await client.wait(ref)  # type: ignore[arg-type]
        noticed[ref.name] = time.monotonic()  # type: ignore[attr-defined]

    waits = [asyncio.create_task(wait(ref)) for ref in refs]
    await asyncio.sleep(3)
    memory = (tracemalloc.get_traced_memory()[0] - before) / len(refs)
    tracemalloc.stop()
    await asyncio.sleep(7)
    calls[0], cpu, begin = 0, _cpu(), time.monotonic()
    await asyncio.sleep(IDLE)
    took = time.monotonic() - begin
    rate, share = calls[0] / len(refs) / took, (_cpu() - cpu) / took
    RATES[len(refs)] = rate
    print(f"  idle: {calls[0] / took:.2f} RPCs/s in all, {rate:.5f} per run and second, {share:.1%} of a core")
    print(f"  memory: {memory:.0f} B per waiting run")
    ended: dict[str, float] = {}

    def end() -> None:
        for ref in refs[:NOTICED]:
            raw.approve(ref.name)  # type: ignore[attr-defined]
            ended[ref.name] = time.monotonic()

    thread = threading.Thread(target=end)
    thread.start()
    await asyncio.wait(waits[:NOTICED])
    thread.join()
    late = sorted(noticed[name] - ended[name] for name in ended)
    interval = config.poll.delay(time.monotonic() - begin + 10, 1.0)  # type: ignore[attr-defined]
    p99 = late[int(len(late) * 0.99) - 1]
    print(
        f"  ends noticed after: median {statistics.median(late):.2f} s, p99 {p99:.2f} s (one poll interval now: {interval:.2f} s)"
    )
    for task in waits:
        task.cancel()
    await asyncio.gather(*waits, return_exceptions=True)
    await client.aclose()
    return not strict or (share < 0.05 and memory < 8192 and p99 <= interval + 1.0)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
