"""Bodies of Flyte steps in the run worker: a thread for each, of which one works and the others wait."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import dagster as dg

from ._abort import abort_run
from ._compat import engine_error, job_steps, private, with_compute_logs
from ._turns import Turn, TurnLogs, Turns
from ._waits import Waits

if TYPE_CHECKING:
    from bridge_core import Client, RunRef

__all__ = ["Bodies"]

_LONGEST = 60.0
"""Seconds that bodies have to end when all are to stop: code of a user may not listen."""
_MOMENT = 5.0
_AT_ONCE = 16  # aborts


class Bodies:
    """The Flyte steps of one run that are at work.

    Args:
        plan_context: Of the run, as Dagster gives it to an executor.
    """

    def __init__(self, plan_context: Any) -> None:
        self._context = plan_context
        self.waits = Waits()
        self.turns = Turns(self.waits)
        self._threads: dict[str, threading.Thread] = {}
        self._going: set[Turn] = set()
        self._left = False
        self._logs = plan_context.instance.compute_log_manager

    def start(self, step_key: str, known_state: Any, retry_mode: Any) -> None:
        """Begins a step, or a further try of it."""
        arguments = (step_key, known_state, retry_mode)
        thread = threading.Thread(target=self._run, args=arguments, name=f"flyte-step {step_key}", daemon=True)
        self._threads[step_key] = thread
        thread.start()

    def alive(self, step_key: str) -> bool | None:
        """Whether its body is at work; None: it was not begun here."""
        thread = self._threads.get(step_key)
        return None if thread is None else thread.is_alive()

    def stop(self, *, reason: str | None, by_hand: bool) -> None:
        """Ends all of them.

        Args:
            reason: Why their Flyte runs are aborted; None: they go on.
            by_hand: Whether somebody pressed Ctrl-C.
        """
        self.turns.by_hand = by_hand
        self.turns.stopping.set()  # from now on nobody begins to wait
        if reason is not None:
            runs = {ref: client for turn in list(self._going) for ref, client in turn.waiting.items()}
            self._abort(runs, reason)
        self.waits.stop()

    def leave(self) -> None:
        """Whoever works has a moment to step aside; then nobody has a turn any more."""
        self._left = True
        self.turns.begin(first=True, timeout=_MOMENT)

    def close(self) -> None:
        """Waits for the last, and ends the connections."""
        end = time.monotonic() + (0.0 if self._left else _LONGEST)
        for thread in self._threads.values():
            thread.join(max(end - time.monotonic(), 0.0))
        self.waits.close()
        if not self._going:
            self.turns.close()

    def _abort(self, runs: dict[RunRef, Client], reason: str) -> None:
        """At once, and before the bodies have their turns to say that they were interrupted."""
        if not runs:
            return
        with ThreadPoolExecutor(min(len(runs), _AT_ONCE), thread_name_prefix="flyte-abort") as pool:
            ends = pool.map(lambda item: abort_run(item[1], item[0], reason), runs.items())
            self.turns.aborted.update(zip(runs, ends, strict=True))

    def _run(self, step_key: str, known_state: Any, retry_mode: Any) -> None:
        turn = Turn(self.turns)
        self._going.add(turn)
        try:
            with turn:
                try:
                    turn.check()
                    self._execute(turn, step_key, known_state, retry_mode)
                except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
                    return  # the step has said so
                except BaseException:  # noqa: BLE001  # the executor finds the thread dead, and ends the step
                    engine_error(self._context.instance, self._context.dagster_run, step_key, sys.exc_info())
        finally:
            self._going.discard(turn)

    def _execute(self, turn: Turn, step_key: str, known_state: Any, retry_mode: Any) -> None:
        """What the process of a step does under other executors."""
        context, run = self._context, self._context.dagster_run
        plan = job_steps(context, [step_key], known_state)
        instance = with_compute_logs(context.instance, TurnLogs(self._logs, turn))
        execute = private("execute_plan_iterator")
        for _ in execute(plan, context.job, run, instance, retry_mode=retry_mode, run_config=run.run_config):
            pass
