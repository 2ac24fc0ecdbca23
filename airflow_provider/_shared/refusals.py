"""Patience with a Flyte that does not let us in: a token that expired, or an identity provider that restarts, says nothing about
the run, and must not cost a try. For a while; then a person has to look.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from bridge_core import AuthError

__all__ = ["LAUNCH_PATIENCE", "PATIENCE", "Refusals", "patiently"]

log = logging.getLogger("airflow.task.flyte")

PATIENCE = 600.0
"""Seconds for which refusals in a row are taken for something that passes."""
LAUNCH_PATIENCE = 120.0
"""The same before anything is launched: a secret that was mistyped should not look like a task at work for long."""
_PAUSE = 5.0
_BREAK = 120.0

T = TypeVar("T")


class Refusals:
    """Counts how long we have been refused without a break; who waits hears of refusals only, so a long silence is an answer.

    Args:
        patience: Seconds.
    """

    __slots__ = ("_last", "_patience", "_since")

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._since = self._last = float("-inf")

    def bear(self, error: AuthError, now: float) -> float:
        """Seconds to wait before asking again.

        Raises:
            AuthError: The same error, when patience is over.
        """
        if now - self._last > _BREAK:
            self._since = now
        self._last = now
        if now - self._since >= self._patience:
            raise error
        return _PAUSE

    def over(self) -> None:
        """We were let in."""
        self._last = float("-inf")


def patiently(
    ask: Callable[[], T],
    what: str,
    *,
    patience: float = PATIENCE,
    refusals: type[AuthError] | tuple[type[AuthError], ...] = AuthError,
) -> T:
    """Asks, again and again while we are refused.

    Args:
        ask: The question.
        what: Named in the log.
        patience: Seconds for which it asks again.
        refusals: What is taken for something that passes.

    Raises:
        AuthError: Refused for that long, or in another way.
    """
    met = Refusals(patience)
    while True:
        try:
            return ask()
        except refusals as error:
            pause = met.bear(error, time.monotonic())
            log.warning("%s: %s; asking again", what, error)
        time.sleep(pause)
