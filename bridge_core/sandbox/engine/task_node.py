"""Task nodes, and the workflows that dynamic tasks make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import task_pb2
from flyteidl.core import identifier_pb2, workflow_pb2

from ..compiler.closure import compile_closure
from ..compiler.shape import identifier_key
from ..model.outcome import CANCELLED, Dynamic, Failure, Outcome
from ..model.status import Rejected
from .node import NodeRun
from .task import TaskRun, task_of

if TYPE_CHECKING:
    from .protocols import Startable

__all__ = ["TaskNode"]


class TaskNode(NodeRun):
    """Runs a task; what a dynamic task wrote is run as a workflow below it."""

    timed = False
    _task: TaskRun | None = None
    _graph: Startable | None = None

    def begin(self) -> None:
        """Starts the task's attempts, or goes on with the workflow that a dynamic one made."""
        before = self.run.history.dynamic(self.unique_id)
        if before is not None:
            self._run_dynamic(*before)
            return
        self._task = TaskRun(self, self.node, self.inputs, self._task_ended)
        self._task.start()

    def stop(self) -> None:
        """Kills the process, or cancels the dynamic workflow."""
        if self._graph is not None:
            self._graph.cancel()
        elif self._task is not None:
            self._task.cancel()
        else:
            self.end(CANCELLED)

    def _task_ended(self, outcome: Outcome | Dynamic) -> None:
        if self._task is not None:
            self.attempts_failed = self._task.attempt
            metadata = self.record.message.closure.task_node_metadata
            metadata.cache_status = self._task.cache_status
            if self._task.catalog is not None:
                metadata.catalog_key.CopyFrom(self._task.catalog)
            layout = self.run.context.layout
            checkpoint = layout.checkpoint(self.run.id, self.unique_id, self.attempts_failed)
            metadata.checkpoint_uri = layout.native(checkpoint)  # a run that recovers this one goes on from there
        if not isinstance(outcome, Dynamic):
            deck = self.output_prefix / "deck.html"
            if deck.exists():
                self.record.message.closure.deck_uri = self.run.context.layout.native(deck)
            self.end(outcome)
            return
        try:
            self._start_dynamic(outcome)
        except Failure as failure:
            self.end(failure)
        except Rejected as error:
            self.end(Failure("DynamicWorkflowBuildFailed", f"malformed dynamic workflow, caused by: {error.message}"))

    def _start_dynamic(self, dynamic: Dynamic) -> None:
        run = self.run
        task = task_of(self, self.node)
        spec = dynamic.spec
        template = workflow_pb2.WorkflowTemplate(nodes=spec.nodes, outputs=spec.outputs)
        template.id.CopyFrom(task.id)
        template.id.resource_type = identifier_pb2.WORKFLOW
        template.id.name = f"{run.id.name}-{self.unique_id}"
        template.interface.outputs.CopyFrom(task.interface.outputs)
        template.metadata.SetInParent()
        template.metadata_defaults.SetInParent()
        given = {identifier_key(one.id): one for one in spec.tasks}

        def find(identifier: Any) -> Any:
            own = given.get(identifier_key(identifier)) if identifier.resource_type == identifier_pb2.TASK else None
            return _registered(own) if own is not None else run.context.entities.get(identifier)

        self._run_dynamic(compile_closure(template, spec.subworkflows, find=find), dynamic.uri, dynamic.attempt)

    def _run_dynamic(self, closure: Any, uri: str, attempt: int) -> None:
        run = self.run
        self.set_deadline()
        self.record.dynamic(closure, uri)
        run.tasks |= {identifier_key(one.template.id): one.template for one in closure.tasks}
        run.workflows |= {identifier_key(one.template.id): one.template for one in closure.sub_workflows}
        self._graph = run.factory.graph(
            run,
            closure.primary.template,
            self.inputs,
            on_end=self.end,
            parent=self.unique_id,
            attempt=attempt,
        )
        self._graph.start()


def _registered(template: Any) -> Any:
    """A task that only a dynamic workflow knows, in the form of a registered one."""
    task = task_pb2.Task(id=template.id)
    task.closure.compiled_task.template.CopyFrom(template)
    return task
