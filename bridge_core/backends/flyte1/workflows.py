"""Compiled workflows, asked of FlyteAdmin: what they consist of. They never change, so that each is asked for once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2
from flyteidl.core import identifier_pb2, interface_pb2

from ...model.errors import EntityNotFound, InvalidRequest, NotFound
from ...model.graph import WorkflowGraph, WorkflowNode
from ..values import Interface
from .convert import entity_of, identifier
from .methods import rpc

if TYPE_CHECKING:
    from ...calls import Calls
    from ...model.ids import EntityRef

__all__ = ["Flyte1Workflows", "graph_of"]

_CACHED = 64
_ENDS = ("start-node", "end-node")


class Flyte1Workflows:
    """Asks for workflows. Keeps their graphs."""

    def __init__(self, calls: Calls, endpoint: str) -> None:
        self._calls = calls
        self._endpoint = endpoint
        self._graphs: OrderedDict[bytes, WorkflowGraph] = OrderedDict()

    def clear(self) -> None:
        """Forgets all of them."""
        self._graphs.clear()

    async def graph(self, workflow: Any) -> WorkflowGraph:
        """GetWorkflow: the graph of one version of a workflow.

        Args:
            workflow: Its ``Identifier``.
        """
        key = workflow.SerializeToString(deterministic=True)
        if (hit := self._graphs.get(key)) is not None:
            self._graphs.move_to_end(key)
            return hit
        found = graph_of((await self.workflow(workflow)).closure.compiled_workflow)
        self._graphs[key] = found
        while len(self._graphs) > _CACHED:
            self._graphs.popitem(last=False)
        return found

    async def interface(self, entity: EntityRef) -> Interface:
        """What a workflow takes and gives, whatever launch plans make of it. Version None and ``latest`` are the newest.

        Raises:
            EntityNotFound: There is no such workflow, or no such version.
        """
        where = f"workflow {entity.name!r} in {entity.project}/{entity.domain} at {self._endpoint}"
        if entity.version == "active":
            raise InvalidRequest(f"{entity}: only launch plans can be active; use 'latest' or a version")
        if entity.version in (None, "latest"):
            sort = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)
            named = common_pb2.NamedEntityIdentifier(project=entity.project, domain=entity.domain, name=entity.name)
            request = common_pb2.ResourceListRequest(id=named, limit=1, sort_by=sort)
            page = await self._calls.unary(rpc("ListWorkflows"), request)
            if not page.workflows:
                raise EntityNotFound(f"no {where}", code="NOT_FOUND")
            entity = entity.pinned(page.workflows[0].id.version)
        try:
            found = await self.workflow(identifier(entity))
        except NotFound as error:
            raise EntityNotFound(f"no version {entity.version!r} of {where}", **error.data) from None
        interface = found.closure.compiled_workflow.primary.template.interface
        return Interface(
            entity=entity,
            workflow=entity,
            parameters={
                name: interface_pb2.Parameter(var=variable, required=True)
                for name, variable in interface.inputs.variables.items()
            },
            outputs={name: variable.type for name, variable in interface.outputs.variables.items()},
        )

    async def workflow(self, named: Any) -> Any:
        """GetWorkflow, of an ``Identifier`` of whatever kind."""
        wanted = identifier_pb2.Identifier()
        wanted.CopyFrom(named)
        wanted.resource_type = identifier_pb2.WORKFLOW
        return await self._calls.unary(rpc("GetWorkflow"), common_pb2.ObjectGetRequest(id=wanted))


def graph_of(closure: Any) -> WorkflowGraph:
    """The graph of a ``CompiledWorkflowClosure``."""
    below = {item.template.id.SerializeToString(deterministic=True): item for item in closure.sub_workflows}
    return _graph(closure.primary, below)


def _graph(compiled: Any, below: dict[bytes, Any]) -> WorkflowGraph:
    pairs = ((above, under) for above, ids in compiled.connections.downstream.items() for under in ids.ids)
    return WorkflowGraph(
        nodes=_nodes(compiled.template.nodes, below),
        edges=tuple(sorted(pair for pair in pairs if not set(pair) & set(_ENDS))),
    )


def _nodes(messages: Iterable[Any], below: dict[bytes, Any]) -> tuple[WorkflowNode, ...]:
    return tuple(_node(item, below) for item in messages if item.id not in _ENDS)


def _node(node: Any, below: dict[bytes, Any]) -> WorkflowNode:
    target = node.WhichOneof("target")
    kind, entity, graph = "gate", None, None
    if target == "task_node":
        kind, entity = "task", entity_of(node.task_node.reference_id)
    elif target == "array_node":
        inner = _node(node.array_node.node, below)
        kind, entity = "array", inner.entity
    elif target == "branch_node":
        block = node.branch_node.if_else
        arms = [block.case.then_node, *(item.then_node for item in block.other)]
        arms += [block.else_node] if block.HasField("else_node") else []
        kind, graph = "branch", WorkflowGraph(nodes=_nodes(arms, below))
    elif target == "workflow_node" and node.workflow_node.HasField("launchplan_ref"):
        kind, entity = "launch_plan", entity_of(node.workflow_node.launchplan_ref)
    elif target == "workflow_node":
        reference = node.workflow_node.sub_workflow_ref
        found = below.get(reference.SerializeToString(deterministic=True))
        kind, entity = "workflow", entity_of(reference)
        graph = None if found is None else _graph(found, below)
    return WorkflowNode(id=node.id, name=node.metadata.name or node.id, kind=kind, entity=entity, graph=graph)
