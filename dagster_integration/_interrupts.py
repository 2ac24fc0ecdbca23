"""Signals while a step waits for Flyte: which ones came, and that cleaning up after the first is not cut short by the second.

Ctrl-C reaches a step process of the multiprocess executor twice, from the terminal and from its parent, some milliseconds
apart. Dagster raises for each, wherever the code is; an abort that the first one began would end at the second. It also
makes one error of SIGINT and SIGTERM, of which only the first can be a person's. So the signals are ours for as long as a step
launches, waits and aborts, and Dagster's again afterwards.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from typing import TYPE_CHECKING, Any, Self

import dagster as dg

from ._turns import current_turn

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import FrameType, TracebackType

__all__ = ["SIGNALS", "Interrupts", "by_hand"]

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

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            if handler is not None:  # None: installed by something that is not Python, and cannot be put back
                signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # the signature of a handler
        self._came.append(number)
        if self._bearable is None or len(self._came) > self._bearable:
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

    def by_hand(self, run: dg.DagsterRun) -> bool:
        """Whether somebody pressed Ctrl-C; see the function of that name."""
        return self._turn.turns.by_hand if self._turn is not None else by_hand(run, self._came)


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
