"""Jobs that nobody wants any more: asked to be deleted where they run until they are, and then forgotten.

FlytePropeller takes a DeleteTask that fails as a failed round of the whole run, whatever the status was: it asks again until
``max-workflow-retries`` rounds have failed (10 by default, which is 12 questions), and the run stays ABORTING meanwhile
(flytepropeller ``pkg/controller/workflow/executor.go``: HandleAbortedWorkflow). Flyte 2's executor asks for ever
(``executor/pkg/controller/taskaction_controller.go``: handleAbortAndFinalize). So does the sandbox with a connector that
answers, and a run waits for the first 12 questions. One that does not answer is often gone for good on a laptop, so a run waits
less long for it. In both cases a job that a run does not wait for any more is not forgotten: it is asked for on and on, more
and more rarely, also after a restart.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ..connectors.fault import ConnectorFault
from ..store.executions import execution_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..connectors.registry import Connectors, Route
    from ..store.jobs import Job, Jobs
    from .loop import Loop

__all__ = ["JobDeleter"]

_log = logging.getLogger(__name__)
_ROUNDS = 12  # questions that a run waits for
_AWAY = 4  # how many in a row may go unheard until it waits no longer
_PAUSE, _LONG_PAUSE = 10.0, 300.0  # seconds between two questions at most: while a run waits, and later


class JobDeleter:
    """Deletes jobs of connectors. Its methods but `route` are for the loop only.

    Args:
        connectors: Who is asked, on threads of their own.
        jobs: What is remembered of the jobs.
        loop: Where what they answer is heard.
        flyte: As which Flyte they are asked, 1 or 2.
    """

    def __init__(self, connectors: Connectors, jobs: Jobs, loop: Loop, *, flyte: int = 1) -> None:
        self._flyte = flyte
        self._connectors = connectors
        self._jobs = jobs
        self._loop = loop
        self._owed: dict[tuple[str, str, int], _Deletion] = {}

    def route(self, job: Job) -> Route:
        """Who runs a job. Talks to connectors: not for the loop.

        Raises:
            ConnectorFault: Nobody does, or it cannot be asked.
        """
        route = self._connectors.route(job.task_type, job.version, flyte=self._flyte)
        if route is None:
            raise _Nobody(job.task_type)
        return route

    def delete(self, job: Job, then: Callable[[], None]) -> None:
        """Deletes a job.

        Args:
            job: It; asked for once, however often this is called.
            then: Called on the loop when it is deleted, or when a run should wait no longer.
        """
        key = job.execution, job.path, job.attempt
        deletion = self._owed.get(key)
        if deletion is None:
            deletion = self._owed[key] = _Deletion(job)
            self._ask(key, deletion)
        if deletion.is_waited_for:
            deletion.waiting.append(then)
        else:
            self._loop.post(then)

    def delete_all_of(self, execution: Any) -> None:
        """Deletes the jobs that an execution has left, because it ended while the sandbox was down, or broke."""
        for job in self._jobs.of(execution_key(execution)):
            self.delete(job, _nothing)

    def delete_left(self, job_is_wanted: Callable[[Job], bool]) -> None:
        """Deletes the jobs of this Flyte that an earlier sandbox owed."""
        for job in self._jobs.all_of(self._flyte):
            if not job_is_wanted(job):
                self.delete(job, _nothing)

    def taken_over(self, job: Job) -> None:
        """Deletes no more what an attempt before this one owed, if it is the same job: connectors find jobs that nobody ended."""
        for key, deletion in list(self._owed.items()):
            if key[:2] == (job.execution, job.path) and key[2] != job.attempt and deletion.is_of(job):
                self._settled(key, deletion)

    def _ask(self, key: tuple[str, str, int], deletion: _Deletion) -> None:
        if self._owed.get(key) is not deletion:
            return
        job = deletion.job
        self._connectors.submit(
            lambda: self.route(job).service.delete(job),
            lambda result: self._loop.post(lambda: self._answered(key, deletion, result)),
        )

    def _answered(self, key: tuple[str, str, int], deletion: _Deletion, result: Any) -> None:
        if self._owed.get(key) is not deletion:
            return
        fault = result if isinstance(result, ConnectorFault) else None
        if fault is not None:
            deletion.count(fault)
            if deletion.is_waited_for or not isinstance(fault, _Nobody):
                if deletion.wait_no_longer():
                    text = "a job of %s may run on, it cannot be deleted, which is tried again from time to time: %s"
                    _log.warning(text, deletion.job.execution, fault.message)
                self._loop.later(deletion.pause, lambda: self._ask(key, deletion))
                return
        self._settled(key, deletion)

    def _settled(self, key: tuple[str, str, int], deletion: _Deletion) -> None:
        del self._owed[key]
        self._jobs.forget(deletion.job)
        deletion.tell()


class _Deletion:
    """One job that is to be deleted, and who waits for that."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.waiting: list[Callable[[], None]] = []
        self.is_waited_for = True
        self._rounds = 0
        self._unheard = 0

    def count(self, fault: ConnectorFault) -> None:
        """One more question was not answered as it should be."""
        self._rounds += 1
        self._unheard = 0 if fault.heard else self._unheard + 1

    def is_of(self, job: Job) -> bool:
        """Whether that is the same job at the other end."""
        mine = self.job
        return (mine.task_type, mine.version, mine.resource_meta) == (job.task_type, job.version, job.resource_meta)

    @property
    def pause(self) -> float:
        """Seconds until the next one."""
        longest = _PAUSE if self.is_waited_for else _LONG_PAUSE
        return float(min(2.0 ** (self._rounds - 1), longest))

    def wait_no_longer(self) -> bool:
        """Lets the runs go on that have waited long enough; whether that happened now."""
        if not self.is_waited_for or (self._rounds < _ROUNDS and self._unheard < _AWAY):
            return False
        self.is_waited_for = False
        self.tell()
        return True

    def tell(self) -> None:
        """Tells who waits."""
        waiting, self.waiting = self.waiting, []
        for then in waiting:
            then()


class _Nobody(ConnectorFault):
    """No connector runs tasks of the type any more: there is nobody to ask."""

    def __init__(self, task_type: str) -> None:
        super().__init__("NOT_FOUND", f"no connector of this sandbox runs tasks of type {task_type!r} any more")

    @property
    def heard(self) -> bool:
        return False


def _nothing() -> None:
    """Nobody waits."""
