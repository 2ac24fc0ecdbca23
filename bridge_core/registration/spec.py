"""`Spec`: one entity on its way to the server: who it is, what it is, and what it refers to."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2
from google.protobuf.message import Message

from ..model.ids import EntityKind, EntityRef

__all__ = ["KINDS", "Spec", "messages_in"]

KINDS = {
    identifier_pb2.TASK: EntityKind.TASK,
    identifier_pb2.WORKFLOW: EntityKind.WORKFLOW,
    identifier_pb2.LAUNCH_PLAN: EntityKind.LAUNCH_PLAN,
}


@dataclass(frozen=True, slots=True)
class Spec:
    """One entity.

    Attributes:
        ref: Complete: project, domain, version.
        message: ``TaskSpec``, ``WorkflowSpec`` or ``LaunchPlanSpec``; bytes of Flyte 2's ``TaskSpec``, or for a trigger, which is
            a launch plan here, of its ``DeployTriggerRequest``.
        origin: Where it was read, for messages: a file of a package, a module.
        activate: A launch plan that wants to be active.
        needs: What bytes refer to.
    """

    ref: EntityRef
    message: task_pb2.TaskSpec | workflow_pb2.WorkflowSpec | launch_plan_pb2.LaunchPlanSpec | bytes
    origin: str = ""
    activate: bool = False
    needs: tuple[EntityRef, ...] = ()

    def references(self) -> tuple[EntityRef, ...]:
        """Entities it points at, without itself and without the sub-workflows that it carries; each once, in order."""
        if isinstance(self.message, bytes):
            return self.needs  # tasks of Flyte 2 refer to nothing: what they call is decided while they run
        carried = {self.ref}
        if isinstance(self.message, workflow_pb2.WorkflowSpec):
            carried |= {_ref(template.id) for template in self.message.sub_workflows}
        found = (
            _ref(item) for item in messages_in(self.message, identifier_pb2.Identifier) if item.resource_type in KINDS
        )
        return tuple(dict.fromkeys(ref for ref in found if ref not in carried))


def messages_in(message: Message, kind: type[Any]) -> Iterator[Any]:
    """Every message of a kind below this one, wherever it stands: in branches, arrays, overrides, bindings."""
    if isinstance(message, kind):
        yield message
        return
    wanted = kind.DESCRIPTOR.full_name
    for field, value in message.ListFields():
        if field.message_type is None or wanted not in _below(field.message_type):
            continue
        if isinstance(value, Message):
            yield from messages_in(value, kind)
        elif field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                for item in value.values():
                    yield from messages_in(item, kind)
        else:
            for item in value:
                yield from messages_in(item, kind)


@functools.cache
def _below(descriptor: Any) -> frozenset[str]:
    """Names of the types that messages of this type can hold, at any depth, with itself: most hold nothing that is looked for."""
    found, todo = {descriptor.full_name}, [descriptor]
    while todo:
        for field in todo.pop().fields:
            if field.message_type is not None and field.message_type.full_name not in found:
                found.add(field.message_type.full_name)
                todo.append(field.message_type)
    return frozenset(found)


def _ref(item: Any) -> EntityRef:
    return EntityRef(
        KINDS[item.resource_type], item.name, item.project or None, item.domain or None, item.version or None
    )
