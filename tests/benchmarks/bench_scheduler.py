"""Ten thousand triggers: what finding the due ones costs, and how long a start takes. Peers: a scan, croniter.

Usage: bench_scheduler.py [triggers]   (default: 10000)
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

NOON = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())

START = """
import sys, time
begin = time.perf_counter()
from bridge_core import Client, Config
from bridge_core.scheduler import Scheduler
imported = time.perf_counter()
client = Client(Config.for_endpoint("127.0.0.1:1", insecure=True, project="p", domain="d"))
with Scheduler(client, sys.argv[1]) as scheduler:
    read = time.perf_counter()
    scheduler.step()
    done = time.perf_counter()
    assert scheduler.leads
    cpu = time.process_time()
print(imported - begin, read - imported, done - read, cpu)
"""


def text(count: int) -> str:
    lines = [
        f"  - {{name: t{n}, entity: launch_plan:pkg.wf{n % 100}, cron: '{n % 60} {n // 60 % 24} * * *', "
        "timezone: Europe/Berlin, inputs: {day: $trigger_time}}\n"
        for n in range(count)
    ]
    return "triggers:\n" + "".join(lines)


def due(path: Path) -> None:
    """A day of minutes: what deciding costs per round and per tick."""
    from croniter import croniter

    from bridge_core.scheduler import read_triggers
    from bridge_core.scheduler.plan import Plan

    entries = read_triggers(path).entries
    plan = Plan()
    plan.load(entries, {}, NOON)
    ticks, rounds = 0, []
    for minute in range(1, 1441):
        begin = time.process_time()
        ticks += len(plan.decide(NOON + 60 * minute, frozenset()).ticks)
        rounds.append(time.process_time() - begin)
    idle_begin = time.process_time()
    for _ in range(1000):
        plan.next_due()
    idle = (time.process_time() - idle_begin) / 1000
    begin = time.process_time()
    for entry in entries[:200]:
        croniter(entry.trigger.automation.expression, datetime.fromtimestamp(NOON, UTC)).get_next()  # type: ignore[union-attr]
    scan = (time.process_time() - begin) / 200 * len(entries)
    mean = sum(rounds) / len(rounds)
    print(
        f"{len(entries)} triggers, 1440 rounds, {ticks} ticks: {1000 * mean:.3f} ms CPU per round, "
        f"worst {1000 * max(rounds):.2f} ms,"
    )
    print(f"  {1e6 * sum(rounds) / ticks:.0f} µs per tick; a round with nothing due {1e6 * idle:.2f} µs")
    print(
        f"  asking croniter about every trigger in every round would take {1000 * scan:.0f} ms: {scan / mean:.0f} times as long"
    )


def start(path: Path) -> None:
    """A process from nothing to leading, on fresh state and on known state."""
    for word in ("first start", "later start"):
        out = subprocess.run([sys.executable, "-c", START, str(path)], capture_output=True, text=True, check=True)
        imported, read, led, cpu = map(float, out.stdout.split())
        total = imported + read + led
        print(
            f"{word}: {total:.2f} s (import {imported:.2f}, read and check the file {read:.2f}, state and first ticks "
            f"{led:.2f}); {cpu:.2f} s CPU"
        )


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "triggers.yaml"
        path.write_text(text(count))
        due(path)
        start(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
