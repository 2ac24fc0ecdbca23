"""Jobs that nobody wants any more: deleted where they run, several times if need be, and then forgotten."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from flyteidl.admin import agent_pb2

from ..connectors.fault import ConnectorFault

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..connectors.registry import Route
    from ..store.jobs import Job
    from .engine import Engine

__all__ = ["delete_job", "delete_jobs_of", "route_of"]

_log = logging.getLogger(__name__)
_TRIES = 4


def route_of(engine: Engine, job: Job) -> Route:
    """Who runs a job. Talks to connectors: not for the loop.

    Raises:
        ConnectorFault: Nobody does, or it cannot be asked.
    """
    route = engine.connectors.route(job.task_type, job.version)
    if route is None:
        text = f"no connector of this sandbox runs tasks of type {job.task_type!r} any more"
        raise ConnectorFault("NOT_FOUND", text)
    return route


def delete_job(engine: Engine, job: Job, then: Callable[[], None], tried: int = 0) -> None:
    """Deletes a job, and calls ``then`` on the loop when that is done, or given up.

    FlytePropeller tries for ever, and the run stays ABORTING. On a laptop a connector is often gone for good.
    """
    request = agent_pb2.DeleteTaskRequest(
        task_type=job.task_type,
        task_category=agent_pb2.TaskCategory(name=job.task_type, version=job.version),
        resource_meta=job.resource_meta,
    )

    def heard(result: Any) -> None:
        if isinstance(result, ConnectorFault):
            if tried + 1 < _TRIES:
                engine.loop.later(2.0**tried, lambda: delete_job(engine, job, then, tried + 1))
                return
            _log.warning("a job of %s may run on, it cannot be deleted: %s", job.execution, result.message)
        engine.jobs.forget(job)
        then()

    engine.connectors.submit(
        lambda: route_of(engine, job).service.delete(request), lambda result: engine.loop.post(lambda: heard(result))
    )


def delete_jobs_of(engine: Engine, execution: Any) -> None:
    """Deletes the jobs that an execution has left, because it ended while the sandbox was down, or broke."""
    for job in engine.jobs.of(execution):
        delete_job(engine, job, lambda: None)
