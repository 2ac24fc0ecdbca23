"""Launches one tick, and says what became of it: launched, found launched already, refused for good, or to be tried again."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bridge_core import AlreadyExists, BridgeError, ErrorClass, NextTry, RunNotFound, RunRef, classify

from .entry import Overlap

if TYPE_CHECKING:
    from bridge_core import Client

    from .entry import Entry

__all__ = ["Outcome", "Result", "launch_tick"]


class Outcome(enum.Enum):
    """What became of one attempt."""

    LAUNCHED = "launched"
    SKIPPED = "skipped"
    WAITING = "waiting"
    """The concurrency limit is reached and the tick queues."""
    RETRY = "retry"
    """Flyte could not be asked, refused our credentials, or a limit was met: the run may exist or not; asking again under the
    same name is safe. `Result.error_class` tells which."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One attempt at one tick."""

    trigger: str
    tick: int
    outcome: Outcome
    run: RunRef | None = None
    note: str = ""
    ended: Sequence[RunRef] = ()
    """Earlier runs of the trigger that were found to have ended."""
    seconds: float = 0.0
    """How long the attempt took."""
    error_class: ErrorClass | None = None
    """Of a `Outcome.RETRY`: could not ask, was refused, met a limit. None: an error of ours."""


def launch_tick(client: Client, entry: Entry, tick: int, going: Sequence[RunRef]) -> Result:
    """One attempt. Never raises a `BridgeError`.

    Args:
        client: Which Flyte.
        entry: Whose tick.
        tick: In seconds since 1970.
        going: Runs of the trigger that had not ended when last seen; only asked about when there is a limit.
    """
    ended: list[RunRef] = []
    try:
        if entry.max_concurrency is not None:
            ended = [ref for ref in going if _has_ended(client, ref)]
            active = len(going) - len(ended)
            if active >= entry.max_concurrency:
                skip = entry.overlap is Overlap.SKIP
                return Result(
                    trigger=entry.name,
                    tick=tick,
                    outcome=Outcome.SKIPPED if skip else Outcome.WAITING,
                    note=f"{active} of at most {entry.max_concurrency} runs are going",
                    ended=ended,
                )
        request = entry.trigger.request(datetime.fromtimestamp(tick, UTC))
        ref = client.launch(request)
        return Result(trigger=entry.name, tick=tick, outcome=Outcome.LAUNCHED, run=ref, ended=ended)
    except AlreadyExists as error:
        if error.same_entity and error.ref is not None:  # the inputs were edited after this tick was launched
            note = f"was launched before, with other {', '.join(error.differing) or 'inputs'}"
            return Result(
                trigger=entry.name, tick=tick, outcome=Outcome.LAUNCHED, run=error.ref, note=note, ended=ended
            )
        return Result(trigger=entry.name, tick=tick, outcome=Outcome.FAILED, note=str(error), ended=ended)
    except BridgeError as error:
        kind = classify(error).error_class
        outcome = Outcome.RETRY if kind.rule.next_try is NextTry.ATTACH else Outcome.FAILED
        return Result(trigger=entry.name, tick=tick, outcome=outcome, note=str(error), ended=ended, error_class=kind)


def _has_ended(client: Client, ref: RunRef) -> bool:
    try:
        return client.describe(ref).phase.is_terminal
    except RunNotFound:
        return True
