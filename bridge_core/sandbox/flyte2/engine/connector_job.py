"""Attempts of Flyte 2 that a connector runs (flyteplugins of Flyte 2, ``plugins/webapi/connector/plugin.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import execution_pb2, literals_pb2
from flyteidl2.common import phase_pb2
from flyteidl2.connector import connector_pb2
from flyteidl2.core import tasks_pb2
from flyteidl2.task import common_pb2

from ...connectors.flyte2_service import connection_of
from ...connectors.verdict import NO_OUTPUTS, TASK_FAILED, phase_of, verdict
from ...engine.remote_job import RemoteJob
from ...model.outcome import Cancelled, Failure
from ...runner.outcome_files import failure_in
from ...runner.template import fill
from ...store.jobs import FLYTE2, Job
from .attempt import AttemptEnd, template_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from .attempt import AttemptOrder
    from .context import Flyte2Context

__all__ = ["ConnectorJob", "job_key"]

_Task = execution_pb2.TaskExecution
_PHASES = {
    _Task.QUEUED: phase_pb2.ACTION_PHASE_QUEUED,
    _Task.WAITING_FOR_RESOURCES: phase_pb2.ACTION_PHASE_WAITING_FOR_RESOURCES,
    _Task.INITIALIZING: phase_pb2.ACTION_PHASE_INITIALIZING,
    _Task.RUNNING: phase_pb2.ACTION_PHASE_RUNNING,
}


def job_key(run: Any) -> str:
    """Under what the jobs of a run are remembered."""
    return f"{FLYTE2}{run.project}/{run.domain}/{run.name}"


class ConnectorJob(RemoteJob):
    """One attempt of one action.

    Args:
        context: What all share.
        order: What to run.
        shown: Told how the job is doing: phase of an action, message and log links.
        noted: Told what happened to it.
        on_end: Told once how it ended.
        elsewhere: Called instead when no connector runs tasks of this type.
    """

    def __init__(
        self,
        context: Flyte2Context,
        order: AttemptOrder,
        *,
        shown: Callable[[int, str, Any], None],
        noted: Callable[[str], None],
        on_end: Callable[[AttemptEnd], None],
        elsewhere: Callable[[], None],
    ) -> None:
        def guard(step: Callable[[], None]) -> None:
            with context.database.transaction():
                step()

        super().__init__(
            context,
            post=lambda step: context.loop.post(lambda: guard(step)),
            guard=guard,
            on_end=lambda outcome: on_end(_end_of(outcome)),
            elsewhere=elsewhere,
        )
        self._places = context.places
        self._labels = {
            "project": order.run.project,
            "domain": order.run.domain,
            "run": order.run.name,
            "action": order.action,
            "attempt": str(order.attempt),
        }
        self._layout = context.runner.layout
        self._order = order
        self._shown = shown
        self._noted = noted

    def _launch(self) -> Any:
        template = self._order.task.task_template
        route = self._context.connectors.route(template.type, template.task_type_version, flyte=2)
        if route is None:
            return None
        if not template.HasField("custom"):
            text = "failed to unmarshal connection from task template custom: nil Struct Object passed"
            return Failure(TASK_FAILED, text, recoverable=True)
        self._places.path(self._order.outputs_prefix).mkdir(parents=True, exist_ok=True)
        data = self._places.read(self._order.inputs_uri) or b""
        request = connector_pb2.CreateTaskRequest(
            inputs=common_pb2.Inputs(literals=common_pb2.Inputs.FromString(data).literals),
            template=self._rendered(data),
            output_prefix=self._order.outputs_prefix,
            task_execution_metadata=self._metadata(),
            connection=connection_of(template),
        )
        return route.service.create(request)

    def _job_of(self, resource_meta: bytes) -> Job:
        order, template = self._order, self._order.task.task_template
        return Job(
            job_key(order.run),
            order.action,
            order.attempt,
            template.type,
            template.task_type_version,
            order.outputs_prefix,
            resource_meta,
        )

    def _show(self, resource: Any) -> None:
        phase = _PHASES.get(phase_of(resource))
        if phase is not None:  # how an attempt ended is decided elsewhere
            self._shown(phase, resource.message, resource.log_links)

    def _note(self, text: str) -> None:
        self._noted(text)

    def _note_launched(self) -> None:
        self._noted("launched")

    def _verdict(self, resource: Any) -> AttemptEnd | Failure | None:
        found: AttemptEnd | Failure | None = verdict(resource, lambda: self._succeeded(resource))
        return found

    def _succeeded(self, resource: Any) -> AttemptEnd | Failure:
        uri = f"{self._order.outputs_prefix}/outputs.pb"
        if not self._order.task.task_template.interface.outputs.variables:
            self._places.write(uri, b"")
        elif resource.HasField("outputs"):
            self._places.write(uri, resource.outputs.SerializeToString(deterministic=True))
        elif (failure := failure_in(self._places.path(self._order.outputs_prefix))) is not None:
            return failure
        elif self._places.read(uri) is None:
            return Failure("OutputsNotFound", NO_OUTPUTS, recoverable=True)
        return AttemptEnd()

    def _rendered(self, inputs: bytes) -> Any:
        """The template with the arguments of its container filled in; not its command, as in the executor."""
        template = tasks_pb2.TaskTemplate()
        template.CopyFrom(self._order.task.task_template)
        if template.HasField("container"):
            values = template_values(self._order, self._places)
            known = literals_pb2.LiteralMap.FromString(inputs)  # the messages of both generations have the same numbers
            template.container.args[:] = fill(template.container.args, values, known, self._layout.local)
        return template

    def _metadata(self) -> Any:
        order, template = self._order, self._order.task.task_template
        metadata = connector_pb2.TaskExecutionMetadata(
            namespace="flyte",
            labels=self._labels,
            k8s_service_account=template.security_context.run_as.k8s_service_account,
            environment_variables={
                "ACTION_NAME": order.action,
                "RUN_NAME": order.run.name,
                "_U_RUN_BASE": order.run_base,
                "_U_ORG_NAME": "local",
                **order.envs,
            },
        )
        identifier = metadata.task_execution_id
        identifier.task_id.CopyFrom(template.id)
        identifier.retry_attempt = order.attempt - 1
        identifier.node_execution_id.node_id = order.action
        where = identifier.node_execution_id.execution_id
        where.project, where.domain, where.name = order.run.project, order.run.domain, order.run.name
        if template.security_context.HasField("run_as"):
            metadata.identity.CopyFrom(template.security_context.run_as)
        return metadata


def _end_of(outcome: Any) -> AttemptEnd:
    if isinstance(outcome, Cancelled):
        return AttemptEnd(stopped=True)
    if isinstance(outcome, Failure) and outcome.code == "ConnectorUnavailable":
        return AttemptEnd(crashed=outcome.message)  # the same attempt once more, so the same job
    return AttemptEnd(outcome) if isinstance(outcome, Failure) else AttemptEnd()
