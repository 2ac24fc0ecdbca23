"""Registering 300 tasks and 50 workflows, and registering them again, beside ``pyflyte register``: seconds and RPCs.

Both are commands in processes of their own, on the same code, against the same sandbox, which runs here and counts its calls.
"Again" is what a deployment mostly does: nothing has changed. "Fresh" asks the code all the same: both import flytekit and the
code then (a second of CPU), and differ in what they ask the server.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.latency_store import DelayLine

from bridge_core.sandbox import Sandbox

MODULES, TASKS, ROUNDS = 50, 6, 3
ROUND_TRIPS = (0.0, 0.01)
"""Seconds: a server on this machine, and one in a region nearby."""
WANTED = 3.0


def write_code(folder: Path) -> None:
    """A package of modules with six tasks and a workflow each."""
    package = folder / "shop"
    package.mkdir()
    (package / "__init__.py").touch()
    for number in range(MODULES):
        lines = ["from flytekit import task, workflow", ""]
        for one in range(TASKS):
            lines += [
                "@task",
                f"def step{one}(n: int, word: str = 'x') -> int:",
                f"    return n + {number * TASKS + one}",
                "",
            ]
        calls = [f"    n = step{one}(n=n)" for one in range(TASKS)]
        lines += ["@workflow", "def flow(n: int) -> int:", *calls, "    return n", ""]
        (package / f"part{number:02}.py").write_text("\n".join(lines))


@dataclass(frozen=True)
class Took:
    """What one command cost: seconds, seconds of CPU with what it started, and RPCs."""

    wall: float
    cpu: float
    calls: Counter[str]

    def __str__(self) -> str:
        told = ", ".join(f"{name} {number}" for name, number in sorted(self.calls.items()))
        return f"{self.wall:.1f} s, {self.cpu:.1f} s of CPU, {self.calls.total()} RPCs ({told})"


def timed(command: list[str], folder: Path, sandbox: Sandbox) -> Took:
    """Runs it to its end."""
    sandbox.calls.clear()
    before = cpu_of_children()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("FLYTE") and k != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    done = subprocess.run(
        command,
        cwd=folder,
        env={**kept, "FLYTECTL_CONFIG": str(folder / "config.yaml"), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - begin
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} exited {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return Took(took, cpu_of_children() - before, Counter(sandbox.calls.counts()))


def cpu_of_children() -> float:
    """Seconds of CPU of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compared(folder: Path, sandbox: Sandbox, commands: dict[str, list[str]], endpoint: str) -> float:
    """Registers first and again with both, prints what it took, and returns how much faster we are the second time."""
    (folder / "config.yaml").write_text(f"admin:\n  endpoint: dns:///{endpoint}\n  insecure: true\n")
    first = {who: timed(command, folder, sandbox) for who, command in commands.items()}
    again: dict[str, list[Took]] = {who: [] for who in commands}
    for _ in range(ROUNDS):
        for who, command in commands.items():
            again[who].append(timed(command, folder, sandbox))
    ours, theirs = commands
    for who in commands:
        print(
            f"  {who}, first: {first[who]}\n  {who}, again: {sorted(again[who], key=lambda took: took.wall)[ROUNDS // 2]}"
        )
    wall, cpu = (
        statistics.median(getattr(took, what) for took in again[theirs])
        / statistics.median(getattr(took, what) for took in again[ours])
        for what in ("wall", "cpu")
    )
    print(
        f"  first: {first[theirs].wall / first[ours].wall:.1f} times faster, {first[theirs].cpu / first[ours].cpu:.1f} by CPU"
    )
    print(f"  again: {wall:.1f} times faster, {cpu:.1f} by CPU")
    fresh = statistics.median(timed([*commands[ours], "--fresh"], folder, sandbox).wall for _ in range(ROUNDS))
    slow = statistics.median(took.wall for took in again[theirs])
    print(f"  again, --fresh: {fresh:.1f} s, {slow / fresh:.1f} times faster", flush=True)
    return wall


def main() -> int:
    """Prints the figures; 1 when registering again is not as much faster as wanted."""
    tools = Path(sys.executable).parent
    ratios = {}
    for rtt in ROUND_TRIPS:
        with (
            tempfile.TemporaryDirectory(prefix="flyte-bridge-bench-") as name,
            Sandbox(projects=("ours", "theirs")) as sandbox,
        ):
            commands = {
                "flyte-bridge register": [
                    str(tools / "flyte-bridge"), "register", "shop", "--project", "ours", "--domain", "development",
                ],
                "pyflyte register": [str(tools / "pyflyte"), "register", "-p", "theirs", "-d", "development", "shop"],
            }  # fmt: skip
            write_code(Path(name))
            print(f"{MODULES * TASKS} tasks and {MODULES} workflows, {rtt * 1000:g} ms there and back:", flush=True)
            host, _, port = sandbox.endpoint.rpartition(":")
            endpoint = f"{host}:{DelayLine(int(port), rtt).port}" if rtt else sandbox.endpoint
            ratios[rtt] = compared(Path(name), sandbox, commands, endpoint)
    print(f"again: {' and '.join(f'{ratio:.1f}' for ratio in ratios.values())} times faster (wanted {WANTED:g})")
    return int(min(ratios.values()) < WANTED)


if __name__ == "__main__":
    sys.exit(main())
