"""A CreateExecution that stops between its two inserts: FlyteAdmin stores the labels of a run first, the run second.

with sandbox.faults.hold_create() as held:
    …                     # send one, in another thread
    held.wait()           # it has stored its labels, and is at its second insert
    …                     # what do others see now?
    held.release()        # or held.crash(): the server dies there
"""

from __future__ import annotations

import threading
from typing import Self

from ..model.status import Rejected

__all__ = ["HeldCreate"]


class HeldCreate:
    """One create that is held, or will be."""

    def __init__(self) -> None:
        self._arrived = threading.Event()
        self._go = threading.Event()
        self._crashed = False
        self.name = ""
        """What it creates, once it is there."""

    def wait(self, timeout: float = 30.0) -> str:
        """Waits until a create is between its inserts.

        Args:
            timeout: Seconds.

        Returns:
            The name of the execution.

        Raises:
            TimeoutError: None came.
        """
        if not self._arrived.wait(timeout):
            raise TimeoutError(f"no CreateExecution came between its two inserts within {timeout:g} s")
        return self.name

    def release(self) -> None:
        """Lets it go on."""
        self._go.set()

    def crash(self) -> None:
        """The server dies there: the run is never stored, its labels are."""
        self._crashed = True
        self._go.set()

    def hold(self, name: str) -> None:
        """A create is between its inserts; the sandbox says so, and waits here.

        Raises:
            Rejected: UNAVAILABLE, it crashed.
        """
        self.name = name
        self._arrived.set()
        self._go.wait()
        if self._crashed:
            raise Rejected("UNAVAILABLE", "Socket closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._go.set()
