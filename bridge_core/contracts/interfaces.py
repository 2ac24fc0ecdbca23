"""`KnownInterfaces`: what is registered, from a file or, entity by entity, from a server; the same questions to both.

The file is JSON: interfaces as protobuf writes them, by kind, name and version, with the names of all versions, so that a pin
of a version whose interface was left out can be told from one that never was.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ..backends.values import Interface
from ..model.errors import InvalidRequest
from ..model.ids import EntityKind, EntityRef

__all__ = ["FORMAT", "Kept", "KnownInterfaces", "interface_dict"]

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One entity by name."""

    versions: tuple[str, ...]
    """Newest first."""
    active: str | None = None
    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    """By version; perhaps not of all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownInterfaces:
    """What is registered in one project and domain."""

    project: str
    domain: str
    flyte_version: int
    entities: Mapping[tuple[EntityKind, str], Kept]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], where: str) -> Self:
        """Reads a file of ``flyte-bridge snapshot``.

        Raises:
            InvalidRequest: It is none, or of another release.
        """
        if data.get("format") != FORMAT:
            raise InvalidRequest(
                f"{where}: wanted what 'flyte-bridge snapshot' writes (format {FORMAT}), found format {data.get('format')!r}"
            )
        try:
            entities = {
                (EntityKind(item["kind"]), item["name"]): Kept(
                    versions=tuple(item["versions"]),
                    active=item.get("active"),
                    interfaces={
                        version: _interface(item, version, told, data) for version, told in item["interfaces"].items()
                    },
                )
                for item in data["entities"]
            }
            return cls(
                project=data["project"], domain=data["domain"], flyte_version=data["flyte_version"], entities=entities
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidRequest(
                f"{where}: it is damaged ({error!r}); take it again with 'flyte-bridge snapshot'"
            ) from None

    def find(self, ref: EntityRef) -> Interface | str | None:
        """The interface that a launch would use; a sentence when there is none; None when that is not known here.

        Args:
            ref: As it is written. In another project or domain than these, nothing is known.
        """
        if ref.project not in (None, self.project) or ref.domain not in (None, self.domain):
            return None
        kept = self.entities.get((ref.kind, ref.name))
        if kept is None and ref.kind is EntityKind.WORKFLOW:  # launching a workflow launches its default launch plan
            kept = self.entities.get((EntityKind.LAUNCH_PLAN, ref.name))
        if kept is None:
            names = [name for kind, name in self.entities if kind is ref.kind]
            near = difflib.get_close_matches(ref.name, names, n=1)
            more = f"; did you mean {near[0]!r}?" if near else ""
            return f"there is no {ref.kind.value.replace('_', ' ')} {ref.name!r} in {self.project}/{self.domain}{more}"
        version = ref.version
        if version == "active" and kept.active is None:
            return f"{ref.name!r} has no active version"
        if version in (None, "active"):
            version = kept.active or kept.versions[0]
        elif version == "latest":
            version = kept.versions[0]
        if version not in kept.versions:
            newest = ", ".join(kept.versions[:3])
            return f"{ref.name!r} has no version {version!r}; the newest are {newest}"
        return kept.interfaces.get(version or "")


def interface_dict(interface: Interface) -> dict[str, Any]:
    """An interface as the file has it."""
    from google.protobuf import json_format

    return {
        "inputs": {name: json_format.MessageToDict(item) for name, item in sorted(interface.parameters.items())},
        "fixed": {name: json_format.MessageToDict(item) for name, item in sorted(interface.fixed.items())},
        "outputs": {name: json_format.MessageToDict(item) for name, item in sorted(interface.outputs.items())},
        "labels": sorted(interface.labels),
    }


def _interface(item: Mapping[str, Any], version: str, told: Mapping[str, Any], data: Mapping[str, Any]) -> Interface:
    from flyteidl.core import interface_pb2, literals_pb2, types_pb2
    from google.protobuf import json_format

    def read(kind: Any, values: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        return {name: json_format.ParseDict(value, kind()) for name, value in values}

    return Interface(
        entity=EntityRef(EntityKind(item["kind"]), item["name"], data["project"], data["domain"], version),
        parameters=read(interface_pb2.Parameter, told["inputs"].items()),
        fixed=read(literals_pb2.Literal, told["fixed"].items()),
        outputs=read(types_pb2.LiteralType, told["outputs"].items()),
        labels=dict.fromkeys(told.get("labels", ()), ""),
    )
