"""What Flyte 2 does to its clients, as switches: each was seen on the real backend, and happens there by chance.

sandbox.faults.flyte2.end_streams_early()             # streams end with OK although the run goes on
sandbox.faults.flyte2.late_phase(0.5)                 # the attempt has ended, the phase says so later
sandbox.faults.flyte2.lose_enqueue()                  # a run is created and stays QUEUED
sandbox.faults.flyte2.lose_notifications(times=3)     # streams are not told
sandbox.faults.flyte2.phase_backwards()               # RUNNING, then QUEUED again
sandbox.faults.flyte2.refuse_same_name = True         # ALREADY_EXISTS, as Union's; else the run's inputs are overwritten
sandbox.faults.flyte2.outputs_late(0.5)               # SUCCEEDED, and the outputs are not there yet
"""

from __future__ import annotations

import threading
from collections import Counter

__all__ = ["Flyte2Faults"]

_ANY = "*"


class Flyte2Faults:
    """The plan.

    Attributes:
        refuse_same_name: CreateRun of a name that is there answers ALREADY_EXISTS. The open-source backend answers OK with
            the run that is there, and overwrites its stored inputs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: Counter[str] = Counter()
        self._late_phase = 0.0
        self._late_outputs = 0.0
        self.refuse_same_name = False

    def end_streams_early(self, method: str | None = None, *, times: int = 1) -> None:
        """The next streams end with OK after their first message, whatever goes on.

        Args:
            method: ``"WatchActionDetails"``; None for any stream.
            times: How many streams.
        """
        self._plan(f"short:{method or _ANY}", times)

    def late_phase(self, seconds: float) -> None:
        """From now on an attempt has ended this long before the phase of its action says so; 0 for at once again."""
        self._late_phase = _not_negative(seconds)

    def outputs_late(self, seconds: float) -> None:
        """From now on outputs can be read only this long after an action has SUCCEEDED; 0 for at once again."""
        self._late_outputs = _not_negative(seconds)

    def lose_enqueue(self, *, times: int = 1) -> None:
        """The next runs are created, and nothing ever starts them: the backend only logs that."""
        self._plan("enqueue", times)

    def lose_notifications(self, *, times: int = 1) -> None:
        """The next changes are not told to the streams that are open."""
        self._plan("notification", times)

    def phase_backwards(self, *, times: int = 1) -> None:
        """The next actions that run are QUEUED once more, as when their pod was restarted."""
        self._plan("backwards", times)

    @property
    def phase_delay(self) -> float:
        """Seconds between the end of an attempt and of its action."""
        return self._late_phase

    @property
    def output_delay(self) -> float:
        """Seconds after which outputs can be read."""
        return self._late_outputs

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._left.clear()
        self._late_phase = self._late_outputs = 0.0
        self.refuse_same_name = False

    def pending(self) -> list[str]:
        """What was planned and has not happened yet."""
        with self._lock:
            return [f"{what}, {left} left" for what, left in self._left.items() if left]

    def take_short_stream(self, method: str) -> bool:
        """Whether this stream ends early; counts it."""
        return self._take(f"short:{method}") or self._take(f"short:{_ANY}")

    def take_lost_enqueue(self) -> bool:
        """Whether this run is lost; counts it."""
        return self._take("enqueue")

    def take_lost_notification(self) -> bool:
        """Whether nobody hears of this change; counts it."""
        return self._take("notification")

    def take_backwards(self) -> bool:
        """Whether this action goes back; counts it."""
        return self._take("backwards")

    def _plan(self, what: str, times: int) -> None:
        if times < 1:
            raise ValueError(f"times must be at least 1, got {times!r}")
        with self._lock:
            self._left[what] += times

    def _take(self, what: str) -> bool:
        with self._lock:
            if not self._left[what]:
                return False
            self._left[what] -= 1
            return True


def _not_negative(seconds: float) -> float:
    if seconds < 0:
        raise ValueError(f"seconds must not be negative, got {seconds!r}")
    return seconds
