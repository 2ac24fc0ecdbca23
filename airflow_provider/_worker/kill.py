"""What happens to a run when Airflow signals the worker that launches it or waits for it.

SIGTERM means two things. Somebody marked or cleared the task: the run must end. Or the worker is being drained, or Airflow took
the task back: the run must go on, the next try attaches to it. Only the task's state tells them apart. Rules, each from a
measured failure on Airflow 3.3.2:

* the handler runs inside whatever the main thread does. If that is a Task SDK call, the SDK's lock is taken, and whoever
  makes another call in the handler waits for ever. So the work is done in a thread, and the handler waits for it only where
  we know that the main thread makes no such call (`SyncKill.attending`); elsewhere it returns, the call ends, the thread goes on;
* SIGKILL follows after 5 s; the thread is given 4;
* a signal may come while the run is being made. What is on its way cannot be called back: the run is aborted as soon as it is
  there, and nothing is sent after that.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException

from bridge_core import BridgeError, RunNotFound

from .._compat import NO_STATE, task_state
from .._shared.metrics import count

if TYPE_CHECKING:
    from bridge_core import Client, RunRef

__all__ = ["SyncKill", "abort_and_tell", "abort_soon"]

log = logging.getLogger("airflow.task.flyte")

_PATIENCE = 4.0
_APPEARS_WITHIN = 3.0
_NOBODY_ASKED = frozenset({"running", "up_for_retry", "scheduled", "queued", NO_STATE})
"""Drained; given up by the scheduler; or reset by it (a restart, an orphan, a full pool). A cleared running task is
``restarting``."""


class SyncKill:
    """Ends the run of a task that a worker attends to, if somebody asked for that.

    Args:
        client: Opened before: resolving a connection in a signal handler deadlocks.
        ti: Airflow's task instance.
        who: Names the task in the reason that Flyte records.
        enabled: False: signals are noted in the log, and the run goes on.
    """

    def __init__(self, client: Client, ti: Any, who: str, *, enabled: bool = True) -> None:
        self._client = client
        self._ti = ti
        self._who = who
        self._enabled = enabled
        self._ref: RunRef | None = None
        self._made = False
        self.pending = False
        """A signal came that nobody has seen to yet."""
        self._attending = False
        self._done = False
        self._stopped = False
        self._verdict = ""

    @property
    def target(self) -> RunRef | None:
        """The run that exists, or may by now."""
        return self._ref

    def trying(self, ref: RunRef) -> None:
        """This run is about to be made, or found."""
        self._ref = ref
        if self.pending and self._attending:
            self.pending = False
            self.signalled()

    def made(self, ref: RunRef) -> None:
        """This run exists."""
        self._ref, self._made = ref, True

    @contextmanager
    def attending(self) -> Iterator[None]:
        """Inside, no Task SDK call is made, so that a signal is seen to before anything else goes on."""
        self._attending = True
        try:
            if self.pending:
                self.pending = False
                self.signalled()
            yield
        finally:
            self._attending = False

    @contextmanager
    def looking_away(self) -> Iterator[None]:
        """Inside `attending`: here Task SDK calls may be made; a signal that comes meanwhile is seen to by its thread alone."""
        self._attending = False
        try:
            yield
        finally:
            self._attending = True

    def done(self) -> None:
        """The run was seen to by other means: later signals mean nothing."""
        self._done = True

    def signalled(self) -> None:
        """Airflow wants this process to end.

        Raises:
            AirflowFailException: Somebody stopped the task while its run was being made: nothing more may be sent.
        """
        if self._done:
            return
        if not self._enabled:
            log.warning("run %s goes on: cancel_on_kill=False", self._ref)
            return
        if self._ref is None:
            self.pending = True
            return
        thread = threading.Thread(target=self._decide, args=(self._ref,), name="flyte-on-kill", daemon=True)
        thread.start()
        if not self._attending:
            return
        thread.join(_PATIENCE)
        if self._stopped:
            count("aborted")
        log.warning("%s", self._verdict or f"run {self._ref}: still busy aborting it when Airflow's patience ends")
        if self._stopped and not self._made:
            raise AirflowFailException(f"Airflow task {self._who} was stopped while it launched run {self._ref}")

    def _decide(self, ref: RunRef) -> None:
        """Runs in a thread and logs nothing: the main thread may hold the logging lock."""
        try:
            state = task_state(self._ti)
        except Exception as error:  # noqa: BLE001  # whatever the SDK raises: we could not ask
            # Somebody who stops a task does it through the API server. When it does not answer, this is a drain or an outage.
            self._verdict = f"run {ref} goes on: Airflow could not say why it stops this task ({error!r})"
            return
        if state in _NOBODY_ASKED:
            self._verdict = (
                f"run {ref} goes on: the task is {state}, nobody stopped it; the next try attaches to the run"
            )
            return
        self._stopped = True
        reason = f"Airflow task {self._who} was stopped (state: {state or 'none'})"
        try:
            abort_soon(self._client, ref, reason, within=0.0 if self._made else _APPEARS_WITHIN)
        except RunNotFound:
            self._verdict = f"run {ref} was not launched: the task is {state or 'gone'}"
        except BridgeError as error:
            self._verdict = f"run {ref} could not be aborted: {error}"
        else:
            self._verdict = f"aborted run {ref}: the task is {state or 'gone'}"


def abort_soon(client: Client, ref: RunRef, reason: str, *, within: float) -> None:
    """Aborts a run that may not be there yet, because the request that makes it was on its way when we gave up.

    Args:
        client: Asks Flyte.
        ref: The run.
        reason: What Flyte records.
        within: Seconds after which a run that is not there will not come.

    Raises:
        RunNotFound: It did not come.
        BridgeError: It could not be aborted.
    """
    end, pause = time.monotonic() + within, 0.1
    while True:
        try:
            client.abort(ref, reason=reason)
        except RunNotFound:
            if time.monotonic() + pause > end:
                raise
        else:
            return
        time.sleep(pause)
        pause = min(2 * pause, 1.0)


def abort_and_tell(client: Client, ref: RunRef, reason: str, *, within: float = 0.0) -> str:
    """`abort_soon` for a sentence: what became of the run."""
    try:
        abort_soon(client, ref, reason, within=within)
    except RunNotFound:
        return "it was not launched"
    except BridgeError as error:
        log.warning("run %s could not be aborted: %s", ref, error)
        return f"it could not be aborted ({error}) and may go on"
    count("aborted")
    log.warning("aborted run %s: %s", ref, reason)
    return "it was aborted"
