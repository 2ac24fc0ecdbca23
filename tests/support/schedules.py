"""A clock that the test sets, a scheduler that is stepped by hand, and what Flyte has of its runs."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flyteidl.core import types_pb2

from bridge_core import Client
from bridge_core.scheduler import Clock, Scheduler
from bridge_core.scheduler.clock import Wake
from support.flyte import RawFlyte

DATETIME = types_pb2.LiteralType(simple=types_pb2.DATETIME)
NOON = int(datetime(2026, 11, 20, 12, tzinfo=UTC).timestamp())


class SetClock(Clock):
    """A wall clock that stands where the test put it."""

    def __init__(self, at: float = NOON) -> None:
        self.at = at

    def now(self) -> float:
        return self.at

    def wait(self, wake: Wake, seconds: float) -> None:
        wake.wait(0.01)


def executions(raw: RawFlyte, workflow: str) -> list[Any]:
    """All executions of one workflow's launch plan, whatever their number."""
    return [item for item in raw.executions() if item.spec.launch_plan.name == workflow]


def ticks_of(raw: RawFlyte, workflow: str) -> list[tuple[str, str]]:
    """(trigger, tick) of every execution, from its labels."""
    return sorted(
        (item.spec.labels.values["flyte-bridge-trigger"], item.spec.labels.values["flyte-bridge-tick"])
        for item in executions(raw, workflow)
    )


@dataclass(frozen=True)
class Stage:
    """What most tests need."""

    client: Client
    raw: RawFlyte
    workflow: str
    write: Callable[[str], Path]
    clock: SetClock

    def scheduler(self, path: Path) -> Scheduler:
        return Scheduler(self.client, path, clock=self.clock)

    def run(self, scheduler: Scheduler, *moments: float) -> None:
        for moment in moments:
            self.clock.at = moment
            settle(scheduler)

    @property
    def ticks(self) -> list[tuple[str, str]]:
        return ticks_of(self.raw, self.workflow)


def settle(*schedulers: Scheduler) -> None:
    """Steps until nothing is under way."""
    deadline = time.monotonic() + 60
    while True:
        for scheduler in schedulers:
            scheduler.step()
        if not any(scheduler._backlog._under_way for scheduler in schedulers if scheduler.leads):
            for scheduler in schedulers:
                scheduler.step()
            return
        assert time.monotonic() < deadline
        time.sleep(0.005)
