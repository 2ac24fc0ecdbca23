"""Whether a node refers to something that exists, and which inputs and outputs it has.

After flytepropeller ``pkg/compiler/validators/node.go``, ``interface.go`` and ``utils.go``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import interface_pb2

from ..model.go_text import go_text
from ..model.ids import END_NODE, START_NODE, check_node_id
from .bindings import Edges, check_bindings, outputs_of
from .branches import check_branch, check_outputs_of_arms

if TYPE_CHECKING:
    from collections.abc import Callable

    from .findings import Findings
    from .graph import Graph, Vertex

    CompileSub = Callable[[Any, Findings], bool]

__all__ = ["add_edges", "check_interface", "check_node"]


def check_node(graph: Graph, vertex: Vertex, findings: Findings, compile_sub: CompileSub) -> bool:
    """Checks one node and everything inside of it.

    Args:
        graph: Its workflow, with the nodes before it.
        vertex: The node.
        findings: Where to note what is wrong.
        compile_sub: Compiles a sub-workflow in place; whether it could.
    """
    if not vertex.id:
        findings.value_required("<node>", "Id")
    if vertex.id in (START_NODE, END_NODE):
        return True
    if vertex.id:
        check_node_id(vertex.id)
    if _set_interface(graph, vertex, findings.scope()):
        outputs_of(vertex, findings.scope())
    message = vertex.message
    above = sorted(message.upstream_node_ids)
    del message.upstream_node_ids[:]
    message.upstream_node_ids.extend(above)
    _check_inside(graph, vertex, findings, compile_sub)
    return not findings.any


def add_edges(graph: Graph, vertex: Vertex, findings: Findings, *, edges: Edges) -> None:
    """Edges from the nodes that a node names, and from those it takes values of."""
    if vertex.interface is None:
        return
    if edges is Edges.BOTH:
        for above in vertex.message.upstream_node_ids:
            graph.connect(above or START_NODE, vertex.id)
    check_bindings(graph, vertex, vertex.message.inputs, vertex.interface.inputs, findings.scope(), edges=edges)


def check_interface(node_id: str, interface: Any, findings: Findings) -> None:
    """Completes an interface in place: inputs and outputs are always there; every variable needs a name and a type."""
    for side in ("inputs", "outputs"):
        getattr(interface, side).SetInParent()
        for name, variable in getattr(interface, side).variables.items():
            if not name:
                findings.value_required(node_id, "paramName")
            if not variable.HasField("type"):
                findings.value_required(node_id, "param.Type")


def _check_inside(graph: Graph, vertex: Vertex, findings: Findings, compile_sub: CompileSub) -> None:
    message = vertex.message
    target = message.WhichOneof("target")
    if target == "branch_node":
        inside = findings.scope()
        check_branch(vertex, inside)
        checked = [arm for arm in vertex.arms if check_node(graph, arm, inside.scope(), compile_sub)]
        if not inside.any:
            for arm in checked:
                add_edges(graph, arm, findings.scope(), edges=Edges.UP)
    elif target == "workflow_node" and message.workflow_node.WhichOneof("reference") == "sub_workflow_ref":
        key = go_text(message.workflow_node.sub_workflow_ref)
        workflow = graph.library.workflows.get(key)
        if workflow is None:
            findings.no_workflow(vertex.id, key)
        elif key not in graph.compiled and compile_sub(workflow, findings.scope()):
            graph.compiled[key] = workflow
    elif target == "task_node" and message.task_node.HasField("reference_id"):
        key = go_text(message.task_node.reference_id)
        if key not in graph.library.tasks:
            findings.no_task(vertex.id, key)


def _set_interface(graph: Graph, vertex: Vertex, findings: Findings) -> bool:
    if vertex.interface is not None:
        return True
    interface = _interface(graph, vertex, findings)
    if interface is not None:
        check_interface(vertex.id, interface, findings.scope())
    if findings.any:
        return False
    vertex.interface = interface
    return True


def _interface(graph: Graph, vertex: Vertex, findings: Findings) -> Any | None:
    message = vertex.message
    target = message.WhichOneof("target")
    if target == "task_node":
        return _of_task(graph, vertex, findings)
    if target == "workflow_node":
        return _of_workflow(graph, vertex, findings)
    if target == "branch_node":
        return _of_branch(graph, vertex, findings.scope())
    if target == "gate_node":
        return _of_gate(graph, vertex, findings)
    if target == "array_node":
        if vertex.item.id:
            check_node_id(vertex.item.id)
        if _set_interface(graph, vertex.item, findings.scope()):
            return vertex.item.interface
        return None
    findings.value_required(vertex.id, "Target")
    return None


def _of_task(graph: Graph, vertex: Vertex, findings: Findings) -> Any | None:
    node = vertex.message.task_node
    if not node.HasField("reference_id"):
        findings.value_required(vertex.id, "TaskNode.ReferenceId")
        return None
    key = go_text(node.reference_id)
    task = graph.library.tasks.get(key)
    if task is None:
        findings.no_task(vertex.id, key)
        return None
    return task.template.interface if task.template.HasField("interface") else interface_pb2.TypedInterface()


def _of_workflow(graph: Graph, vertex: Vertex, findings: Findings) -> Any | None:
    node = vertex.message.workflow_node
    reference = node.WhichOneof("reference")
    if reference is None:
        findings.no_workflow(vertex.id, "<nil>/<nil>")
        return None
    key = go_text(getattr(node, reference))
    if reference == "sub_workflow_ref":
        workflow = graph.library.workflows.get(key)
        if workflow is None:
            findings.no_workflow(vertex.id, key)
            return None
        if not workflow.template.HasField("interface"):
            findings.value_required(vertex.id, "WorkflowNode.Template.Interface")
            return None
        return workflow.template.interface
    plan = graph.library.plans.get(key)
    if plan is None:
        findings.no_workflow(vertex.id, key)
        return None
    given = {binding.var for binding in vertex.message.inputs}
    interface = interface_pb2.TypedInterface(outputs=plan.closure.expected_outputs)
    for name, parameter in plan.closure.expected_inputs.parameters.items():
        if parameter.required or name in given:
            interface.inputs.variables[name].CopyFrom(parameter.var)
    return interface


def _of_gate(graph: Graph, vertex: Vertex, findings: Findings) -> Any | None:
    gate = vertex.message.gate_node
    condition = gate.WhichOneof("condition")
    if condition == "approve":
        bound = check_bindings(
            graph,
            vertex,
            vertex.message.inputs,
            interface_pb2.VariableMap(),
            findings.scope(),
            edges=Edges.UP,
            typed=False,
        )
        return interface_pb2.TypedInterface(inputs=bound, outputs=bound)
    if condition == "signal":
        if not gate.signal.HasField("type"):
            findings.value_required(vertex.id, "GateNode.Signal.Type")
            return None
        if not gate.signal.output_variable_name:
            findings.value_required(vertex.id, "GateNode.Signal.OutputVariableName")
            return None
        interface = interface_pb2.TypedInterface()
        interface.outputs.variables[gate.signal.output_variable_name].type.CopyFrom(gate.signal.type)
        return interface
    if condition == "sleep":
        return interface_pb2.TypedInterface()
    findings.add("NoConditionFound", vertex.id, f"Can't find any condition in gate node [{vertex.id}].")
    return None


def _of_branch(graph: Graph, vertex: Vertex, findings: Findings) -> Any | None:
    """Inputs are what is bound, outputs those that all arms have. Names the arms after the branch."""
    branch = vertex.message.branch_node
    missing = (
        "Branch.IfElse"
        if not branch.HasField("if_else")
        else "Branch.IfElse.Case"
        if not branch.if_else.HasField("case")
        else "Branch.IfElse.Case.ThenNode"
        if not branch.if_else.case.HasField("then_node")
        else None
    )
    if missing is not None:
        findings.value_required(vertex.id, missing)
        return None
    for other in branch.if_else.other:
        if not other.HasField("then_node"):
            findings.value_required(vertex.id, "IfElse.Case.ThenNode")
    outputs = []
    for arm in vertex.arms:
        arm.message.id = f"{vertex.id}-{arm.id}"
        if _set_interface(graph, arm, findings.scope()):
            assert arm.interface is not None
            outputs.append((arm.id, arm.interface.outputs.variables))
    shared = check_outputs_of_arms(outputs, findings)
    bound = check_bindings(
        graph, vertex, vertex.message.inputs, interface_pb2.VariableMap(), findings.scope(), edges=Edges.UP, typed=False
    )
    if findings.any or not outputs:
        return None
    interface = interface_pb2.TypedInterface(inputs=bound)
    interface.outputs.SetInParent()
    for name in shared:
        interface.outputs.variables[name].CopyFrom(outputs[0][1][name])
    return interface
