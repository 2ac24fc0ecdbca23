"""Attempts that a connector runs: create a job, ask for it until it ends, delete it when nobody wants it any more.

After flyteplugins ``pluginmachinery/internal/webapi`` (launcher.go, monitor.go, cache.go) and ``plugins/webapi/connector``. Two
things differ. A laptop waits less: jobs are asked for often at first, then every few seconds instead of every 30. And who
cannot be reached is not the task's failure: FlytePropeller takes a lost CreateTask as a failure of the user's, here it is one
of the system, tried again after a pause; a job that cannot be asked for any more ends its attempt for good, as there, because
another attempt would run the job twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2, tasks_pb2

from ..connectors.fault import ConnectorFault
from ..connectors.verdict import TASK_FAILED, phase_of, verdict
from ..model.ids import enum_name
from ..model.outcome import CANCELLED, Cancelled, Failure
from ..runner.paths import AttemptPaths
from ..runner.template import fill
from ..store.jobs import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..runner.order import AttemptOrder, AttemptResult
    from .loop import Timer
    from .protocols import RunScope
    from .recorder import TaskRecord

__all__ = ["ConnectorJob"]

_SYSTEM = execution_pb2.ExecutionError.SYSTEM
_QUEUED = execution_pb2.TaskExecution.QUEUED
_FIRST_LOOK, _SLOWER, _LAST_LOOK = 0.1, 1.5, 5.0  # seconds until a job is asked for first, and how that grows to what
_MISSES = 5  # webApi.caching.maxSystemFailures: how often in a row a job may not be found out about


class ConnectorJob:
    """One attempt of one task. Lives on the engine's loop; what talks to connectors runs on their threads.

    Args:
        run: Whose task it is.
        order: What to run.
        record: The attempt's record; None for an item of an array.
        on_end: Told once how it ended.
        elsewhere: Called instead when no connector runs tasks of this type.
    """

    def __init__(
        self,
        run: RunScope,
        order: AttemptOrder,
        record: TaskRecord | None,
        *,
        on_end: Callable[[AttemptResult], None],
        elsewhere: Callable[[], None],
    ) -> None:
        self._run = run
        self._order = order
        self._record = record
        self._on_end = on_end
        self._elsewhere = elsewhere
        self._paths = AttemptPaths(run.context.layout, order)
        self._job: Job | None = None
        self._timer: Timer | None = None
        self._stopped: Cancelled | Failure | None = None
        self._asking = False
        self._pause = _FIRST_LOOK
        self._misses = 0

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
            self._run.context.deletions.delete(self._job, lambda: self._run.guard(lambda: self._end(why)))

    def _launch(self) -> Any:
        """Creates the job, or has a sync connector do all of it. On a thread."""
        order, task = self._order, self._order.task
        route = self._run.context.connectors.route(task.type, task.task_type_version)
        if route is None:
            return None
        if self._record is None:
            # It keeps the state of pods only: "currently just mocking based on node phase -> which works for all k8s
            # plugins" (flytepropeller nodes/array/handler.go).
            return Failure(
                "BadSpecificationError",
                f"task {task.id.name!r} of type {task.type!r} is run by a connector, and FlytePropeller runs no such task "
                "in an array node",
            )
        self._paths.prepare()
        template = self._rendered()
        common = {
            "template": template,
            "output_prefix": self._run.context.layout.native(self._paths.output),
            "task_execution_metadata": self._metadata(),
        }
        if route.is_sync:
            return route.service.execute(agent_pb2.CreateRequestHeader(**common), order.inputs)
        return route.service.create(agent_pb2.CreateTaskRequest(inputs=order.inputs, **common))

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
        order = self._order
        self._job = Job(
            self._run.key,
            order.path,
            order.attempt,
            order.task.type,
            order.task.task_type_version,
            self._run.context.layout.native(self._paths.output),
            resource_meta,
        )
        self._run.context.jobs.add(self._job)
        if self._record is not None:
            self._record.progress(_QUEUED, "launched")
        if self._stopped is not None:
            self._wind_up(self._stopped)
        else:
            self._watch()

    def _answered(self, resource: Any) -> None:
        """A sync connector has done it. It has no job to ask for later."""
        self._show(resource)
        outcome = verdict(resource, self._paths)
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
        job = self._job
        assert job is not None
        request = agent_pb2.GetTaskRequest(
            task_type=job.task_type,
            task_category=agent_pb2.TaskCategory(name=job.task_type, version=job.version),
            resource_meta=job.resource_meta,
        )
        if "output_prefix" in request.DESCRIPTOR.fields_by_name:  # flyteidl 1.15
            request.output_prefix = job.output_prefix
        return self._run.context.deletions.route(job).service.get(request)

    def _looked(self, result: Any) -> None:
        if isinstance(result, ConnectorFault):
            self._missed(result)
            return
        self._misses = 0
        self._pause = min(self._pause * _SLOWER, _LAST_LOOK)
        self._show(result)
        outcome = verdict(result, self._paths)
        if outcome is not None:
            assert self._job is not None
            self._run.context.jobs.forget(self._job)
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
        if self._record is not None:
            self._record.note(f"failed to get task from connector: {fault.message}")
        self._look_later(min(2.0 ** (self._misses - 1), _LAST_LOOK))

    def _show(self, resource: Any) -> None:
        if self._record is not None:
            custom = resource.custom_info if resource.HasField("custom_info") else None
            self._record.progress(phase_of(resource), resource.message, logs=resource.log_links, custom=custom)

    def _end(self, outcome: AttemptResult) -> None:
        self._on_end(outcome)

    def _ask(self, work: Callable[[], Any], then: Callable[[Any], None], *, awaited: bool = False) -> None:
        self._asking = True

        def answered(result: Any) -> None:
            self._asking = False
            then(result)

        done = self._run.post
        self._run.context.connectors.submit(work, lambda result: done(lambda: answered(result)), awaited=awaited)

    def _later(self, seconds: float, step: Callable[[], None]) -> Timer:
        return self._run.context.loop.later(seconds, lambda: self._run.guard(step))

    def _rendered(self) -> Any:
        """The template with the arguments of its container filled in; not its command, as in FlytePropeller."""
        template = tasks_pb2.TaskTemplate()
        template.CopyFrom(self._order.task)
        if template.HasField("container"):
            values = self._paths.template_values()
            template.container.args[:] = fill(
                template.container.args, values, self._order.values, self._run.context.layout.local
            )
        return template

    def _metadata(self) -> Any:
        run, spec = self._run, self._run.spec
        assert self._record is not None
        metadata = agent_pb2.TaskExecutionMetadata(
            task_execution_id=self._record.message.id,
            namespace=f"{run.id.project}-{run.id.domain}",
            labels=dict(spec.labels.values),
            annotations=dict(spec.annotations.values),
            k8s_service_account=spec.security_context.run_as.k8s_service_account,
            environment_variables={pair.key: pair.value for pair in spec.envs.values},
        )
        if spec.security_context.HasField("run_as"):
            metadata.identity.CopyFrom(spec.security_context.run_as)
        return metadata


def _not_launched(fault: ConnectorFault) -> Failure:
    message = f"failed to create task from connector: {fault.message}"
    if fault.unreachable:
        return Failure("ConnectorUnavailable", message, kind=_SYSTEM, recoverable=True)
    return Failure(TASK_FAILED, message, recoverable=True)
