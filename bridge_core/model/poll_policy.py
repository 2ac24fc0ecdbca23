"""How often a waiting client asks: numbers and a pure function. Time and chance come in as arguments."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from .errors import ConfigError
from .public import public

__all__ = ["PollPolicy"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class PollPolicy:
    """How often a waiting client asks: fast while a run is young, slower with age.

    The delay is a fixed share of the time already waited, so that a run of a minute is noticed within seconds and a run of
    a day costs two calls a minute, shared by all runs waited on. Where thousands are waited for, all delays grow alike, so that
    waiting costs neither this process nor Flyte more than it costs for some hundreds.
    """

    shortest: float = 0.5
    """Seconds."""

    longest: float = 30.0
    """Seconds."""

    share: float = 0.1
    """Delay divided by the time waited so far."""

    jitter: float = 0.1
    """Largest relative deviation, so that many waiters do not ask in step."""

    runs_per_second: float = 500.0
    """Runs of one project and domain that are asked about per second, on average; 200 of them are one call. Of 10,000 that have
    just begun, each is asked about every 20 s. 0: no limit."""

    def __post_init__(self) -> None:
        if (
            not 0 < self.shortest <= self.longest < math.inf
            or not 0 <= self.share < math.inf
            or not 0 <= self.jitter < 1
            or not 0 <= self.runs_per_second < math.inf
        ):
            raise ConfigError(
                "poll policy: wanted 0 < shortest <= longest, share >= 0, 0 <= jitter < 1 and runs_per_second >= 0, all "
                f"finite, got {self}"
            )

    @classmethod
    def every(cls, seconds: float) -> PollPolicy:
        """A fixed interval, as ``poll_interval=`` asks for."""
        if not 0 < seconds < math.inf:
            raise ConfigError(f"poll_interval must be a positive number of seconds, got {seconds!r}")
        return cls(shortest=seconds, longest=seconds, share=0.0, jitter=0.0, runs_per_second=0.0)

    def delay(self, waited: float, chance: float) -> float:
        """Seconds until the next question.

        Args:
            waited: Seconds waited so far.
            chance: A random number from 0 to 1.
        """
        middle = min(max(waited * self.share, self.shortest), self.longest)
        return middle * (1.0 + self.jitter * (2.0 * chance - 1.0))

    def among(self, delay: float, runs: int, wanted: float) -> float:
        """The delay of one run among many, so that not more than `runs_per_second` are asked about.

        Args:
            delay: Seconds, as it would be alone.
            runs: How many are waited for.
            wanted: How many would be asked about per second if all delays were as they would be alone.
        """
        if not self.runs_per_second:
            return delay
        # The first alone would do, but a run that has just begun would wait for nothing where all others are old.
        return max(delay, min(runs, wanted * delay) / self.runs_per_second)

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)
