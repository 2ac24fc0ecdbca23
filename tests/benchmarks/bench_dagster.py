"""A hundred runs of ten seconds in one Dagster run: as steps of `flyte_executor`, as one step of `build_flyte_multi_asset`, and
as steps of Dagster's own multiprocess executor beside them; seconds and memory.

Dagster's executor holds a process for each step that waits. As it is configured by default it runs as many as there are
processors; that many runs wait at a time. It is measured on fewer runs and scaled; with room for all, on no more than fit.

Usage: bench_dagster.py [runs [peer's runs]]   (default: 100 10)
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

HERE = Path(__file__).parent
SECONDS, MEGABYTES = 30.0, 200.0
NAP = 10.0


@dataclass(frozen=True)
class Measured:
    """One Dagster run: wall and CPU seconds, and the most memory that all of its processes held at a time."""

    seconds: float
    cpu: float
    megabytes: float
    processes: int

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.cpu:.1f} s of CPU, {self.megabytes:.0f} MB, {self.processes} processes at most"


def main() -> int:
    """Prints the figures; fails when a promise of the executor does not hold."""
    from support.flyte import INTEGER, RawFlyte

    from bridge_core.cli.server import SandboxProcess

    count, peers = [*(int(item) for item in sys.argv[1:]), *(100, 10)[len(sys.argv) - 1 :]]
    with tempfile.TemporaryDirectory() as folder:
        server = SandboxProcess.start(Path(folder) / "server")
        try:
            RawFlyte(server.endpoint).register("napping", {"n": INTEGER}, nap=NAP)
            found = {job: measured(job, count, server.endpoint, Path(folder) / job) for job in ("flyte", "multi_asset")}
            stock = measured("stock", peers, server.endpoint, Path(folder) / "stock") if peers else None
            wide = measured("stock_wide", peers, server.endpoint, Path(folder) / "wide") if peers else None
        finally:
            server.stop()
    for job, one in found.items():
        print(f"{job}: {count} runs in {one}")
    if stock is not None and wide is not None:
        ours = found["flyte"]
        print(f"multiprocess: {peers} runs in {stock}")
        print(f"multiprocess, max_concurrent={peers}: {peers} runs in {wide}")
        wall, cpu = stock.seconds / peers / (ours.seconds / count), stock.cpu / peers / (ours.cpu / count)
        print(f"flyte, for each run: 1/{wall:.0f} of the seconds, 1/{cpu:.1f} of the CPU that multiprocess takes")
    good = found["flyte"].seconds <= SECONDS and found["flyte"].megabytes <= MEGABYTES
    print(f"wanted of flyte: {SECONDS:g} s, {MEGABYTES:g} MB: {'holds' if good else 'does not hold'}")
    return 0 if good or count != 100 else 1


def measured(job: str, count: int, endpoint: str, home: Path) -> Measured:
    """Runs a job in a process of its own, as a run worker does, and looks at it and its children ten times a second."""
    import psutil

    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FLYTE", "DAGSTER", "UCTL"))}
    environment = {**kept, "DAGSTER_HOME": str(home), "BENCH_FLYTE_ENDPOINT": endpoint, "BENCH_RUNS": str(count)}
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "dagster_waits", "-j", job]
    begin, cpu, most, processes = time.monotonic(), {}, 0.0, 0
    with (home / "output.txt").open("wb") as output:
        process = psutil.Popen(command, env=environment, cwd=HERE, stdout=output, stderr=output)
        try:
            while process.poll() is None:
                held, seen = 0.0, 0
                for one in [process, *children(process)]:
                    try:
                        held += one.memory_info().rss / 1e6
                        cpu[one.pid] = sum(one.cpu_times()[:2])
                        seen += 1
                    except psutil.Error:
                        continue
                most, processes = max(most, held), max(processes, seen)
                time.sleep(0.1)
        finally:
            for one in [*children(process), process]:
                with contextlib.suppress(psutil.Error):
                    one.kill()
            process.wait()
    if process.returncode:
        raise SystemExit((home / "output.txt").read_text()[-4000:])
    return Measured(time.monotonic() - begin, sum(cpu.values()), most, processes)


def children(process: object) -> list:
    import psutil

    try:
        return process.children(recursive=True)  # type: ignore[attr-defined]
    except psutil.Error:
        return []


if __name__ == "__main__":
    sys.exit(main())
