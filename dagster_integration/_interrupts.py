"""Signals while a step waits for Flyte: which ones came, and that cleaning up after the first is not cut short by the second.

Ctrl-C reaches a step process of the multiprocess executor twice, from the terminal and from its parent, some milliseconds
apart. Dagster raises for each, wherever the code is; an abort that the first one began would end at the second. It also
makes one error of SIGINT and SIGTERM, of which only the first can be a person's. So the signals are ours for as long as a step
launches, waits and aborts, and Dagster's again afterwards.

An error that a handler raises can get lost: Python drops it when the signal comes while a finalizer runs, or a callback of the
garbage collector. A step that waits for a run of hours would wait on, and Ctrl-C seem dead. So a signal is given again until
somebody has acted on it, and one that nobody acted on is Dagster's in the end.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import sys
import threading
from typing import TYPE_CHECKING, Any, Self

import dagster as dg

from ._turns import current_turn

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import FrameType, TracebackType

__all__ = ["SIGNALS", "Interrupts", "by_hand"]

_AGAIN = 0.5  # seconds after which a signal that nobody has acted on is given again
_DEAF = 4  # signals that an abort in progress outlives; whoever presses Ctrl-C more often means the process
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Takes SIGINT and SIGTERM over, in the main thread; elsewhere no signal arrives, and it does nothing.

    with Interrupts() as interrupts:
        try:
            try:
                work()
            except dg.DagsterExecutionInterruptedError:
                interrupts.settle()
                raise
        except dg.DagsterExecutionInterruptedError:  # the second of two may hit between the except above and its body
            interrupts.settle()
            clean_up(by_hand=interrupts.by_hand(run))
            raise
    """

    def __init__(self) -> None:
        self._came: list[int] = []
        self._bearable: int | None = None
        self._before: dict[int, Any] = {}
        self._turn = current_turn()
        self._again: _Again | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._again = _Again(threading.get_ident())
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        acted, self._bearable = self._bearable is not None, sys.maxsize  # nothing is raised while things are put back
        if self._again is not None:
            self._again.end()
        for number, handler in self._before.items():
            if handler is not None:  # None: installed by something that is not Python, and cannot be put back
                signal.signal(number, handler)
        if self._came and not acted:
            signal.raise_signal(self._came[0])  # the work had ended before anybody saw it

    def _take(self, number: int, frame: FrameType | None) -> None:
        assert self._again is not None
        given = self._again.given(number)
        if not given:
            self._came.append(number)
        if self._bearable is not None:
            if len(self._came) > self._bearable:
                raise dg.DagsterExecutionInterruptedError
            return
        self._again.soon(number)
        if given and _under_way():
            return  # its error is on its way to whoever acts on it, and waits for what is cleaned up
        if frame is not None and frame.f_code in _OWN:
            return  # raised in there, it would leave the handlers in place; given again, it comes to the work, or afterwards
        raise dg.DagsterExecutionInterruptedError

    def check(self) -> None:
        """Raises for a signal whose error was lost: Python drops what is raised in a callback or a finalizer.

        Raises:
            DagsterExecutionInterruptedError: A signal came, and nobody has settled yet what it means.
        """
        if self._bearable is not None:
            return
        if self._came:
            raise dg.DagsterExecutionInterruptedError
        if self._turn is not None:
            self._turn.check()

    def settle(self) -> None:
        """From now on signals are noted and raise no more, unless there are very many."""
        self._bearable = len(self._came) + _DEAF
        if self._again is not None:
            self._again.end()

    def by_hand(self, run: dg.DagsterRun) -> bool:
        """Whether somebody pressed Ctrl-C; see the function of that name."""
        return self._turn.turns.by_hand if self._turn is not None else by_hand(run, self._came)


_OWN = (Interrupts.__enter__.__code__, Interrupts.__exit__.__code__)


class _Again:
    """A thread that gives a signal once more, every half second until it is told that somebody acted on it.

    Args:
        thread: Which gets the signals, by its id: the main thread.
    """

    def __init__(self, thread: int) -> None:
        self._main = thread
        # Of all queues the one that a handler may put into, whatever it has interrupted.
        self._came: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._given: set[int] = set()  # by this thread, and not seen yet: Python makes one of those that come together
        self._lock = threading.Lock()
        self._ended = False
        threading.Thread(target=self._work, name="flyte-interrupts", daemon=True).start()

    def soon(self, number: int) -> None:
        """From a handler: this one came, and its error is raised now."""
        self._came.put(number)

    def given(self, number: int) -> bool:
        """From a handler: whether this signal is one that was given again, and counts no more."""
        was = number in self._given
        self._given.discard(number)
        return was

    def end(self) -> None:
        """Gives nothing from now on."""
        with self._lock:
            self._ended = True
        self._came.put(None)

    def _work(self) -> None:
        wait: float | None = None
        newest: int | None = None
        while not self._ended:
            try:
                newest, wait = self._came.get(timeout=wait), _AGAIN
            except queue.Empty:
                self._give(newest)

    def _give(self, number: int | None) -> None:
        with self._lock:
            if self._ended or number is None or number in self._given:
                return
            self._given.add(number)
            if sys.platform == "win32":
                signal.raise_signal(number)  # seen when the main thread next does something
            else:
                signal.pthread_kill(self._main, number)  # and ends a sleep or a call of the system


def _under_way() -> bool:
    """Whether the code that the signal came upon is at work because of the error of an earlier one: ``finally``, ``__exit__``."""
    error = sys.exception()
    while error is not None:
        if isinstance(error, dg.DagsterExecutionInterruptedError):
            return True
        error = error.__context__
    return False


def by_hand(run: dg.DagsterRun, came: Collection[int]) -> bool:
    """Whether somebody pressed Ctrl-C (or a notebook's stop button) on the process that executes this run.

    A run that the webserver or the daemon launched is stopped through Dagster, never by a signal of a person's. A step
    process of the multiprocess executor gets SIGINT for whatever its parent got; there, only the foreground of a terminal
    tells.

    Args:
        run: The Dagster run.
        came: Signals that this process got.
    """
    if run.remote_job_origin is not None or signal.SIGINT not in came:
        return False
    return multiprocessing.parent_process() is None or _in_foreground()


def _in_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:  # cron, systemd, a container
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
