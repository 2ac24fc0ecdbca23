"""Compiled closures: what FlyteAdmin makes of a registered workflow, and what clients read back from GetWorkflow.

Rules of flytepropeller ``pkg/compiler`` (``workflow_compiler.go``): the template gets ``start-node`` and ``end-node`` first;
promises without a node mean the start node; the arms of a branch are called after it; ``connections`` hold what is explicit and
what follows from bindings, and tie to the start and to the end what nothing else does; all tasks of all sub-workflows are listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import compiler_pb2, identifier_pb2

from ..model.go_text import go_text
from ..model.ids import END_NODE, START_NODE, check_node_id, describe
from ..model.status import Rejected
from .compile_errors import CompileErrors, refusal
from .types import Types
from .workflow_graph import all_nodes, branch_arms, identifier_key, promised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    LookUp = Callable[[Any], Any | None]

__all__ = ["check_size", "compile_closure"]

_MOST_NODES = 100


def compile_closure(template: Any, sub_workflows: Iterable[Any], *, find: LookUp) -> Any:
    """Compiles a workflow with its sub-workflows.

    Args:
        template: The workflow; its id must be set.
        sub_workflows: Every sub-workflow at any depth, as flytekit sends them.
        find: Registry look-up: an admin Task, Workflow or LaunchPlan for an identifier, or None.

    Raises:
        Rejected: INVALID_ARGUMENT when something referred to does not exist, the graph is not one, or something does not fit.
    """
    errors = CompileErrors()
    closure = compiler_pb2.CompiledWorkflowClosure(primary=_compiled(template, errors))
    closure.sub_workflows.extend(_compiled(sub, errors) for sub in sub_workflows)
    subs = {identifier_key(sub.template.id): sub.template for sub in closure.sub_workflows}
    tasks: dict[tuple[str, str, str, str], Any] = {}

    def find_once(identifier: Any) -> Any | None:
        if identifier.resource_type == identifier_pb2.LAUNCH_PLAN:
            return find(identifier)
        return tasks.get(identifier_key(identifier)) or find(identifier)

    for compiled in [closure.primary, *closure.sub_workflows]:
        for node in all_nodes(compiled.template):
            target = node.WhichOneof("target")
            check_node_id(node.id)
            if target == "task_node":
                task = find_once(node.task_node.reference_id)
                if task is None:
                    raise _failed(template, f"Task {describe(node.task_node.reference_id)} is not registered")
                tasks[identifier_key(node.task_node.reference_id)] = task
            elif target == "workflow_node":
                _check_workflow_node(template, node.workflow_node, subs.keys(), find)
            elif target is None:
                errors.value_required(node.id, "Target")
    for compiled in [closure.primary, *closure.sub_workflows]:
        Types(compiled.template, subs, find=find_once, errors=errors).check()
    if errors:
        raise errors.rejected(template.id)
    for key in sorted(tasks):
        closure.tasks.add().CopyFrom(tasks[key].closure.compiled_task)
    return closure


def check_size(identifier: Any, closure: Any) -> None:
    """Refuses a workflow with more nodes than FlyteAdmin's ``registration.maxWorkflowNodes`` lets pass.

    Raises:
        Rejected: INVALID_ARGUMENT.
    """
    nodes = len(closure.primary.template.nodes) - 2  # start and end
    if nodes > _MOST_NODES:
        text = f"number of nodes in workflow [{go_text(identifier)}] exceeds limit ({nodes} > {_MOST_NODES})"
        raise Rejected("INVALID_ARGUMENT", text)


def _compiled(template: Any, errors: CompileErrors) -> Any:
    """One template: synthetic nodes, ids of arms, normalised promises, connections."""
    compiled = compiler_pb2.CompiledWorkflow()
    compiled.template.CopyFrom(template)
    result = compiled.template
    nodes: dict[str, Any] = {}
    for node in result.nodes:
        if node.id not in (START_NODE, END_NODE):
            nodes.setdefault(node.id, node)  # of two with the same id the first counts, as there
    if not nodes:
        errors.add(
            "NoNodesFound", describe(template.id), f"Can't find any nodes in workflow [{describe(template.id)}]."
        )
    kept = list(nodes.values())
    for node in kept:
        _name_arms(node)
        node.upstream_node_ids.sort()
    del result.nodes[:]
    result.nodes.add(id=START_NODE)
    result.nodes.add(id=END_NODE).inputs.extend(result.outputs)
    result.nodes.extend(kept)
    edges = _Edges()
    for node in [*result.nodes][1:]:
        edges.add_node(node)
    if result.HasField("failure_node"):
        edges.add_upstream(result.failure_node)
    edges.close(nodes)
    edges.check(nodes, errors)
    edges.write(compiled.connections)
    for binding in result.outputs:
        list(promised(binding.binding))
    return compiled


def _name_arms(node: Any) -> None:
    """``n0`` of branch ``n3`` is ``n3-n0``, so that it is told apart from one outside (``validators/branch.go``)."""
    if node.WhichOneof("target") == "branch_node":
        for arm in branch_arms(node.branch_node):
            arm.id = f"{node.id}-{arm.id}"
            _name_arms(arm)


class _Edges:
    """Which node comes before which."""

    def __init__(self) -> None:
        self._up: dict[str, set[str]] = {}
        self._down: dict[str, set[str]] = {}

    def add_node(self, node: Any) -> None:
        """What a node waits for: what it says, and whom its bindings name."""
        for above in [*node.upstream_node_ids, *_above(node)]:
            self._add(above, node.id)
        if node.WhichOneof("target") == "branch_node":
            for arm in branch_arms(node.branch_node):
                self.add_upstream(arm)

    def add_upstream(self, node: Any) -> None:
        """The same for a node that is not part of the order: an arm, the failure node."""
        for above in _above(node):
            self._up.setdefault(node.id, set()).add(above)
        if node.WhichOneof("target") == "branch_node":
            for arm in branch_arms(node.branch_node):
                self.add_upstream(arm)

    def close(self, nodes: Iterable[str]) -> None:
        """Ties to the start what waits for nothing, and to the end what nothing waits for."""
        for name in sorted(nodes):
            if name not in self._up:
                self._add(START_NODE, name)
            if name not in self._down:
                self._add(name, END_NODE)

    def check(self, nodes: Iterable[str], errors: CompileErrors) -> None:
        """Finds cycles, and what is never reached."""
        done: set[str] = set()
        path: list[str] = []

        def visit(name: str) -> bool:
            if name in path:
                cycle = ">".join([*path[path.index(name) :], name])
                text = f"A cycle has been detected while traversing the Workflow [{cycle}]."
                errors.add("CycleDetected", START_NODE, text)
                return False
            if name not in done:
                path.append(name)
                if not all(visit(below) for below in sorted(self._down.get(name, ()))):
                    return False
                path.pop()
                done.add(name)
            return True

        if visit(START_NODE):
            missed = sorted(set(nodes) - done)
            if missed:
                text = f"The Workflow contain unreachable nodes [{','.join(missed)}]."
                errors.add("UnreachableNodes", START_NODE, text)

    def write(self, connections: Any) -> None:
        """The ConnectionSet."""
        for field, edges in ((connections.upstream, self._up), (connections.downstream, self._down)):
            for name, others in edges.items():
                field[name].ids.extend(sorted(others))

    def _add(self, above: str, below: str) -> None:
        self._up.setdefault(below, set()).add(above)
        self._down.setdefault(above, set()).add(below)


def _above(node: Any) -> Iterable[str]:
    for binding in node.inputs:
        yield from promised(binding.binding)
    if node.WhichOneof("target") == "array_node":
        for binding in node.array_node.node.inputs:
            list(promised(binding.binding))


def _check_workflow_node(template: Any, node: Any, known: Iterable[Any], find: LookUp) -> None:
    if node.WhichOneof("reference") == "sub_workflow_ref":
        if identifier_key(node.sub_workflow_ref) not in known:
            raise _failed(template, f"Subworkflow {describe(node.sub_workflow_ref)} is not part of the request")
        return
    reference = identifier_pb2.Identifier()
    reference.CopyFrom(node.launchplan_ref)
    reference.resource_type = identifier_pb2.LAUNCH_PLAN
    if find(reference) is None:
        raise _failed(template, f"Launch plan {describe(reference)} is not registered")


def _failed(template: Any, why: str) -> Exception:
    return refusal(template.id, why)
