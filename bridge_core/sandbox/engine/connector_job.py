"""Attempts of Flyte 1 that a connector runs (flyteplugins ``plugins/webapi/connector``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import agent_pb2
from flyteidl.core import execution_pb2, tasks_pb2

from ..connectors.verdict import outputs_of, phase_of, verdict
from ..model.outcome import Failure
from ..runner.paths import AttemptPaths
from ..runner.template import fill
from ..store.jobs import Job
from .remote_job import RemoteJob

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..runner.order import AttemptOrder, AttemptResult
    from .protocols import RunScope
    from .recorder import TaskRecord

__all__ = ["ConnectorJob"]

_QUEUED = execution_pb2.TaskExecution.QUEUED


class ConnectorJob(RemoteJob):
    """One attempt of one task.

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
        super().__init__(run.context, post=run.post, guard=run.guard, on_end=on_end, elsewhere=elsewhere)
        self._run = run
        self._order = order
        self._record = record
        self._paths = AttemptPaths(run.context.layout, order)

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

    def _job_of(self, resource_meta: bytes) -> Job:
        order = self._order
        return Job(
            self._run.key,
            order.path,
            order.attempt,
            order.task.type,
            order.task.task_type_version,
            self._run.context.layout.native(self._paths.output),
            resource_meta,
        )

    def _show(self, resource: Any) -> None:
        if self._record is not None:
            custom = resource.custom_info if resource.HasField("custom_info") else None
            self._record.progress(phase_of(resource), resource.message, logs=resource.log_links, custom=custom)

    def _note(self, text: str) -> None:
        if self._record is not None:
            self._record.note(text)

    def _note_launched(self) -> None:
        if self._record is not None:
            self._record.progress(_QUEUED, "launched")

    def _verdict(self, resource: Any) -> Any:
        return verdict(resource, lambda: outputs_of(resource, self._paths))

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
