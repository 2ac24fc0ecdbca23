"""What FlyteAdmin knows about the inside of a run: nodes, attempts, decks, metrics, gates."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

from flyteidl.admin import execution_pb2, node_execution_pb2, signal_pb2, task_execution_pb2
from flyteidl.core import identifier_pb2
from flyteidl.service import dataproxy_pb2

from ...model.errors import BridgeError, InvalidRequest, NotFound, RunNotFound, Unsupported
from ..values import NodeValues
from . import node_values as nodes
from .convert import entity_of, execution_id, stored
from .methods import rpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ...calls import Calls
    from ...model.graph import WorkflowGraph
    from ...model.ids import RunRef
    from ...model.nodes import Attempt, LogLine, NodeSnapshot, SpanMetric
    from .workflows import Flyte1Workflows

__all__ = ["Flyte1Nodes"]

log = logging.getLogger("bridge_core")

_PAGE = 200
_METRICS_DEPTH = 10
_NODE_TIMEOUT = 5.0
_NO_NODE = "failed to find node execution"  # FlyteAdmin's dataproxy/service.go says so with INVALID_ARGUMENT
_SHORTEST_CUT = 97  # bytes: FlyteAdmin cuts errors in lists to 100, and then what is left of a character


class Flyte1Nodes:
    """The inside of runs."""

    def __init__(self, calls: Calls, workflows: Flyte1Workflows) -> None:
        self._calls = calls
        self._workflows = workflows

    async def tree(self, ref: RunRef) -> tuple[NodeSnapshot, ...]:
        """All nodes as a tree: one list per parent node and page, however many leaves there are.

        In the order of the workflow, which the run itself does not tell: FlyteAdmin lists nodes as its table has them.
        """
        try:  # FlyteAdmin also lists the nodes of a run that does not exist: there are none
            run = await self._calls.unary(
                rpc("GetExecution"), execution_pb2.WorkflowExecutionGetRequest(id=execution_id(ref))
            )
        except NotFound as error:
            raise RunNotFound(f"no run {ref}: {error.details}", **error.data) from None
        return await self._level(ref, "", await self._graph(run.closure.workflow_id))

    async def _graph(self, workflow: Any) -> WorkflowGraph | None:
        try:
            return await self._workflows.graph(workflow)
        except BridgeError as error:  # nodes are told in another order then
            log.info("the order of nodes in workflow %s could not be asked: %s", workflow.name, error)
            return None

    async def values(self, ref: RunRef, node_id: str, attempt: int | None) -> NodeValues:
        """GetNodeExecution and GetNodeExecutionData; of an attempt, ListTaskExecutions and GetTaskExecutionData."""
        identifier = _node_id(ref, node_id)
        node = await self._calls.unary(
            rpc("GetNodeExecution"), node_execution_pb2.NodeExecutionGetRequest(id=identifier)
        )
        request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=identifier, limit=_PAGE)
        tries = await self._pages(rpc("ListTaskExecutions"), request)
        # Values of a map are lists of what its task takes and gives; those of a parent are its last task's only by chance.
        task = entity_of(tries[-1].id.task_id) if tries and not nodes.is_compound(node) else None
        if attempt is None:
            data = await self._calls.unary(
                rpc("GetNodeExecutionData"), node_execution_pb2.NodeExecutionGetDataRequest(id=identifier)
            )
            phase = nodes.node_phase(node.closure.phase)
        else:
            found = next((item for item in tries if item.id.retry_attempt == attempt), None)
            if found is None:
                numbers = ", ".join(str(item.id.retry_attempt) for item in tries) or "none"
                raise NotFound(
                    f"node {node_id} of run {ref} has no attempt {attempt}; it has {numbers}", code="NOT_FOUND"
                )
            data = await self._calls.unary(
                rpc("GetTaskExecutionData"), task_execution_pb2.TaskExecutionGetDataRequest(id=found.id)
            )
            phase = nodes.attempt(found).phase
        return NodeValues(
            phase=phase,
            task=task,
            inputs=stored(data.full_inputs, data.inputs),
            outputs=stored(data.full_outputs, data.outputs),
        )

    async def failed_node(self, ref: RunRef, *, timeout: float | None = None) -> str | None:
        """Name of the node that made the run fail, as far as it can be told: one short question, whose failure is no news."""
        request = node_execution_pb2.NodeExecutionListRequest(
            workflow_execution_id=execution_id(ref), limit=1, filters="eq(phase,FAILED)"
        )
        try:
            page = await self._calls.unary(
                rpc("ListNodeExecutions"),
                request,
                timeout=min(timeout or _NODE_TIMEOUT, _NODE_TIMEOUT),
                retry=False,
            )
        except BridgeError:
            return None
        return page.node_executions[0].metadata.spec_node_id or None if page.node_executions else None

    async def attempts(self, ref: RunRef, node_id: str) -> tuple[Attempt, ...]:
        """Attempts of one node, oldest first."""
        request = task_execution_pb2.TaskExecutionListRequest(node_execution_id=_node_id(ref, node_id), limit=_PAGE)
        items = [nodes.attempt(item) for item in await self._pages(rpc("ListTaskExecutions"), request)]
        return tuple(sorted(items, key=lambda item: item.number))

    async def deck_urls(self, ref: RunRef, node_id: str) -> list[str]:
        """Signed URLs of a node's deck."""
        request = dataproxy_pb2.CreateDownloadLinkRequest(
            artifact_type=dataproxy_pb2.ARTIFACT_TYPE_DECK, node_execution_id=_node_id(ref, node_id)
        )
        try:
            answer = await self._calls.unary(rpc("CreateDownloadLink"), request)
        except InvalidRequest as error:
            if _NO_NODE in (error.details or ""):
                raise NotFound(f"run {ref} has no node {node_id!r}: {error.details}", **error.data) from None
            raise
        except NotFound as error:
            raise NotFound(f"node {node_id} of run {ref} has no deck: {error.details}", **error.data) from None
        return list(answer.pre_signed_urls.signed_url) or list(answer.signed_url)

    async def metrics(self, ref: RunRef) -> SpanMetric:
        """GetExecutionMetrics: where the time went."""
        request = execution_pb2.WorkflowExecutionGetMetricsRequest(id=execution_id(ref), depth=_METRICS_DEPTH)
        return nodes.span((await self._calls.unary(rpc("GetExecutionMetrics"), request)).span)

    def tail(self, ref: RunRef, node_id: str, attempt: int | None) -> AsyncIterator[LogLine]:
        """FlyteAdmin has links only.

        Raises:
            Unsupported: Always.
        """
        tried = "" if attempt is None else f", attempt {attempt}"
        raise Unsupported(
            f"the log of node {node_id} of run {ref}{tried}: Flyte 1 keeps links to logs, not their text; see logs()"
        )

    async def gate_type(self, ref: RunRef, signal_id: str) -> Any | None:
        """``LiteralType`` that a gate waits for, or None while the run has not reached it."""
        request = signal_pb2.SignalListRequest(workflow_execution_id=execution_id(ref), limit=_PAGE)
        for item in await self._pages(rpc("ListSignals"), request):
            if item.id.signal_id == signal_id:
                return item.type
        return None

    async def set_signal(self, ref: RunRef, signal_id: str, literal: Any) -> None:
        """SetSignal. The same value twice is the same."""
        identifier = identifier_pb2.SignalIdentifier(signal_id=signal_id, execution_id=execution_id(ref))
        await self._calls.unary(rpc("SetSignal"), signal_pb2.SignalSetRequest(id=identifier, value=literal))

    async def _level(self, ref: RunRef, parent: str, graph: WorkflowGraph | None) -> tuple[NodeSnapshot, ...]:
        known = {} if graph is None else {item.id: (number, item) for number, item in enumerate(graph.nodes)}
        request = node_execution_pb2.NodeExecutionListRequest(
            workflow_execution_id=execution_id(ref), unique_parent_id=parent, limit=_PAGE
        )
        out = []
        for item in await self._pages(rpc("ListNodeExecutions"), request):
            if nodes.is_boundary(item):
                continue
            inner = known[name][1].graph if (name := item.metadata.spec_node_id) in known else None
            children = await self._level(ref, item.id.node_id, inner) if nodes.has_children(item) else ()
            out.append(nodes.node(await self._whole(item), children))
        # Of a dynamic task nobody knows the order but by its nodes' numbers: n2 comes before n10.
        last = len(known)
        return tuple(sorted(out, key=lambda one: (known[one.name][0] if one.name in known else last, _natural(one))))

    async def _whole(self, node: Any) -> Any:
        """The node with its whole error, of which a list has the beginning only."""
        if len(node.closure.error.message.encode()) < _SHORTEST_CUT:
            return node
        return await self._calls.unary(rpc("GetNodeExecution"), node_execution_pb2.NodeExecutionGetRequest(id=node.id))

    async def _pages(self, method: Any, request: Any) -> list[Any]:
        """All items of a paged list. A full page is followed by another question, which may find nothing."""
        out: list[Any] = []
        while True:
            page = await self._calls.unary(method, request)
            out.extend(_items(page))
            if not page.token:
                return out
            request.token = page.token


def _natural(node: NodeSnapshot) -> list[tuple[int, int | str]]:
    return [(0, int(part)) if part.isdigit() else (1, part) for part in re.split(r"(\d+)", node.id) if part]


def _items(page: Any) -> Any:
    """The one repeated message field of a list response."""
    (field,) = [field for field in page.DESCRIPTOR.fields if field.message_type is not None]
    return getattr(page, field.name)


def _node_id(ref: RunRef, node_id: str) -> Any:
    return identifier_pb2.NodeExecutionIdentifier(node_id=node_id, execution_id=execution_id(ref))
