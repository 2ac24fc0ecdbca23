"""Patience with a Flyte that does not let us in: a token that expired, or an identity provider that restarts, says nothing about
the run, and must not cost a try. For a while; then a person has to look.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from bridge_core import AuthError

__all__ = ["PATIENCE", "Refusals", "patiently"]

log = logging.getLogger("airflow.task.flyte")

PATIENCE = 600.0
"""Seconds for which refusals in a row are taken for something that passes."""
_PAUSE = 5.0
_BREAK = 120.0

T = TypeVar("T")


class Refusals:
    """Counts how long we have been refused without a break; who waits hears of refusals only, so a long silence is an answer."""

    __slots__ = ("_last", "_since")

    def __init__(self) -> None:
        self._since = self._last = float("-inf")

    def bear(self, error: AuthError, now: float) -> float:
        """Seconds to wait before asking again.

        Raises:
            AuthError: The same error, when patience is over.
        """
        if now - self._last > _BREAK:
            self._since = now
        self._last = now
        if now - self._since >= PATIENCE:
            raise error
        return _PAUSE

    def over(self) -> None:
        """We were let in."""
        self._last = float("-inf")


def patiently(ask: Callable[[], T], what: str) -> T:
    """Asks, again and again while we are refused.

    Args:
        ask: The question.
        what: Named in the log.

    Raises:
        AuthError: Refused for `PATIENCE` seconds.
    """
    refusals = Refusals()
    while True:
        try:
            return ask()
        except AuthError as error:
            pause = refusals.bear(error, time.monotonic())
            log.warning("%s: %s; asking again", what, error)
        time.sleep(pause)
