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

__all__ = ["RetryPolicy", "may_pass"]


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


@public
def may_pass(error: BridgeError) -> bool:
    """Whether the same call may succeed later: Flyte could not answer, or was busy (not: the message was too large).

    Waits sit out what may pass. Whoever asks Flyte something else with the same patience decides by this, too.

    Args:
        error: What a call ended with.

    Example:
        >>> from bridge_core import LimitExceeded, may_pass
        >>> may_pass(LimitExceeded("too many requests", code="RESOURCE_EXHAUSTED"))
        True
    """
    if isinstance(error, LimitExceeded):
        return error.code == "RESOURCE_EXHAUSTED" and "larger than max" not in (error.details or "")
    return error.transient
