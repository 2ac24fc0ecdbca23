"""Numbers of one runner, as Prometheus text (exposition format 0.0.4). No client library: there are some twenty numbers.

Every series is there from the start, at 0: Prometheus sees an increase only between two values, so that a counter born with
its first refused launch would never tell of it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge_core import ErrorClass, NextTry, __version__

from .launcher import Outcome, Result

__all__ = ["Metrics"]

_PREFIX = "flyte_bridge_scheduler_"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """One name. With `buckets` (upper bounds, in seconds) a histogram."""

    kind: str
    help: str
    label: str = ""
    values: Sequence[str] = ()
    buckets: Sequence[float] = ()


def _reason(error_class: ErrorClass) -> str:
    return error_class.value.lower().replace(" ", "_")


_UNEXPECTED = "unexpected"
_OUTCOMES = tuple(outcome.value for outcome in Outcome)
_REASONS = (
    *(
        _reason(item)
        for item in ErrorClass
        if item.rule.next_try is NextTry.ATTACH and item is not ErrorClass.WAIT_ENDED
    ),
    _UNEXPECTED,
)
_FAMILIES: Mapping[str, _Family] = {
    "ticks_total": _Family(
        kind="counter",
        help="Attempts at ticks by outcome: launched, skipped, waiting (concurrency limit), retry (not known to be launched; "
        "tried again), failed (refused for good).",
        label="outcome",
        values=_OUTCOMES,
    ),
    "retries_total": _Family(
        kind="counter",
        help="Attempts that will be made again, by reason: could_not_ask, refused_by_flyte, refused_by_provider, limit, "
        "unexpected.",
        label="reason",
        values=_REASONS,
    ),
    "passed_over_total": _Family(
        kind="counter", help="Times that the policy for missed ticks did not launch one or more of them."
    ),
    "reloads_total": _Family(
        kind="counter", help="Reads of the triggers file, by result.", label="result", values=("ok", "refused")
    ),
    "state_errors_total": _Family(kind="counter", help="Rounds that ended because the state could not be used."),
    "late_seconds": _Family(
        kind="histogram",
        help="How late after their tick runs were launched, jitter included.",
        buckets=(1, 2, 5, 10, 30, 60, 300, 1800, 3600),
    ),
    "launch_seconds": _Family(
        kind="histogram", help="How long attempts to launch took.", buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
    ),
    "build_info": _Family(kind="gauge", help="Always 1; which release this is.", label="version", values=(__version__,)),
    "leader": _Family(kind="gauge", help="1 when this runner works, 0 when it stands by."),
    "ready": _Family(kind="gauge", help="1 when /readyz says so."),
    "triggers": _Family(kind="gauge", help="Triggers in the file."),
    "file_refused": _Family(kind="gauge", help="1 while the triggers file is broken, and the one before is used."),
    "pending": _Family(kind="gauge", help="Ticks that are decided and not launched yet."),
    "oldest_pending_seconds": _Family(
        kind="gauge",
        help="How long the oldest tick that is to be launched, and does not wait for a concurrency limit or its jitter, has "
        "been due.",
    ),
    "triggers_ahead": _Family(
        kind="gauge",
        help="Triggers that are decided up to a moment in the future, because a clock was ahead: silent until then.",
    ),
    "ahead_seconds": _Family(kind="gauge", help="How far in the future that moment is."),
    "last_loop_timestamp_seconds": _Family(kind="gauge", help="When the runner last looked for due ticks."),
    "last_good_round_timestamp_seconds": _Family(
        kind="gauge", help="When the runner last went round without trouble with its state."
    ),
}  # fmt: skip


class Metrics:
    """Thread-safe numbers. Names are without prefix and, for counters and gauges, as they are shown."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, str], float] = {}
        self._counts: dict[str, list[int]] = {}
        for name, family in _FAMILIES.items():
            if family.kind == "histogram":
                self._counts[name] = [0] * (len(family.buckets) + 1)
                self._values[name, ""] = 0.0  # the sum
            for value in family.values or ("",):
                self._values[name, value] = 0.0
        self._values["build_info", __version__] = 1.0

    def add(self, name: str, **labels: str) -> None:
        """Raises a counter by one."""
        with self._lock:
            self._values[name, _value(labels)] += 1

    def set(self, name: str, value: float) -> None:
        """Sets a gauge."""
        with self._lock:
            self._values[name, ""] = value

    def observe(self, name: str, seconds: float) -> None:
        """Adds one duration to a histogram."""
        buckets = _FAMILIES[name].buckets
        place = next((number for number, bound in enumerate(buckets) if seconds <= bound), len(buckets))
        with self._lock:
            self._counts[name][place] += 1
            self._values[name, ""] += seconds

    def attempt(self, result: Result, late: float) -> None:
        """Counts one attempt at a tick.

        Args:
            result: What became of it.
            late: Seconds after the tick.
        """
        self.add("ticks_total", outcome=result.outcome.value)
        self.observe("launch_seconds", result.seconds)
        if result.outcome is Outcome.LAUNCHED:
            self.observe("late_seconds", max(0.0, late))
        elif result.outcome is Outcome.RETRY:
            why = _UNEXPECTED if result.error_class is None else _reason(result.error_class)
            self.add("retries_total", reason=why)

    def get(self, name: str, **labels: str) -> float:
        """One number; of a histogram the sum."""
        with self._lock:
            return self._values[name, _value(labels)]

    def text(self) -> str:
        """All of them."""
        with self._lock:
            values = dict(self._values)
            counts = {name: list(numbers) for name, numbers in self._counts.items()}
        lines: list[str] = []
        for name, family in _FAMILIES.items():
            full = _PREFIX + name
            lines += [f"# HELP {full} {family.help}", f"# TYPE {full} {family.kind}"]
            if family.kind == "histogram":
                lines += _histogram(full, family.buckets, counts[name], values[name, ""])
                continue
            for value in family.values or ("",):
                labels = f'{{{family.label}="{value}"}}' if family.label else ""
                lines.append(f"{full}{labels} {values[name, value]:.15g}")
        return "\n".join([*lines, ""])


def _value(labels: Mapping[str, str]) -> str:
    return next(iter(labels.values()), "")


def _histogram(name: str, bounds: Sequence[float], counts: Sequence[int], total: float) -> list[str]:
    lines = []
    seen = 0
    for bound, count in zip((*(f"{bound:g}" for bound in bounds), "+Inf"), counts, strict=True):
        seen += count
        lines.append(f'{name}_bucket{{le="{bound}"}} {seen}')
    return [*lines, f"{name}_sum {total:.15g}", f"{name}_count {seen}"]
