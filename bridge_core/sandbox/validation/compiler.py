"""Compiled closures: what FlyteAdmin makes of a registered workflow, and what clients read back from GetWorkflow.

Rules (flytepropeller ``pkg/compiler``, and what flytekit's FlyteRemote needs): the template gets ``start-node`` first and
``end-node`` last; promises without a node mean the start node; ``upstream_node_ids`` holds explicit and binding-derived
upstreams but never the start node, which appears in ``connections`` only; all tasks of all sub-workflows are listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import compiler_pb2, identifier_pb2

from ..model.go_text import go_text
from ..model.ids import END_NODE, START_NODE, check_node_id, describe
from ..model.status import Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    LookUp = Callable[[Any], Any | None]

__all__ = [
    "branch_arms",
    "check_size",
    "compile_closure",
    "compile_template",
    "dependencies",
    "identifier_key",
    "tasks_of",
]


_MOST_NODES = 100


def identifier_key(identifier: Any) -> tuple[str, str, str, str]:
    """What tells entities of one kind apart."""
    return identifier.project, identifier.domain, identifier.name, identifier.version


def compile_closure(template: Any, sub_workflows: Iterable[Any], *, find: LookUp) -> Any:
    """Compiles a workflow with its sub-workflows.

    Args:
        template: The workflow; its id must be set.
        sub_workflows: Every sub-workflow at any depth, as flytekit sends them.
        find: Registry look-up: an admin Task, Workflow or LaunchPlan for an identifier, or None.

    Raises:
        Rejected: INVALID_ARGUMENT when something referred to does not exist, or the graph is not one.
    """
    closure = compiler_pb2.CompiledWorkflowClosure(primary=compile_template(template))
    closure.sub_workflows.extend(compile_template(sub) for sub in sub_workflows)
    known = {identifier_key(sub.template.id) for sub in closure.sub_workflows}
    tasks: dict[tuple[str, str, str, str], Any] = {}
    for compiled in [closure.primary, *closure.sub_workflows]:
        for node in _all_nodes(compiled.template):
            target = node.WhichOneof("target")
            check_node_id(node.id)
            if target == "task_node":
                reference = node.task_node.reference_id
                task = tasks.get(identifier_key(reference)) or find(reference)
                if task is None:
                    raise _failed(template, f"Task {describe(reference)} is not registered")
                tasks[identifier_key(reference)] = task
            elif target == "workflow_node":
                _check_workflow_node(template, node.workflow_node, known, find)
            elif target is None:
                raise _failed(template, f"node {node.id!r} has no target")
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


def compile_template(template: Any) -> Any:
    """Compiles one template: synthetic nodes, normalised promises, connections."""
    compiled = compiler_pb2.CompiledWorkflow()
    compiled.template.CopyFrom(template)
    result = compiled.template
    nodes = [node for node in result.nodes if node.id not in (START_NODE, END_NODE)]
    known = {node.id for node in nodes}
    if len(known) != len(nodes):
        raise _failed(template, "two nodes have the same id")
    for node in nodes:
        unknown = {name for binding in node.inputs for name in _promised(binding.binding)} - known - {START_NODE}
        if unknown:
            raise _failed(template, f"node {node.id!r} refers to unknown nodes {sorted(unknown)}")
        upstream = dependencies(node) & known - {node.id}
        del node.upstream_node_ids[:]
        node.upstream_node_ids.extend(sorted(upstream))
    for binding in [*result.outputs, *(result.failure_node.inputs if result.HasField("failure_node") else ())]:
        unknown = set(_promised(binding.binding)) - known - {START_NODE}
        if unknown:
            raise _failed(template, f"output {binding.var!r} refers to unknown nodes {sorted(unknown)}")
    _check_acyclic(template, nodes)
    kept = list(nodes)
    del result.nodes[:]
    result.nodes.add(id=START_NODE)
    result.nodes.extend(kept)
    result.nodes.add(id=END_NODE).inputs.extend(result.outputs)
    for node in kept:
        _connect(compiled.connections, node.upstream_node_ids or [START_NODE], node.id)
    last = sorted({name for binding in result.outputs for name in _promised(binding.binding)})
    _connect(compiled.connections, last or [START_NODE], END_NODE)
    return compiled


def dependencies(node: Any) -> set[str]:
    """Nodes that must end before this one may start, START_NODE included. Normalises empty promises on the way.

    The arms of a branch take their inputs from outside the branch, so their upstreams are the branch's too. (Their own ids
    are a scope of their own and may equal ids outside.)
    """
    found = set(node.upstream_node_ids)
    for binding in node.inputs:
        found.update(_promised(binding.binding))
    if node.WhichOneof("target") == "branch_node":
        for arm in branch_arms(node.branch_node):
            found |= dependencies(arm)
    elif node.WhichOneof("target") == "array_node":
        for binding in node.array_node.node.inputs:
            list(_promised(binding.binding))
    return found


def branch_arms(branch: Any) -> Iterator[Any]:
    """The nodes that a branch chooses from, the else node last."""
    block = branch.if_else
    yield block.case.then_node
    for other in block.other:
        yield other.then_node
    if block.WhichOneof("default") == "else_node":
        yield block.else_node


def tasks_of(template: Any) -> dict[tuple[str, str, str, str], Any]:
    """Identifiers of all tasks that a template's nodes refer to."""
    return {
        identifier_key(node.task_node.reference_id): node.task_node.reference_id
        for node in _all_nodes(template)
        if node.WhichOneof("target") == "task_node"
    }


def _all_nodes(template: Any) -> Iterator[Any]:
    """Every node with a target: arms of branches, items of arrays and the failure node included."""
    waiting = [node for node in template.nodes if node.id not in (START_NODE, END_NODE)]
    if template.HasField("failure_node"):
        waiting.append(template.failure_node)
    while waiting:
        node = waiting.pop()
        yield node
        if node.WhichOneof("target") == "branch_node":
            waiting.extend(branch_arms(node.branch_node))
        elif node.WhichOneof("target") == "array_node":
            waiting.append(node.array_node.node)


def _promised(binding: Any) -> Iterator[str]:
    kind = binding.WhichOneof("value")
    if kind == "promise":
        if not binding.promise.node_id:
            binding.promise.node_id = START_NODE
        yield binding.promise.node_id
    elif kind == "collection":
        for item in binding.collection.bindings:
            yield from _promised(item)
    elif kind == "map":
        for item in binding.map.bindings.values():
            yield from _promised(item)


def _check_workflow_node(template: Any, node: Any, known: set[tuple[str, str, str, str]], find: LookUp) -> None:
    if node.WhichOneof("reference") == "sub_workflow_ref":
        if identifier_key(node.sub_workflow_ref) not in known:
            raise _failed(template, f"Subworkflow {describe(node.sub_workflow_ref)} is not part of the request")
        return
    reference = identifier_pb2.Identifier()
    reference.CopyFrom(node.launchplan_ref)
    reference.resource_type = identifier_pb2.LAUNCH_PLAN
    if find(reference) is None:
        raise _failed(template, f"Launch plan {describe(reference)} is not registered")


def _check_acyclic(template: Any, nodes: list[Any]) -> None:
    upstream = {node.id: set(node.upstream_node_ids) for node in nodes}
    while upstream:
        ready = {name for name, above in upstream.items() if not above}
        if not ready:
            raise _failed(template, f"a cycle was detected through nodes {sorted(upstream)}")
        upstream = {name: above - ready for name, above in upstream.items() if name not in ready}


def _connect(connections: Any, upstream: Iterable[str], downstream: str) -> None:
    for name in upstream:
        connections.upstream[downstream].ids.append(name)
        connections.downstream[name].ids.append(downstream)


def _failed(template: Any, why: str) -> Rejected:
    return Rejected("INVALID_ARGUMENT", f"failed to compile workflow for [{describe(template.id)}] with err {why}")
