"""Many steps in one process, one body at a time: the turn goes from thread to thread, and stdout and stderr with it.

A step's output is captured for the whole process, by file descriptors 1 and 2, so two bodies must never run together. A body
that asks Flyte something, or waits for a run, steps aside meanwhile: that is what lets hundreds of steps wait in one process.
Code of a step asks `current_turn` whether it is such a body; elsewhere it is None, and nothing is different.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

import dagster as dg

from ._compat import private

if TYPE_CHECKING:
    from datetime import timedelta

    from bridge_core import BridgeError, Client, Config, RunRef, RunSnapshot

    from ._waits import Waits

__all__ = ["Turn", "TurnLogs", "Turns", "away", "current_turn"]

_OUTPUTS = (1, 2)
_here = threading.local()


def current_turn() -> Turn | None:
    """The turn of the body that this thread runs; None where a step has a process of its own."""
    return getattr(_here, "turn", None)


@contextmanager
def away() -> Iterator[None]:
    """Lets other bodies run meanwhile, if this is one of many."""
    turn = current_turn()
    if turn is None:
        yield
        return
    with turn.away():
        yield


class Turns:
    """What the bodies of a run worker share.

    Args:
        waits: Where they wait.
    """

    def __init__(self, waits: Waits) -> None:
        self.waits = waits
        self.stopping = threading.Event()
        self.by_hand = False
        """Whether they stop because somebody pressed Ctrl-C."""
        self.aborted: dict[RunRef, BridgeError | None] = {}
        """Runs that are aborted already, or what kept them from it."""
        self.wake = threading.Event()
        """Ends a pause early."""
        self._mutex = threading.Lock()
        self._busy = False
        self._queue: deque[threading.Event] = deque()
        self._clients: dict[Config, Client] = {}
        self.outputs = os.dup(1), os.dup(2)
        """Where this process's own output goes, whoever has a turn."""

    def begin(self, *, first: bool = False, timeout: float | None = None) -> None:
        """Waits for a turn.

        Args:
            first: Whether all others come later.
            timeout: Seconds; then the next turn that is free is nobody's, and none follows.
        """
        with self._mutex:
            if not self._busy:
                self._busy = True
                return
            mine = threading.Event()
            (self._queue.appendleft if first else self._queue.append)(mine)
        mine.wait(timeout)

    def end(self) -> None:
        """Whoever is next has a turn."""
        with self._mutex:
            if self._queue:
                self._queue.popleft().set()
            else:
                self._busy = False

    def pause(self, shortest: float, longest: float) -> None:
        """Lets bodies work: for so many seconds, and until one has ended or the longest is over.

        The executor itself has its turns, too: what it logs must not be in a step's output, and Python's logging may block for
        ever when one thread logs while Dagster configures logging in another.
        """
        self.end()
        try:
            time.sleep(shortest)
            self.wake.wait(longest - shortest)
            self.wake.clear()
        finally:
            self.begin(first=True)

    def client(self, config: Config) -> Client:
        """One for all steps with the same settings."""
        from bridge_core import Client

        if config not in self._clients:
            self._clients[config] = Client(config)
        return self._clients[config]

    def redirect(self, streams: Sequence[IO[Any]]) -> list[int]:
        """Sends this process's output there; returns how long each was."""
        flush()
        for number, stream in zip(_OUTPUTS, streams, strict=True):
            os.dup2(stream.fileno(), number)
        return [os.fstat(stream.fileno()).st_size for stream in streams]

    def restore(self, streams: Sequence[IO[Any]], begins: Sequence[int]) -> None:
        """Ends that, and shows what came meanwhile where it would have gone: the log of a pod has it, too."""
        flush()
        for number, own, stream, begin in zip(_OUTPUTS, self.outputs, streams, begins, strict=True):
            os.dup2(own, number)
            with contextlib.suppress(OSError):  # a stream that cannot be read, or nobody there who reads
                while text := os.pread(stream.fileno(), 1 << 16, begin):
                    os.write(own, text)
                    begin += len(text)  # noqa: PLW2901  # where to go on

    def close(self) -> None:
        """Closes the connections."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()
        for number in self.outputs:
            os.close(number)


class Turn:
    """One body's part in it: ``with turn:`` around all of it."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.waiting: Mapping[RunRef, Client] = {}
        """What it waits for now."""
        self._streams: Sequence[IO[Any]] = ()
        self._begins: Sequence[int] = ()
        self._held = False

    def __enter__(self) -> Turn:
        _here.turn = self
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        _here.turn = None
        self.turns.wake.set()

    def _begin(self) -> None:
        self.turns.begin()
        self._held = True
        if self._streams:
            self._begins = self.turns.redirect(self._streams)

    def _end(self) -> None:
        if self._streams:
            self.turns.restore(self._streams, self._begins)
        self._held = False
        self.turns.end()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Gives the turn to others for as long as this lasts."""
        if not self._held:
            yield
            return
        self._end()
        try:
            yield
        finally:
            self._begin()

    @contextmanager
    def captured(self, streams: Sequence[IO[Any]]) -> Iterator[None]:
        """Whatever is printed in this turn goes there: stdout, stderr."""
        self._streams = streams
        self._begins = self.turns.redirect(streams)
        try:
            yield
        finally:
            self.turns.restore(streams, self._begins)
            self._streams = ()

    def check(self) -> None:
        """Raises `DagsterExecutionInterruptedError` when all are to stop."""
        if self.turns.stopping.is_set():
            raise dg.DagsterExecutionInterruptedError

    def sleep(self, seconds: float) -> None:
        """Returns early when all are to stop."""
        with self.away():
            self.turns.stopping.wait(seconds)

    def wait(
        self, client: Client, refs: Sequence[RunRef], *, timeout: float | None, poll_interval: float | timedelta | None
    ) -> list[RunSnapshot]:
        """How these runs ended, in order; others have their turns meanwhile.

        Raises:
            DagsterExecutionInterruptedError: All are to stop.
            BridgeError: As `Client.wait_many`.
        """
        with self.away():
            self.waiting = dict.fromkeys(refs, client)
            try:
                return self.turns.waits.wait(client.config, refs, timeout, poll_interval, self.turns.stopping)
            finally:
                if not self.turns.stopping.is_set():
                    self.waiting = {}


class TurnLogs:
    """Compute logs for bodies that take turns, in place of Dagster's capture: that starts four processes for each step.

    Args:
        manager: Dagster's own: where the logs are kept.
        turn: Of the body.
    """

    def __init__(self, manager: Any, turn: Turn) -> None:
        self._manager = manager
        self._turn = turn

    def __getattr__(self, name: str) -> Any:
        return getattr(self._manager, name)

    @contextmanager
    def capture_logs(self, log_key: Sequence[str]) -> Iterator[Any]:
        """What Dagster calls around a step."""
        kinds, context = private("ComputeIOType"), private("CapturedLogContext")
        local = getattr(self._manager, "local_manager", None) or self._manager
        with contextlib.ExitStack() as stack:
            streams = [
                stack.enter_context(local.open_log_stream(log_key, kind)) for kind in (kinds.STDOUT, kinds.STDERR)
            ]
            if all(streams):
                stack.enter_context(self._turn.captured(streams))
            yield context(log_key)
        if local is not self._manager:
            with self._manager.open_log_stream(log_key, kinds.STDERR):  # closing it uploads both
                return
        if (complete := getattr(local, "complete_artifact_path", None)) is not None:
            with open(complete(log_key), "ab"):  # noqa: PTH123  # how Dagster's own capture says that nothing more comes
                pass


def flush() -> None:
    """Python's own buffers, before the descriptors below them change."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
