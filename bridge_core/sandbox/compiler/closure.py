"""Compiled closures: what FlyteAdmin makes of a registered workflow, and what clients read back from GetWorkflow.

After flytepropeller ``pkg/compiler/workflow_compiler.go``: ``start-node`` and ``end-node`` first, then the nodes as sent, each
id once; every node that waits for nothing comes after the start, every node that nothing waits for before the end.
Sub-workflows are compiled when a node refers to them; the others stay as they were sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import compiler_pb2, interface_pb2, workflow_pb2

from ..model.go_text import go_text
from ..model.ids import END_NODE, START_NODE
from ..model.status import Rejected
from .bindings import Edges, check_bindings
from .findings import Findings
from .graph import Graph, Vertex
from .library import Library
from .nodes import add_edges, check_interface, check_node

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .library import LookUp

__all__ = ["check_size", "compile_closure"]

_MOST_NODES = 100


def compile_closure(template: Any, sub_workflows: Iterable[Any], *, find: LookUp) -> Any:
    """Compiles a workflow with its sub-workflows.

    Args:
        template: The workflow; its id must be set.
        sub_workflows: Every sub-workflow at any depth, as flytekit sends them.
        find: Registry look-up: an admin Task or LaunchPlan for an identifier; raises Rejected when there is none.

    Raises:
        Rejected: INVALID_ARGUMENT when something referred to does not exist, or the graph is not one.
    """
    try:
        library = Library(sub_workflows)
        library.load(template, find)
        primary = compiler_pb2.CompiledWorkflow()
        primary.template.CopyFrom(template)
        findings = Findings()
        library.check(template, findings)
        if not findings.any:
            _compile(primary, library, findings.scope())
    except Rejected as error:
        text = f"failed to compile workflow for [{go_text(template.id)}] with err: {error.message}"
        raise Rejected("INVALID_ARGUMENT", text) from error
    if findings.any:
        text = f"failed to compile workflow for [{go_text(template.id)}] with err: {findings}"
        raise Rejected("INVALID_ARGUMENT", text)
    closure = compiler_pb2.CompiledWorkflowClosure(primary=primary)
    closure.sub_workflows.extend(library.workflows.values())
    closure.tasks.extend(library.tasks.values())
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


def _compile(workflow: Any, library: Library, findings: Findings) -> bool:
    """Compiles one workflow in place; whether nothing was wrong."""
    template = workflow.template
    if not len(template.nodes):
        name = go_text(template.id)
        findings.add("NoNodesFound", name, f"Can't find any nodes in workflow [{name}].")
        return False
    check_interface(START_NODE, template.interface, interface := findings.scope())
    if interface.any:
        return False
    graph = Graph(template, library)
    start, end = _ends(graph)
    sent = [Vertex(node) for node in template.nodes]

    def compile_sub(sub: Any, inner: Findings) -> bool:
        return _compile(sub, library, inner)

    for vertex in sent:
        graph.vertices.setdefault(vertex.id, vertex)
        check_node(graph, vertex, findings.scope(), compile_sub)
    for name in sorted(graph.vertices):
        if name != START_NODE:
            add_edges(graph, graph.vertices[name], findings.scope(), edges=Edges.BOTH)
    if template.HasField("failure_node"):
        failure = Vertex(template.failure_node)
        check_node(graph, failure, findings.scope(), compile_sub)
        add_edges(graph, failure, findings.scope(), edges=Edges.UP)
    _connect_loose(graph, {vertex.id for vertex in sent})
    assert end.interface is not None
    check_interface(END_NODE, end.interface, ending := findings.scope())
    if not ending.any:
        check_bindings(graph, end, end.message.inputs, end.interface.inputs, findings.scope(), edges=Edges.BOTH)
    _check_reach(graph, findings.scope())
    if findings.any:
        return False
    nodes = [vertex.message for name, vertex in graph.vertices.items() if name not in (START_NODE, END_NODE)]
    kept = workflow_pb2.WorkflowTemplate(nodes=[start.message, end.message, *nodes])
    del template.nodes[:]
    template.nodes.extend(kept.nodes)
    del template.outputs[:]
    template.outputs.extend(end.message.inputs)
    workflow.ClearField("connections")
    graph.connections(workflow.connections)
    return True


def _ends(graph: Graph) -> tuple[Vertex, Vertex]:
    template = graph.template
    start = Vertex(workflow_pb2.Node(id=START_NODE))
    start.interface = interface_pb2.TypedInterface(outputs=template.interface.inputs)
    end = Vertex(workflow_pb2.Node(id=END_NODE, inputs=template.outputs))
    end.interface = interface_pb2.TypedInterface(inputs=template.interface.outputs)
    graph.vertices |= {START_NODE: start, END_NODE: end}
    return start, end


def _connect_loose(graph: Graph, sent: set[str]) -> None:
    for name in sorted(sent - {START_NODE, END_NODE}):
        if name not in graph.upstream:
            graph.connect(START_NODE, name)
        if name not in graph.downstream:
            graph.connect(name, END_NODE)


def _check_reach(graph: Graph, findings: Findings) -> None:
    cycle = graph.cycle()
    if cycle is not None:
        text = f"A cycle has been detected while traversing the Workflow [{'>'.join(cycle)}]."
        findings.add("CycleDetected", START_NODE, text)
        return
    unreached = graph.unreached() - {END_NODE}
    if unreached:
        text = f"The Workflow contain unreachable nodes [{','.join(sorted(unreached))}]."
        findings.add("UnreachableNodes", START_NODE, text)
