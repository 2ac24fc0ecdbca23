"""What happens to a run when Airflow signals the worker that waits for it.

SIGTERM means two things. Somebody marked or cleared the task: the run must end. Or the worker is being drained: the run must
go on, the retry attaches to it. Only the task's state tells them apart. Rules, each from a measured failure on Airflow 3.3.2:

* the handler runs inside whatever the main thread does. If that is a Task SDK call, the SDK's lock is taken, and whoever
  makes another call in the handler waits for ever. So the work is done in a thread, and the handler waits for it only where
  we know that the main thread makes no such call (`SyncKill.waiting`); elsewhere it returns, the call ends, the thread goes on;
* SIGKILL follows after 5 s; the thread is given 4.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bridge_core import BridgeError, Client, RunRef

from ._compat import task_state

__all__ = ["SyncKill"]

log = logging.getLogger("airflow.task.flyte")

_PATIENCE = 4.0
_NOBODY_ASKED = frozenset({"running", "up_for_retry"})
"""Drained; or given up by the scheduler, whose retry attaches to the run."""


class SyncKill:
    """Ends the run of a task that waits on its worker, if somebody asked for that.

    Args:
        client: Opened before waiting: resolving a connection in a signal handler deadlocks.
        ref: The run.
        ti: Airflow's task instance.
        who: Names the task in the reason that Flyte records.
        enabled: False: signals are noted in the log, and the run goes on.
        pending: A signal came before there was a run.
    """

    def __init__(
        self, client: Client, ref: RunRef, ti: Any, who: str, *, enabled: bool = True, pending: bool = False
    ) -> None:
        self._client = client
        self._ref = ref
        self._ti = ti
        self._who = who
        self._enabled = enabled
        self._pending = pending
        self._waiting = False
        self._done = False
        self._verdict = ""

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Inside, no Task SDK call is made, so that a signal is seen to before anything else goes on."""
        self._waiting = True
        try:
            if self._pending:
                self._pending = False
                self.signalled()
            yield
        finally:
            self._waiting = False

    def done(self) -> None:
        """The run was seen to by other means: later signals mean nothing."""
        self._done = True

    def signalled(self) -> None:
        """Airflow wants this process to end."""
        if self._done:
            return
        if not self._enabled:
            log.warning("run %s goes on: cancel_on_kill=False", self._ref)
            return
        thread = threading.Thread(target=self._decide, name="flyte-on-kill", daemon=True)
        thread.start()
        if self._waiting:
            thread.join(_PATIENCE)
            log.warning("%s", self._verdict or f"run {self._ref}: still busy aborting it when Airflow's patience ends")

    def _decide(self) -> None:
        """Runs in a thread and logs nothing: the main thread may hold the logging lock."""
        try:
            state = task_state(self._ti)
        except Exception as error:  # noqa: BLE001  # whatever the SDK raises: we could not ask
            # Somebody who stops a task does it through the API server. When it does not answer, this is a drain or an outage.
            self._verdict = f"run {self._ref} goes on: Airflow could not say why it stops this task ({error!r})"
            return
        if state in _NOBODY_ASKED:
            self._verdict = (
                f"run {self._ref} goes on: the task is {state}, nobody stopped it; a retry attaches to the run"
            )
            return
        try:
            self._client.abort(self._ref, reason=f"Airflow task {self._who} was stopped (state: {state or 'none'})")
        except BridgeError as error:
            self._verdict = f"run {self._ref} could not be aborted: {error}"
        else:
            self._verdict = f"aborted run {self._ref}: the task is {state or 'gone'}"
