"""`RemoteJob`: an attempt that a connector runs: create a job, ask for it until it ends, delete it when nobody wants it any more.

After flyteplugins ``pluginmachinery/internal/webapi`` (launcher.go, monitor.go, cache.go), which both Flytes have. Two things
differ. A laptop waits less: jobs are asked for often at first, then every few seconds instead of every 30. And who cannot be
reached is not the task's failure: Flyte takes a lost CreateTask as a failure of the user's, here it is one of the system, tried
again after a pause; a job that cannot be asked for any more ends its attempt for good, as there, because another attempt would
run the job twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

from flyteidl.core import execution_pb2

from ..connectors.fault import ConnectorFault
from ..connectors.verdict import TASK_FAILED, phase_of
from ..model.ids import enum_name
from ..model.outcome import CANCELLED, Cancelled, Failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..connectors.registry import Connectors
    from ..store.jobs import Job, Jobs
    from .deletions import JobDeleter
    from .loop import Loop, Timer

__all__ = ["RemoteJob"]

_SYSTEM = execution_pb2.ExecutionError.SYSTEM
_FIRST_LOOK, _SLOWER, _LAST_LOOK = 0.1, 1.5, 5.0  # seconds until a job is asked for first, and how that grows to what
_MISSES = 5  # webApi.caching.maxSystemFailures: how often in a row a job may not be found out about


class _Context(Protocol):
    @property
    def connectors(self) -> Connectors: ...
    @property
    def deletions(self) -> JobDeleter: ...
    @property
    def jobs(self) -> Jobs: ...
    @property
    def loop(self) -> Loop: ...


class RemoteJob(ABC):
    """One attempt of one task. Lives on the engine's loop; what talks to connectors runs on their threads.

    Args:
        context: The loop, the connectors, and where jobs are remembered.
        post: Lets a step happen on the loop.
        guard: Runs a step there.
        on_end: Told once how it ended.
        elsewhere: Called instead when no connector runs tasks of this type.
    """

    def __init__(
        self,
        context: _Context,
        *,
        post: Callable[[Callable[[], None]], None],
        guard: Callable[[Callable[[], None]], None],
        on_end: Callable[[Any], None],
        elsewhere: Callable[[], None],
    ) -> None:
        self._context = context
        self._post = post
        self._guard = guard
        self._on_end = on_end
        self._elsewhere = elsewhere
        self._job: Job | None = None
        self._timer: Timer | None = None
        self._stopped: Cancelled | Failure | None = None
        self._asking = False
        self._pause = _FIRST_LOOK
        self._misses = 0

    @abstractmethod
    def _launch(self) -> Any:
        """Creates the job, or has a sync connector do all of it. On a thread.

        Returns:
            What the job is found by; the ``Resource`` of what is done already; a `Failure`; None when no connector runs it.
        """

    @abstractmethod
    def _job_of(self, resource_meta: bytes) -> Job:
        """The job as it is remembered."""

    @abstractmethod
    def _show(self, resource: Any) -> None:
        """Records how the job is doing."""

    @abstractmethod
    def _note(self, text: str) -> None:
        """Records what happened to it, for people."""

    @abstractmethod
    def _note_launched(self) -> None:
        """Records that there is a job."""

    @abstractmethod
    def _verdict(self, resource: Any) -> Any:
        """How the attempt ended; None while the job goes on."""

    def start(self, *, after: float) -> None:
        """Creates the job, ``after`` seconds from now."""
        self._timer = self._later(after, lambda: self._ask(self._launch, self._launched, awaited=True))

    def resume(self, job: Job) -> None:
        """Goes on with a job from before a restart."""
        self._job = job
        self._watch()

    def cancel(self) -> None:
        """Deletes the job; the end is reported then."""
        self._stop(CANCELLED)

    def leave(self) -> None:
        """Lets the job run on; it is deleted with the run."""
        if self._timer is not None:
            self._timer.cancel()

    def _stop(self, why: Cancelled | Failure) -> None:
        if self._stopped is None:
            self._stopped = why
            if not self._asking:
                self._wind_up(why)

    def _wind_up(self, why: Cancelled | Failure) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._job is None:
            self._end(why)
        else:
            self._context.deletions.delete(self._job, lambda: self._guard(lambda: self._end(why)))

    def _launched(self, result: Any) -> None:
        if result is None:
            self._elsewhere() if self._stopped is None else self._end(self._stopped)
        elif isinstance(result, Failure):
            self._end(result)
        elif isinstance(result, ConnectorFault):
            self._end(self._stopped or _not_launched(result))
        elif isinstance(result, bytes):
            self._remember(result)
        else:
            self._answered(result)

    def _remember(self, resource_meta: bytes) -> None:
        self._job = self._job_of(resource_meta)
        self._context.deletions.taken_over(self._job)
        self._context.jobs.add(self._job)
        self._note_launched()
        if self._stopped is not None:
            self._wind_up(self._stopped)
        else:
            self._watch()

    def _answered(self, resource: Any) -> None:
        """A sync connector has done it. It has no job to ask for later."""
        self._show(resource)
        outcome = self._verdict(resource)
        if outcome is None:
            phase = enum_name(execution_pb2.TaskExecution.Phase, phase_of(resource))
            outcome = Failure(TASK_FAILED, f"a sync connector must have finished when it answers, and said {phase}")
        self._end(self._stopped or outcome)

    def _watch(self) -> None:
        self._look_later(self._pause)

    def _look_later(self, seconds: float) -> None:
        self._timer = self._later(seconds, lambda: self._ask(self._look, self._looked))

    def _look(self) -> Any:
        """Asks for the job. On a thread."""
        assert self._job is not None
        return self._context.deletions.route(self._job).service.get(self._job)

    def _looked(self, result: Any) -> None:
        if isinstance(result, ConnectorFault):
            self._missed(result)
            return
        self._misses = 0
        self._pause = min(self._pause * _SLOWER, _LAST_LOOK)
        self._show(result)
        outcome = self._verdict(result)
        if outcome is not None:
            assert self._job is not None
            self._context.jobs.forget(self._job)
            self._end(outcome)
        elif self._stopped is not None:
            self._wind_up(self._stopped)
        else:
            self._look_later(self._pause)

    def _missed(self, fault: ConnectorFault) -> None:
        if self._stopped is not None:
            self._wind_up(self._stopped)
            return
        self._misses += 1
        if self._misses > _MISSES:
            # monitor.go: a permanent failure. The job may run on, so it is deleted, as far as that can be.
            text = f"failed to get task from connector {self._misses} times in a row: {fault.message}"
            self._stop(Failure("AutoRefreshCacheFailed", text, kind=_SYSTEM))
            return
        self._note(f"failed to get task from connector: {fault.message}")
        self._look_later(min(2.0 ** (self._misses - 1), _LAST_LOOK))

    def _end(self, outcome: Any) -> None:
        self._on_end(outcome)

    def _ask(self, work: Callable[[], Any], then: Callable[[Any], None], *, awaited: bool = False) -> None:
        self._asking = True

        def answered(result: Any) -> None:
            self._asking = False
            then(result)

        done = self._post
        self._context.connectors.submit(work, lambda result: done(lambda: answered(result)), awaited=awaited)

    def _later(self, seconds: float, step: Callable[[], None]) -> Timer:
        return self._context.loop.later(seconds, lambda: self._guard(step))


def _not_launched(fault: ConnectorFault) -> Failure:
    message = f"failed to create task from connector: {fault.message}"
    if fault.unreachable:
        return Failure("ConnectorUnavailable", message, kind=_SYSTEM, recoverable=True)
    return Failure(TASK_FAILED, message, recoverable=True)
