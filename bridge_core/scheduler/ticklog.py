"""One log line per tick: which, what became of it, how late, and where to look."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from .launcher import Outcome, Result

if TYPE_CHECKING:
    from pathlib import Path

    from .entry import Entry
    from .file import TriggerFile
    from .store import Store

__all__ = ["clock_trouble", "log_passed_over", "log_result", "log_start"]

_LEVELS = {Outcome.FAILED: logging.ERROR, Outcome.RETRY: logging.WARNING}


def log_start(log: logging.Logger, file: TriggerFile, store: Store, url: str | None) -> None:
    """What this runner works with."""
    where = f"; {url}/healthz and /metrics" if url else ""
    log.info(
        "scheduler %r: %d triggers from %s, state in %s%s",
        file.scope(shared=None),
        len(file.entries),
        file.source,
        store.shown_url,
        where,
    )


def clock_trouble(ahead: int, triggers: int, until: int, path: Path) -> str:
    """What is wrong when triggers are decided up to a moment in the future, and the way out."""
    return (
        f"{ahead} of {triggers} triggers are decided up to {_when(until)} at the latest, which is in the future: a clock was "
        f"ahead, and they stay silent until then. When the clock is right: flyte-bridge scheduler rewind {path}"
    )


def log_passed_over(log: logging.Logger, entry: Entry, missed: int, then: int | None) -> None:
    """What the policy for missed ticks left out."""
    until = f"up to {_when(then)}, which is launched" if then is not None else "up to now"
    log.warning(
        "tick %s %s missed: passed over, with all %s (missed: %s, missed_window: %d s, missed_cap: %d)",
        entry.name,
        _when(missed),
        until,
        entry.missed.value,
        entry.missed_window,
        entry.missed_cap,
    )


def log_result(log: logging.Logger, result: Result, late: float, console: str) -> None:
    """``tick nightly 2026-11-21T03:00:00Z launched as …, 0.4 s late. https://…``."""
    tick = _when(result.tick)
    text = {
        Outcome.LAUNCHED: f"launched as {result.run}, {late:.1f} s late",
        Outcome.SKIPPED: "skipped",
        Outcome.WAITING: "waits",
        Outcome.RETRY: "not launched yet, will try again",
        Outcome.FAILED: "FAILED to launch, will not try again",
    }[result.outcome]
    note = f": {result.note}" if result.note else ""
    level = logging.DEBUG if result.outcome is Outcome.WAITING else _LEVELS.get(result.outcome, logging.INFO)
    log.log(level, "tick %s %s %s%s%s", result.trigger, tick, text, note, f" {console}" if console else "")


def _when(tick: int) -> str:
    return datetime.fromtimestamp(tick, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
