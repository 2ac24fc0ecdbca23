"""Jobs that nobody wants any more: deleted where they run, several times if need be, and then forgotten."""

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
_TRIES = 4


class JobDeleter:
    """Deletes jobs of connectors.

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

    def route(self, job: Job) -> Route:
        """Who runs a job. Talks to connectors: not for the loop.

        Raises:
            ConnectorFault: Nobody does, or it cannot be asked.
        """
        route = self._connectors.route(job.task_type, job.version, flyte=self._flyte)
        if route is None:
            text = f"no connector of this sandbox runs tasks of type {job.task_type!r} any more"
            raise ConnectorFault("NOT_FOUND", text)
        return route

    def delete(self, job: Job, then: Callable[[], None], tried: int = 0) -> None:
        """Deletes a job, and calls ``then`` on the loop when that is done, or given up.

        FlytePropeller tries for ever, and the run stays ABORTING. On a laptop a connector is often gone for good.
        """

        def answered(result: Any) -> None:
            if isinstance(result, ConnectorFault):
                if tried + 1 < _TRIES:
                    self._loop.later(2.0**tried, lambda: self.delete(job, then, tried + 1))
                    return
                _log.warning("a job of %s may run on, it cannot be deleted: %s", job.execution, result.message)
            self._jobs.forget(job)
            then()

        self._connectors.submit(
            lambda: self.route(job).service.delete(job), lambda result: self._loop.post(lambda: answered(result))
        )

    def delete_all_of(self, execution: Any) -> None:
        """Deletes the jobs that an execution has left, because it ended while the sandbox was down, or broke."""
        for job in self._jobs.of(execution_key(execution)):
            self.delete(job, lambda: None)
