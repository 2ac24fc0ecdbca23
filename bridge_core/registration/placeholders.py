"""What ``pyflyte package`` leaves open, filled in as flytectl fills it in (flytectl cmd/register/register_util.go).

Project, domain and version of every identifier that has none, or a placeholder; the place of the code archive and the folder
that it is unpacked in, where an argument of a container is exactly the placeholder.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flyteidl.core import identifier_pb2, tasks_pb2
from google.protobuf import struct_pb2
from google.protobuf.message import Message

from ..model.ids import EntityRef
from .spec import Spec, messages_in

__all__ = [
    "BLANK",
    "CODE",
    "DESTINATION",
    "DOMAIN",
    "PROJECT",
    "VERSION",
    "Values",
    "fill",
    "filled",
    "filled_ref",
    "mentions_code",
]

PROJECT, DOMAIN, VERSION = "{{ registration.project }}", "{{ registration.domain }}", "{{ registration.version }}"
CODE, DESTINATION = "{{ .remote_package_path }}", "{{ .dest_dir }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What the placeholders stand for."""

    project: str
    domain: str
    version: str
    code: str = ""
    """URI of the code archive; empty: arguments that name it stay as they are."""
    destination: str = "."
    """Folder of the container that the code is unpacked in."""


BLANK = Values(project=PROJECT, domain=DOMAIN, version=VERSION, code=CODE)
"""Nothing is known yet: what a package holds."""


def fill(message: Message, values: Values) -> None:
    """Fills them in, in place."""
    for identifier in messages_in(message, identifier_pb2.Identifier):
        if identifier.project in ("", PROJECT):
            identifier.project = values.project
        if identifier.domain in ("", DOMAIN):
            identifier.domain = values.domain
        if identifier.version in ("", VERSION):
            identifier.version = values.version
    replacing = {CODE: values.code or CODE, DESTINATION: values.destination}
    for container in messages_in(message, tasks_pb2.Container):
        container.args[:] = [replacing.get(item, item) for item in container.args]
    for pod in messages_in(message, struct_pb2.Struct):
        _fill_struct(pod, replacing)


def filled(draft: Spec, values: Values) -> Spec:
    """A draft with its identifiers and code filled in: who it is, and what it refers to.

    Not what its SDK would write for these values: that may put them elsewhere, too.
    """
    message = draft.message
    if not isinstance(message, bytes):
        message = type(message)()
        message.CopyFrom(draft.message)
        fill(message, values)
    needs = tuple(filled_ref(ref, values) for ref in draft.needs)
    return replace(draft, ref=filled_ref(draft.ref, values), message=message, needs=needs)


def filled_ref(ref: EntityRef, values: Values) -> EntityRef:
    """A reference of a draft, with what it leaves open filled in."""
    return replace(
        ref,
        project=values.project if ref.project in (None, PROJECT) else ref.project,
        domain=values.domain if ref.domain in (None, DOMAIN) else ref.domain,
        version=values.version if ref.version in (None, VERSION) else ref.version,
    )


def mentions_code(message: Message) -> bool:
    """Whether a container wants the code archive."""
    if any(CODE in container.args for container in messages_in(message, tasks_pb2.Container)):
        return True
    return any(CODE in text for pod in messages_in(message, struct_pb2.Struct) for text in _texts(pod))


def _fill_struct(pod: Any, replacing: dict[str, str]) -> None:
    for value in pod.fields.values():
        _fill_value(value, replacing)


def _fill_value(value: Any, replacing: dict[str, str]) -> None:
    kind = value.WhichOneof("kind")
    if kind == "string_value" and value.string_value in replacing:
        value.string_value = replacing[value.string_value]
    elif kind == "struct_value":
        _fill_struct(value.struct_value, replacing)
    elif kind == "list_value":
        for item in value.list_value.values:
            _fill_value(item, replacing)


def _texts(pod: Any) -> list[str]:
    out: list[str] = []
    todo = list(pod.fields.values())
    while todo:
        value = todo.pop()
        kind = value.WhichOneof("kind")
        if kind == "string_value":
            out.append(value.string_value)
        elif kind == "struct_value":
            todo.extend(value.struct_value.fields.values())
        elif kind == "list_value":
            todo.extend(value.list_value.values)
    return out
