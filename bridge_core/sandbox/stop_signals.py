"""Ctrl-C and SIGTERM as a program that serves hears them: none is lost, whenever it comes."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

__all__ = ["StopSignals"]

_STOPS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """Ctrl-C and SIGTERM for as long as a ``with`` block goes on, also those that came before `wait` was called.

    Python runs handlers in the main thread between two of its steps, so one that comes just before that thread begins to wait
    for a lock is not seen until the next one (and ``Event.set`` in a handler may find the event's own lock taken). What the
    interpreter writes into its wakeup socket when a signal arrives is read here instead, as asyncio does.
    """

    def __enter__(self) -> Self:
        self._read, self._write = socket.socketpair()
        self._write.setblocking(False)
        self._fd_before = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, lambda *_: None) for number in _STOPS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # None: of one that Python did not set
        signal.set_wakeup_fd(self._fd_before)
        self._read.close()
        self._write.close()

    def wait(self) -> None:
        """Returns when one has come."""
        while self._read.recv(1)[0] not in _STOPS:
            pass
