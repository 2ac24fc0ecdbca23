"""The kinds of nodes, but for arrays (`array`) and gates (`gate`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import identifier_pb2, literals_pb2, workflow_pb2

from ..model.ids import child_execution_name, unique_node_id
from ..model.status import Rejected
from ..validation.compiler import branch_arms, compile_closure, compile_template, identifier_key
from .conditions import holds
from .gate import GateNode
from .node import NodeRun
from .outcome import CANCELLED, Done, Dynamic, Failure, Outcome, unsupported
from .stubbed import Played
from .task import TaskRun, task_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from .graph import Graph

__all__ = ["BranchNode", "LaunchPlanNode", "SubWorkflowNode", "TaskNode", "launch_child", "make_node"]


def make_node(
    graph: Graph,
    node: Any,
    *,
    parent: str | None,
    attempt: int,
    on_end: Callable[[Outcome], None],
    inputs: Any = None,
) -> NodeRun:
    """The state machine for a node, by its target."""
    from .array import ArrayNode

    target = node.WhichOneof("target")
    if target == "workflow_node":
        sub = node.workflow_node.WhichOneof("reference") == "sub_workflow_ref"
        kind: Callable[..., NodeRun] = SubWorkflowNode if sub else LaunchPlanNode
    else:
        kinds = {"task_node": TaskNode, "branch_node": BranchNode, "gate_node": GateNode, "array_node": ArrayNode}
        kind = kinds.get(target, UnknownNode)
    return kind(graph, node, parent=parent, attempt=attempt, on_end=on_end, inputs=inputs)


class UnknownNode(NodeRun):
    """A kind of node that this release does not know."""

    def begin(self) -> None:
        """Fails the node by name."""
        self.end(unsupported(f"node {self.node.id!r} of kind {self.node.WhichOneof('target')!r}"))


class TaskNode(NodeRun):
    """Runs a task; what a dynamic task wrote is run as a workflow below it."""

    timed = False
    _task: TaskRun | None = None
    _graph: Graph | None = None

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
            layout = self.run.engine.layout
            checkpoint = layout.checkpoint(self.run.id, self.unique_id, self.attempts_failed)
            metadata.checkpoint_uri = layout.native(checkpoint)  # a run that recovers this one goes on from there
        if not isinstance(outcome, Dynamic):
            deck = self.output_prefix / "deck.html"
            if deck.exists():
                self.record.message.closure.deck_uri = self.run.engine.layout.native(deck)
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

        def find(identifier: Any) -> Any | None:
            own = given.get(identifier_key(identifier)) if identifier.resource_type == identifier_pb2.TASK else None
            return run.engine.compiled_task(own) if own is not None else run.engine.entities.find(identifier)

        self._run_dynamic(compile_closure(template, spec.subworkflows, find=find), dynamic.uri, dynamic.attempt)

    def _run_dynamic(self, closure: Any, uri: str, attempt: int) -> None:
        from .graph import Graph

        run = self.run
        self.set_deadline()
        self.record.dynamic(closure, uri)
        run.tasks |= {identifier_key(one.template.id): one.template for one in closure.tasks}
        run.workflows |= {identifier_key(one.template.id): one.template for one in closure.sub_workflows}
        self._graph = Graph(
            run,
            closure.primary.template,
            self.inputs,
            on_end=self.end,
            parent=self.unique_id,
            attempt=attempt,
        )
        self._graph.start()


class SubWorkflowNode(NodeRun):
    """Runs another workflow inside this execution."""

    is_parent = True
    _graph: Graph | Played | None = None

    def begin(self) -> None:
        """Starts the sub-workflow's graph."""
        from .graph import Graph

        reference = self.node.workflow_node.sub_workflow_ref
        stub = self.run.engine.stubs.find(reference.project, reference.domain, reference.name)
        if stub is not None:
            self._graph = Played(self.run, stub, self.unique_id, self.end)
            return
        template = self.run.workflows.get(identifier_key(reference))
        if template is None:
            raise Failure(
                "SubWorkflowNotFound", f"sub-workflow {reference.name!r} is not part of the compiled workflow"
            )
        template = compile_template(template).template
        self._graph = graph = Graph(self.run, template, self.inputs, on_end=self.end, parent=self.unique_id)
        graph.start()

    def stop(self) -> None:
        """Cancels the graph."""
        if self._graph is not None:
            self._graph.cancel()
        else:
            self.end(CANCELLED)


class LaunchPlanNode(NodeRun):
    """Starts another execution and waits for it."""

    _child: Any = None

    def begin(self) -> None:
        """Launches the child."""
        self._child = launch_child(self, self.node.workflow_node.launchplan_ref, self.inputs, self.unique_id, self.end)
        self.record.message.closure.workflow_node_metadata.executionId.CopyFrom(self._child)
        self.record.save()

    def stop(self) -> None:
        """Aborts the child; its end ends this node."""
        if self._child is None:
            self.end(CANCELLED)
        else:
            self.run.engine.terminate_child(self._child, f"parent execution {self.run.key} was stopped")


def launch_child(owner: NodeRun, plan: Any, inputs: Any, unique_id: str, on_end: Callable[[Outcome], None]) -> Any:
    """Launches the execution of a launch plan node; a child of that name that already runs is waited for.

    Returns:
        The child's identifier.
    """
    run = owner.run
    child = identifier_pb2.WorkflowExecutionIdentifier(project=run.id.project, domain=run.id.domain)
    child.name = child_execution_name(run.id.name, unique_id, 0)
    spec = execution_pb2.ExecutionSpec(launch_plan=plan, overwrite_cache=run.spec.overwrite_cache)
    spec.launch_plan.resource_type = identifier_pb2.LAUNCH_PLAN
    spec.metadata.mode = execution_pb2.ExecutionMetadata.CHILD_WORKFLOW
    spec.metadata.nesting = run.spec.metadata.nesting + 1
    spec.metadata.principal = run.spec.metadata.principal
    spec.metadata.parent_node_execution.node_id = unique_id
    spec.metadata.parent_node_execution.execution_id.CopyFrom(run.id)
    spec.envs.CopyFrom(run.spec.envs)
    if run.spec.HasField("interruptible"):
        spec.interruptible.CopyFrom(run.spec.interruptible)

    def ended() -> None:
        phase = run.engine.executions.get(child).closure
        if phase.phase == core_execution_pb2.WorkflowExecution.SUCCEEDED:
            outputs = run.engine.executions.data(child)[1]
            on_end(Done(outputs if outputs is not None else literals_pb2.LiteralMap()))
        elif owner.cancelled:
            on_end(CANCELLED)
        else:
            error = phase.error
            aborted = f"launchplan [{child.name}] aborted, caused by: {phase.abort_metadata.cause}"
            failed = phase.phase == core_execution_pb2.WorkflowExecution.FAILED
            on_end(
                Failure(error.code, error.message, kind=error.kind)
                if failed
                else Failure("RemoteChildWorkflowExecutionFailed", aborted)
            )

    run.engine.watch(child, lambda: run.post(ended))
    if run.resumed and run.engine.executions.find(child) is not None:
        return child
    try:
        run.engine.launcher.create(child, spec, inputs)
    except Rejected as error:
        if error.code != "ALREADY_EXISTS" or run.engine.executions.find(child) is None:
            raise Failure(
                "RuntimeExecutionError", f"cannot launch {plan.name!r}: {error.message}", recoverable=False
            ) from None
    return child


class BranchNode(NodeRun):
    """Chooses one of several nodes; its outputs are the branch's."""

    is_parent = True
    _arm: NodeRun | None = None

    def begin(self) -> None:
        """Evaluates the conditions in order and starts the first that holds."""
        block = self.node.branch_node.if_else
        local = self.run.engine.layout.local
        chosen = next(
            (one.then_node for one in [block.case, *block.other] if holds(one.condition, self.inputs, local)), None
        )
        if chosen is None:
            if block.WhichOneof("default") != "else_node":
                message = block.error.message or f"no condition of branch {self.node.id!r} holds and there is no else"
                raise Failure("UserProvidedError", message, node_id=block.error.failed_node_id)
            chosen = block.else_node
        for arm in branch_arms(self.node.branch_node):
            unique = unique_node_id(self.unique_id, 0, arm.id)
            if arm.id != chosen.id and self.run.history.record(unique) is None:
                recorder = self.run.engine.recorder
                recorder.node(self.run.id, arm, unique, self.unique_id, is_parent=False, is_array=False).skipped()
        self._arm = make_node(self.graph, chosen, parent=self.unique_id, attempt=0, on_end=self.end)
        self._arm.start()

    def stop(self) -> None:
        """Cancels the chosen node."""
        if self._arm is not None:
            self._arm.cancel()
        else:
            self.end(CANCELLED)
