"""When a call is sent again, and how often a waiting client asks: numbers and pure functions, nothing else.

Time and chance come in as arguments, so a table tests them. `calls.py` and the watchers do the sleeping.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from .errors import ConfigError, LimitExceeded
from .public import public

if TYPE_CHECKING:
    from .errors import BridgeError

__all__ = ["PollPolicy", "RetryPolicy"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When a call is sent again: only where that is safe, with exponential back-off and jitter."""

    retries: int = 3
    """Further attempts after the first one. 0 turns retries off."""

    first_delay: float = 0.2
    """Seconds before the second attempt."""

    longest_delay: float = 5.0
    """Seconds; no delay is longer."""

    def __post_init__(self) -> None:
        if self.retries < 0 or not (0 <= self.first_delay < math.inf) or not (0 <= self.longest_delay < math.inf):
            raise ConfigError(f"retry policy: numbers must not be negative or infinite, got {self}")

    def delay_after(self, attempt: int, error: BridgeError, *, safe: bool) -> float | None:
        """Seconds to wait before another attempt, or None to give up.

        Args:
            attempt: How many attempts have been made, 1 after the first.
            error: What the last one ended with.
            safe: Whether sending the identical request again cannot do anything twice (a read, or a named write).
        """
        if not safe or attempt > self.retries or not may_pass(error):
            return None
        from tenacity.wait import wait_random_exponential

        wait = wait_random_exponential(multiplier=self.first_delay, max=self.longest_delay)
        drawn = wait(SimpleNamespace(attempt_number=attempt))  # type: ignore[arg-type]  # it reads attempt_number only
        return max(drawn, self.first_delay / 2)  # tenacity before 9 ignores its own minimum

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)


def may_pass(error: BridgeError) -> bool:
    """Whether the same call may succeed later: Flyte could not answer, or was busy (not: the message was too large)."""
    if isinstance(error, LimitExceeded):
        return error.code == "RESOURCE_EXHAUSTED" and "larger than max" not in (error.details or "")
    return error.transient


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class PollPolicy:
    """How often a waiting client asks: fast while a run is young, slower with age.

    The delay is a fixed share of the time already waited, so that a run of a minute is noticed within seconds and a run of
    a day costs two calls a minute, shared by all runs waited on.
    """

    shortest: float = 0.5
    """Seconds."""

    longest: float = 30.0
    """Seconds."""

    share: float = 0.1
    """Delay divided by the time waited so far."""

    jitter: float = 0.1
    """Largest relative deviation, so that many waiters do not ask in step."""

    def __post_init__(self) -> None:
        if (
            not 0 < self.shortest <= self.longest < math.inf
            or not 0 <= self.share < math.inf
            or not 0 <= self.jitter < 1
        ):
            raise ConfigError(
                f"poll policy: wanted 0 < shortest <= longest, share >= 0 and 0 <= jitter < 1, all finite, got {self}"
            )

    @classmethod
    def every(cls, seconds: float) -> PollPolicy:
        """A fixed interval, as ``poll_interval=`` asks for."""
        if not 0 < seconds < math.inf:
            raise ConfigError(f"poll_interval must be a positive number of seconds, got {seconds!r}")
        return cls(shortest=seconds, longest=seconds, share=0.0, jitter=0.0)

    def delay(self, waited: float, chance: float) -> float:
        """Seconds until the next question.

        Args:
            waited: Seconds waited so far.
            chance: A random number from 0 to 1.
        """
        middle = min(max(waited * self.share, self.shortest), self.longest)
        return middle * (1.0 + self.jitter * (2.0 * chance - 1.0))

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)
