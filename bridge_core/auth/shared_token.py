"""`Slot`: one token that many threads and tasks use and at most one of them replaces at a time.

Asyncio and threads are served alike: whoever comes second looks again every few milliseconds through ``transport.sleep``
instead of blocking a thread, and the work itself runs in ``transport.run_io``. The thread that does the work also records
its result, so that a cancelled caller loses nothing; a refresh token may be good for one use only.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from ..model.errors import BridgeError, Unauthenticated

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..transport.base import Transport
    from .token import Token

__all__ = ["GaveUp", "Slot"]

_LOOK_AGAIN = 0.02


class GaveUp(Unauthenticated):
    """Nobody waits for this login any more."""


class _Flight:
    """One replacement in progress."""

    def __init__(self) -> None:
        self.done = self.started = False
        self.error: BridgeError | None = None
        self.waiting = 0
        self.deserted = threading.Event()

    def pause(self, seconds: float) -> None:
        """Waits, as long as somebody waits for us."""
        if self.deserted.wait(seconds):
            raise GaveUp("nobody waits for this login any more", code="UNAUTHENTICATED")


class Slot:
    """Holds a token.

    Args:
        keep_in_child: Makes the token that a forked child may go on with.
    """

    def __init__(self, keep_in_child: Callable[[Token], Token]) -> None:
        self._keep_in_child = keep_in_child
        self._pid = os.getpid()
        self._mutex = threading.Lock()
        self._token: Token | None = None
        self._flight: _Flight | None = None

    @property
    def token(self) -> Token | None:
        """The token as it is now."""
        self._mind_forks()
        return self._token

    @property
    def busy(self) -> bool:
        """Whether somebody is replacing it."""
        self._mind_forks()
        return self._flight is not None

    def put(self, token: Token) -> None:
        """Sets it, if there is none yet."""
        with self._mutex:
            self._token = self._token or token

    async def replace(
        self,
        transport: Transport,
        stale: Token | None,
        prepare: Callable[[], Awaitable[None]],
        work: Callable[[Callable[[float], None]], Token],
    ) -> None:
        """Replaces ``stale``, unless somebody has done so already. Everybody who waits gets the one outcome.

        Args:
            transport: Waits, and runs the work.
            stale: The token that is no good; None when there was none.
            prepare: What must be asked over the transport first.
            work: Makes the new token, blocking; called with a function that waits.

        Raises:
            BridgeError: The work failed.
        """
        self._mind_forks()
        while True:
            with self._mutex:
                if self._token is not stale:
                    return
                mine = self._flight is None
                flight = self._flight = self._flight or _Flight()
                flight.waiting += 1
            try:
                if mine:
                    await self._fly(transport, flight, prepare, work)
                    return
                while not flight.done:
                    await transport.sleep(_LOOK_AGAIN)
                if flight.error is not None:
                    raise flight.error.with_message(flight.error.message)
            finally:
                with self._mutex:
                    flight.waiting -= 1
                    if not flight.waiting:
                        flight.deserted.set()

    async def _fly(
        self,
        transport: Transport,
        flight: _Flight,
        prepare: Callable[[], Awaitable[None]],
        work: Callable[[Callable[[float], None]], Token],
    ) -> None:
        def body() -> None:
            with self._mutex:
                if flight.done:  # given up before a thread was free
                    return
                flight.started = True
            try:
                token = work(flight.pause)
            except BaseException as error:
                self._land(flight, None, error)
                raise
            self._land(flight, token, None)

        try:
            await prepare()
            await transport.run_io(body)
        except BaseException as error:
            self._land(flight, None, error, unless_started=True)
            raise

    def _land(
        self, flight: _Flight, token: Token | None, error: BaseException | None, *, unless_started: bool = False
    ) -> None:
        with self._mutex:
            if flight.done or (unless_started and flight.started):
                return
            if token is not None:
                self._token = token
            elif isinstance(error, BridgeError) and not isinstance(error, GaveUp):
                flight.error = error
            elif isinstance(error, Exception):
                flight.error = BridgeError(f"getting a token broke: {type(error).__name__}")
            if self._flight is flight:
                self._flight = None
            flight.done = True

    def _mind_forks(self) -> None:
        """A forked child has no thread that would end the parent's flight, and must not spend the parent's refresh token."""
        if self._pid != os.getpid():
            self._pid, self._mutex, self._flight = os.getpid(), threading.Lock(), None
            self._token = None if self._token is None else self._keep_in_child(self._token)
