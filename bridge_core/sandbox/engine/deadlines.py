"""When a node has taken too long (flytepropeller ``nodes/executor.go``: execute).

Two clocks run: each attempt may take the node's timeout, and all of them together twice that, from the moment the node was
queued (``pkg/compiler/transformers/k8s/node.go``). Waiting for a place to run counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.timeouts import expired, timed_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..model.outcome import Failure
    from .loop import Timer

__all__ = ["Deadlines"]


class Deadlines:
    """The clocks of one node, or of one item of an array. Used on the engine's loop only.

    Args:
        timeout: Seconds; 0 for none.
        later: Sets a timer.
        over: Told when one is over, and with which failure; a recoverable one ended an attempt, the other everything.
    """

    def __init__(
        self, timeout: float, later: Callable[[float, Callable[[], None]], Timer], over: Callable[[Failure], None]
    ) -> None:
        self._timeout = timeout
        self._later = later
        self._over = over
        self._all: Timer | None = None
        self._attempt: Timer | None = None

    def begin(self, spent: float = 0.0) -> None:
        """Starts the clock of all attempts, unless it runs.

        Args:
            spent: Seconds that have passed already, before a restart.
        """
        if self._timeout and self._all is None:
            self._all = self._later(max(0.0, 2 * self._timeout - spent), lambda: self._over(timed_out()))

    def attempt(self, spent: float = 0.0) -> None:
        """Starts the clock of an attempt; see `begin`."""
        if self._timeout:
            self.attempt_ended()
            self._attempt = self._later(max(0.0, self._timeout - spent), lambda: self._over(expired(self._timeout)))

    def attempt_ended(self) -> None:
        """Stops the clock of the attempt."""
        if self._attempt is not None:
            self._attempt.cancel()
            self._attempt = None

    def stop(self) -> None:
        """Stops both clocks."""
        self.attempt_ended()
        if self._all is not None:
            self._all.cancel()
