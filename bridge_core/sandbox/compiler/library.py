"""What the nodes of a workflow may refer to: registered tasks and launch plans, and the sub-workflows sent along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import compiler_pb2, identifier_pb2

from ..model.go_text import go_text
from ..model.status import Rejected
from .shape import branch_arms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    LookUp = Callable[[Any], Any]

    from .findings import Findings

__all__ = ["Library"]

_DEEPEST = 100  # sub-workflows inside sub-workflows; FlyteAdmin dies of a workflow that contains itself


class Library:
    """Looked up by the text of an identifier, as flytepropeller does: an unset resource type makes it another one.

    Args:
        sub_workflows: Templates of the sub-workflows at any depth.

    Raises:
        Rejected: INVALID_ARGUMENT when two of them have one id.
    """

    def __init__(self, sub_workflows: Iterable[Any]) -> None:
        self.tasks: dict[str, Any] = {}
        self.plans: dict[str, Any] = {}
        self.workflows: dict[str, Any] = {}
        for template in sub_workflows:
            key = go_text(template.id)
            if key in self.workflows:
                text = f"Code: DuplicateId, Node Id: {key}, Description: Trying to insert two nodes with the same id."
                raise Rejected(
                    "INVALID_ARGUMENT",
                    f"failed to get workflow requirements with err Collected Errors: 1\n\tError 0: {text}\n",
                )
            compiled = compiler_pb2.CompiledWorkflow()
            compiled.template.CopyFrom(template)
            self.workflows[key] = compiled

    def load(self, template: Any, find: LookUp) -> None:
        """Looks up everything that a workflow needs.

        Args:
            template: The workflow.
            find: An admin Task or LaunchPlan for an identifier; raises Rejected when there is none.
        """
        tasks, plans = self._needed(template)
        for reference in _sorted(tasks.values()):
            task = compiler_pb2.CompiledTask()
            task.CopyFrom(find(_as(reference, identifier_pb2.TASK)).closure.compiled_task)
            self.tasks[go_text(task.template.id)] = task
        for reference in _sorted(plans.values()):
            self.plans[go_text(reference)] = find(_as(reference, identifier_pb2.LAUNCH_PLAN))

    def check(self, template: Any, findings: Findings) -> None:
        """Notes what a workflow needs and the library lacks."""
        for node in self._all(template, 0):
            if node.WhichOneof("target") == "workflow_node" and _is_sub(node.workflow_node):
                key = go_text(node.workflow_node.sub_workflow_ref)
                if key not in self.workflows:
                    findings.no_workflow(node.id, key)
        for key in self._needed(template)[0].keys() - self.tasks.keys():
            findings.no_task("start-node", key)

    def _needed(self, template: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        tasks, plans = {}, {}
        for node in self._all(template, 0):
            target = node.WhichOneof("target")
            if target == "task_node" and node.task_node.HasField("reference_id"):
                tasks[go_text(node.task_node.reference_id)] = node.task_node.reference_id
            elif target == "workflow_node" and node.workflow_node.WhichOneof("reference") == "launchplan_ref":
                plans[go_text(node.workflow_node.launchplan_ref)] = node.workflow_node.launchplan_ref
        return tasks, plans

    def _all(self, template: Any, depth: int) -> Iterator[Any]:
        """Nodes of the workflow and of its sub-workflows, inner ones included."""
        if depth > _DEEPEST:
            raise Rejected("INVALID_ARGUMENT", f"workflow [{go_text(template.id)}] contains itself")
        waiting = list(template.nodes)
        if template.HasField("failure_node"):
            waiting.append(template.failure_node)
        while waiting:
            node = waiting.pop()
            yield node
            target = node.WhichOneof("target")
            if target == "branch_node":
                waiting.extend(branch_arms(node.branch_node))
            elif target == "array_node":
                waiting.append(node.array_node.node)
            elif target == "workflow_node" and _is_sub(node.workflow_node):
                inner = self.workflows.get(go_text(node.workflow_node.sub_workflow_ref))
                if inner is not None:
                    yield from self._all(inner.template, depth + 1)


def _is_sub(node: Any) -> bool:
    return bool(node.WhichOneof("reference") == "sub_workflow_ref")


def _as(reference: Any, resource_type: int) -> Any:
    identifier = identifier_pb2.Identifier()
    identifier.CopyFrom(reference)
    identifier.resource_type = resource_type
    return identifier


def _sorted(references: Iterable[Any]) -> list[Any]:
    return sorted(references, key=lambda one: (one.resource_type, one.project, one.domain, one.name, one.version))
