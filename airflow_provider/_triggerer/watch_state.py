"""What a watch for ended runs has reported: pure, so that losing and repeating can be reasoned about.

Flyte says when a run ended by the clock of its engine, and stores that a moment later: runs may come to light in another order
than they ended. So a mark alone would lose some. Beside it stand the names of all that were reported and ended in the hour
before it: what ended in that hour and is not among them is news.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from bridge_core import RunSnapshot

__all__ = ["WatchState"]

_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class WatchState:
    """Which ends of runs were reported."""

    begun: datetime
    """What ended before is nobody's news."""
    mark: datetime
    """The newest end that was reported; `begun` at first."""
    seen: Mapping[str, datetime]
    """Run -> when it ended, of those that ended in the window before the mark."""

    @classmethod
    def beginning(cls, now: datetime) -> Self:
        """A watch that has reported nothing."""
        return cls(now, now, {})

    @classmethod
    def from_json(cls, data: Any) -> Self | None:
        """Reads it back; None when there is none that we understand."""
        try:
            times = {name: datetime.fromtimestamp(end, UTC) for name, end in data["seen"].items()}
            return cls(datetime.fromtimestamp(data["begun"], UTC), datetime.fromtimestamp(data["mark"], UTC), times)
        except (AttributeError, KeyError, TypeError, ValueError):
            return None

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        times = {name: end.timestamp() for name, end in self.seen.items()}
        return {"begun": self.begun.timestamp(), "mark": self.mark.timestamp(), "seen": times}

    @property
    def floor(self) -> datetime:
        """What ended before this was reported, or is old."""
        return max(self.begun, self.mark - _WINDOW)

    def news(self, ended: Iterable[RunSnapshot]) -> list[RunSnapshot]:
        """Those that were not reported, in the order in which they ended."""
        known = {str(run.ref): run for run in ended}
        fresh = {name: known[name] for name in self.lacks({name: _end(run) for name, run in known.items()})}
        return sorted(fresh.values(), key=_end)

    def lacks(self, runs: Mapping[str, datetime]) -> dict[str, datetime]:
        """Those of these that were not reported."""
        return {name: end for name, end in runs.items() if name not in self.seen and end >= self.floor}

    def plus(self, run: str, end: datetime) -> Self:
        """With this one reported, too."""
        mark = max(self.mark, end)
        kept = {name: when for name, when in {**self.seen, run: end}.items() if when >= mark - _WINDOW}
        return type(self)(self.begun, mark, kept)


def _end(run: RunSnapshot) -> datetime:
    assert run.ended_at is not None
    return run.ended_at
