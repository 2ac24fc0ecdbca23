"""How long a step asks: a Flyte that is away is asked again, for as long as the step may wait, and people see it.

One rule for every question of a step, launching and reading outputs as well as waiting: an outage is no verdict, and neither
is a quota that others have used up for now.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from bridge_core import BridgeError, may_pass

from ._turns import away, current_turn

if TYPE_CHECKING:
    from bridge_core import PollPolicy

    from ._compat import StepContext
    from ._interrupts import Interrupts
    from ._metrics import Metrics

__all__ = ["Patience"]

T = TypeVar("T")


class Patience:
    """The time a step has, counted from its beginning.

    Args:
        context: Outages become warnings in its log.
        timeout: Seconds; None for ever.
        poll: How often Flyte is asked again.
        interrupts: Looked at between questions.
        metrics: Told of each question that got no answer.
    """

    def __init__(
        self,
        context: StepContext,
        timeout: float | None,
        poll: PollPolicy,
        interrupts: Interrupts,
        metrics: Metrics,
    ) -> None:
        self._context = context
        self._end = None if timeout is None else time.monotonic() + timeout
        self._poll = poll
        self._interrupts = interrupts
        self._metrics = metrics

    @property
    def left(self) -> float | None:
        """Seconds; None for ever."""
        return None if self._end is None else max(self._end - time.monotonic(), 0.0)

    def ask(self, what: str, question: Callable[[], T]) -> T:
        """The answer; asks again while Flyte cannot be asked, or is too busy.

        Args:
            what: For the log: ``launching run …``.
            question: Must be safe to ask again: a read, or a launch under a name.

        Raises:
            BridgeError: Any answer that says something; an outage only when the time is over.
        """
        begin, gone = time.monotonic(), False
        while True:
            try:
                with away():
                    answer = question()
            except BridgeError as error:
                left = self.left
                self._metrics.count("could_not_ask", int(may_pass(error)))
                if not may_pass(error) or left == 0:
                    raise
                if not gone:
                    self._context.log.warning("%s: %s It is asked again until it answers.", what, error)
                gone = True
                delay = self._poll.delay(time.monotonic() - begin, random.random())  # noqa: S311  # jitter, no secret
                _sleep(delay if left is None else min(delay, left))
                self._interrupts.check()
                continue
            if gone:
                self._context.log.warning("%s: Flyte answers again", what)
            return answer

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Copies the warnings of a waiting client, outages above all, from Python's logging to the step's log."""
        copy = _Copy(self._context)
        logger = logging.getLogger("bridge_core")
        logger.addHandler(copy)
        try:
            yield
        finally:
            logger.removeHandler(copy)


def _sleep(seconds: float) -> None:
    if (turn := current_turn()) is not None:
        turn.sleep(seconds)
    else:
        time.sleep(seconds)


class _Copy(logging.Handler):
    """Warnings of this thread only: others wait for runs of their own."""

    def __init__(self, context: StepContext) -> None:
        super().__init__(logging.WARNING)
        self._context = context
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._context.log.log(record.levelno, record.getMessage())
