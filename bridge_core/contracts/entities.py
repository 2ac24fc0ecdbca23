"""What an interface says to people: the `Entity` of `Client.get_entity`, and of an `InterfaceSnapshot` that needs no server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..literals import describe_type
from ..model.entities import Entity, InputSpec

if TYPE_CHECKING:
    from ..backends.values import Interface
    from ..literals import Codec
    from ..model.graph import WorkflowGraph

__all__ = ["entity_of"]


def entity_of(found: Interface, codec: Codec, *, description: str = "", graph: WorkflowGraph | None = None) -> Entity:
    """One version of an entity, without wire types.

    Args:
        found: As a backend or a file tells it.
        codec: Decodes defaults and fixed inputs.
        description: What its author wrote.
        graph: Of its workflow.
    """
    return Entity(
        ref=found.entity,
        inputs={
            name: InputSpec(
                type=describe_type(item.var.type),
                required=item.required,
                default=codec.decode(item.default, item.var.type) if item.HasField("default") else None,
                description=item.var.description,
            )
            for name, item in found.parameters.items()
        },
        outputs={name: describe_type(kind) for name, kind in found.outputs.items()},
        fixed={name: codec.decode(item) for name, item in found.fixed.items()},
        active=found.active,
        description=description,
        graph=graph,
        task=found.task,
    )
