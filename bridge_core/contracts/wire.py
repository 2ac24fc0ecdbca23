"""Interfaces and graphs as the file of an `InterfaceSnapshot` has them: plain JSON both ways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ..backends.values import Interface
from ..model.graph import WorkflowGraph, WorkflowNode
from ..model.ids import EntityKind, EntityRef

__all__ = ["graph_dict", "graph_from", "interface_dict", "interface_from"]


def interface_dict(interface: Interface) -> dict[str, Any]:
    """An interface as the file has it."""
    from google.protobuf import json_format

    return {
        "inputs": {name: json_format.MessageToDict(item) for name, item in sorted(interface.parameters.items())},
        "fixed": {name: json_format.MessageToDict(item) for name, item in sorted(interface.fixed.items())},
        "outputs": {name: json_format.MessageToDict(item) for name, item in sorted(interface.outputs.items())},
        "labels": sorted(interface.labels),
    }


def interface_from(ref: EntityRef, version: str, active: str | None, told: Mapping[str, Any]) -> Interface:
    """Reads `interface_dict`.

    Args:
        ref: Without a version.
        version: Whose interface it is.
        active: Which one is active.
        told: Plain JSON.
    """
    from flyteidl.core import interface_pb2, literals_pb2, types_pb2
    from google.protobuf import json_format

    def read(kind: Any, values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        try:
            return {name: json_format.ParseDict(value, kind()) for name, value in values}
        except json_format.ParseError as error:
            raise ValueError(f"{ref.name} {version}: {error}") from None

    return Interface(
        entity=replace(ref, version=version),
        parameters=read(interface_pb2.Parameter, told["inputs"].items()),
        fixed=read(literals_pb2.Literal, told["fixed"].items()),
        outputs=read(types_pb2.LiteralType, told["outputs"].items()),
        labels=dict.fromkeys(told.get("labels", ()), ""),
        active=version == active if ref.kind is EntityKind.LAUNCH_PLAN else None,
    )


def graph_dict(graph: WorkflowGraph | None) -> dict[str, Any] | None:
    """A graph as the file has it."""
    if graph is None:
        return None
    nodes = [
        {
            "id": node.id,
            "name": node.name,
            "kind": node.kind,
            "entity": None if node.entity is None else str(node.entity),
            "graph": graph_dict(node.graph),
        }
        for node in graph.nodes
    ]
    return {"nodes": nodes, "edges": [list(edge) for edge in graph.edges]}


def graph_from(told: Mapping[str, Any] | None) -> WorkflowGraph | None:
    """Reads `graph_dict`."""
    if told is None:
        return None
    nodes = tuple(
        WorkflowNode(
            id=node["id"],
            name=node["name"],
            kind=node["kind"],
            entity=None if node["entity"] is None else EntityRef.parse(node["entity"]),
            graph=graph_from(node["graph"]),
        )
        for node in told["nodes"]
    )
    return WorkflowGraph(nodes=nodes, edges=tuple((before, after) for before, after in told["edges"]))
