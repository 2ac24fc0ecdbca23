"""Launches the ticks of a past window, a few at a time. Going on after a stop needs no notes: a tick's run has its name.

Started again with the same window, every tick that has its run already is attached to: one that succeeded costs one question,
one that is going is waited for, and none is launched twice. That goes for ticks a scheduler launched at their time, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from bridge_core import AlreadyExists, BridgeError, InvalidRequest, RunSnapshot

if TYPE_CHECKING:
    from bridge_core import Client, Trigger

__all__ = ["Backfilled", "backfill"]

_MOST = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfilled:
    """What became of one tick.

    Attributes:
        tick: In UTC.
        index: Counted from 1.
        total: Ticks of the window.
        created: Whether this call launched the run; False for one that was there.
        snapshot: Of the run when it had ended; None when there is none.
        error: Why there is none.
    """

    tick: datetime
    index: int
    total: int
    created: bool = False
    snapshot: RunSnapshot | None = None
    error: BridgeError | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the run ended well."""
        return self.snapshot is not None and self.snapshot.phase.is_success


def backfill(
    client: Client,
    trigger: Trigger,
    start: datetime,
    end: datetime,
    *,
    max_parallel: int = 4,
    stop: threading.Event | None = None,
    before: Callable[[datetime], None] | None = None,
) -> Iterator[Backfilled]:
    """Launches every tick from `start` up to but without `end` and waits for the runs, `max_parallel` at once, oldest first.

    Args:
        client: Which Flyte.
        trigger: Whose ticks. Intervals without a start are counted from `start`.
        start: Aware.
        end: Aware.
        max_parallel: Runs that are going at once.
        stop: When set, nothing more is launched; runs that are going go on without us.
        before: Called with each tick before it is launched.

    Yields:
        Results in the order in which runs end.

    Raises:
        InvalidRequest: The window has no or too many ticks, or `max_parallel` is not positive.
    """
    if max_parallel < 1:
        raise InvalidRequest(f"backfill: max_parallel must be at least 1, got {max_parallel}")
    ticks = []
    for tick in trigger.between(start, end):
        ticks.append(tick)
        if len(ticks) > _MOST:
            raise InvalidRequest(
                f"backfill of {trigger.name!r}: more than {_MOST} ticks from {start.isoformat()} to {end.isoformat()}; take a "
                "shorter window"
            )
    if not ticks:
        raise InvalidRequest(
            f"backfill of {trigger.name!r}: no tick from {start.isoformat()} up to {end.isoformat()}: {trigger.describe()}"
        )
    return _run(client, trigger, ticks, max_parallel, stop or threading.Event(), before)


def _run(  # noqa: PLR0917  (internal: one call)
    client: Client,
    trigger: Trigger,
    ticks: list[datetime],
    max_parallel: int,
    stop: threading.Event,
    before: Callable[[datetime], None] | None,
) -> Iterator[Backfilled]:
    left = iter(enumerate(ticks, 1))
    going: set[Future[Backfilled]] = set()
    with ThreadPoolExecutor(max_parallel, thread_name_prefix="backfill") as pool:
        try:
            while True:
                while len(going) < max_parallel and not stop.is_set() and (item := next(left, None)) is not None:
                    index, tick = item
                    if before is not None:
                        before(tick)
                    going.add(pool.submit(_one, client, trigger, tick, (index, len(ticks)), stop))
                if not going:
                    return
                done, going = wait(going, return_when=FIRST_COMPLETED)
                for future in sorted(done, key=lambda item: item.result().index):
                    yield future.result()
        finally:
            stop.set()


def _one(client: Client, trigger: Trigger, tick: datetime, place: tuple[int, int], stop: threading.Event) -> Backfilled:
    index, total = place
    created = False
    try:
        try:
            launched = client.launch_or_attach(trigger.request(tick))
            ref, created = launched.ref, launched.created
        except AlreadyExists as error:
            if not error.same_entity or error.ref is None:
                raise
            ref = error.ref  # launched with other inputs, before the trigger was edited
        for snapshot in client.watch(ref):
            if snapshot.phase.is_terminal or stop.is_set():
                break
        return Backfilled(tick=tick, index=index, total=total, created=created, snapshot=snapshot)
    except BridgeError as error:
        return Backfilled(tick=tick, index=index, total=total, created=created, error=error)
