"""Task nodes, and the workflows that dynamic tasks make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import task_pb2
from flyteidl.core import identifier_pb2, literals_pb2, workflow_pb2

from ..compiler.closure import compile_closure
from ..compiler.shape import identifier_key
from ..model.ids import generated_name, pod_name
from ..model.outcome import CANCELLED, Cancelled, Done, Dynamic, Failure, Outcome
from ..model.status import Rejected
from ..model.timeouts import TIMED_OUT
from .deadlines import Deadlines
from .node import NodeRun
from .task import TaskRun, task_of

if TYPE_CHECKING:
    from .protocols import Startable

__all__ = ["TaskNode"]


class TaskNode(NodeRun):
    """Runs a task; what a dynamic task wrote is run as a workflow below it."""

    counted = True
    timed = False
    going_at_once = False
    _task: TaskRun | None = None
    _graph: Startable | None = None

    def begin(self) -> None:
        """Starts the task's attempts, or goes on with the workflow that a dynamic one made."""
        before = self.run.history.dynamic(self.unique_id)
        if before is not None:
            closure, uri, attempt = before
            self._task = TaskRun(self, self.node, self.inputs, self._task_ended, attempt=attempt)
            self.going()
            self._run_dynamic(closure, uri, attempt)
            return
        self._task = TaskRun(self, self.node, self.inputs, self._task_ended, on_begin=self.going)
        self._task.start()

    def stop(self) -> None:
        """Kills the process, or cancels the dynamic workflow."""
        if self._graph is not None:
            self._graph.cancel(self.reason)
        elif self._task is not None:
            self._task.cancel()
        else:
            self.end(Cancelled(self.reason))

    def leave_inside(self) -> None:
        """Lets the process, or the workflow, go on by itself."""
        if self._graph is not None:
            self._graph.leave()
        elif self._task is not None:
            self._task.leave()

    def unbound(self) -> None:
        """A task without inputs is aborted before it began, and that has a record (nodes/task/handler.go: Abort)."""
        task = task_of(self, self.node)
        recorder = self.run.context.recorder
        pod = pod_name(self.run.id.name, self.unique_id, 0)
        recorder.task(self.record, task, 0, literals_pb2.LiteralMap(), pod=pod).ended(CANCELLED)

    def _task_ended(self, outcome: Outcome | Dynamic) -> None:
        assert self._task is not None
        self.attempts_failed = self._task.attempt
        if isinstance(outcome, Dynamic):
            try:
                self._start_dynamic(outcome)
            except Failure as failure:
                self.end(failure)
            except Rejected as error:
                self.record.message.metadata.is_dynamic = True  # and no parent: it has nothing inside
                why = error.message.partition(" with err: ")[2] or error.message
                text = f"[User] malformed dynamic workflow, caused by: {why}"
                self.end(Failure("DynamicWorkflowBuildFailed", text))
            return
        closure, layout = self.record.message.closure, self.run.context.layout
        closure.task_node_metadata.SetInParent()
        if not (isinstance(outcome, Done) and outcome.cached):
            checkpoint = layout.checkpoint(pod_name(self.run.id.name, self.unique_id, self.attempts_failed))
            closure.task_node_metadata.checkpoint_uri = layout.native(
                checkpoint
            )  # a run that recovers this one goes on there
        deck = self.output_prefix / "deck.html"
        if deck.exists():
            closure.deck_uri = layout.native(deck)
        if isinstance(outcome, Failure) and outcome.code == TIMED_OUT:
            self.overdue = outcome
        self._finish(outcome)

    def _finish(self, outcome: Outcome) -> None:
        """Writes down what the cache has to do with it."""
        assert self._task is not None
        metadata = self.record.message.closure.task_node_metadata
        metadata.cache_status = self._task.cache_status
        if self._task.catalog is not None:
            metadata.catalog_key.CopyFrom(self._task.catalog)
        self.end(outcome)

    def _start_dynamic(self, dynamic: Dynamic) -> None:
        run = self.run
        task = task_of(self, self.node)
        spec = dynamic.spec
        template = workflow_pb2.WorkflowTemplate(nodes=spec.nodes, outputs=spec.outputs)
        template.id.CopyFrom(task.id)
        template.id.resource_type = identifier_pb2.WORKFLOW
        template.id.name = f"dynamic_{self.node.id}"
        template.id.version = generated_name()[-10:]
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
        self.attempts_failed = attempt
        self._deadlines = Deadlines(self.node.metadata.timeout.ToNanoseconds() / 1e9, self.later, self._too_late)
        self._deadlines.begin(self.record.seconds)
        self._deadlines.attempt()
        self.record.dynamic(closure, uri)
        run.parallelism.release(self)
        run.tasks |= {identifier_key(one.template.id): one.template for one in closure.tasks}
        run.workflows |= {identifier_key(one.template.id): one.template for one in closure.sub_workflows}
        self._graph = run.factory.graph(
            run,
            closure.primary.template,
            self.inputs,
            on_end=self._dynamic_ended,
            parent=self.unique_id,
            attempt=attempt,
            within=self.output_prefix,
            generated=True,
        )
        self._graph.start()

    def _dynamic_ended(self, outcome: Outcome) -> None:
        assert self._task is not None
        if isinstance(outcome, Done):
            self._task.made(outcome.outputs)
        self._task.release()
        self._finish(outcome)


def _registered(template: Any) -> Any:
    """A task that only a dynamic workflow knows, in the form of a registered one."""
    task = task_pb2.Task(id=template.id)
    task.closure.compiled_task.template.CopyFrom(template)
    return task
