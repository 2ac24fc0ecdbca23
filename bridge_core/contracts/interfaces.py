"""`InterfaceSnapshot`: what is registered in one place, from a file or a server; the same questions to both.

The file is JSON: interfaces as protobuf writes them, by kind, name and version, with the names of all versions, so that a pin
of a version whose interface was left out can be told from one that never was.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ..model.arguments import need, paths
from ..model.errors import EntityNotFound, InvalidRequest
from ..model.ids import EntityKind, EntityRef
from ..model.public import public
from ..model.text_forms import kind_of
from .wire import graph_dict, graph_from, interface_dict, interface_from

if TYPE_CHECKING:
    from ..backends.values import Interface
    from ..model.entities import Entity
    from ..model.graph import WorkflowGraph

__all__ = ["FORMAT", "InterfaceSnapshot", "Kept"]

FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One entity by name."""

    versions: tuple[str, ...]
    """Newest first."""
    active: str | None = None
    interfaces: Mapping[str, Interface] = field(default_factory=dict)
    """By version; perhaps not of all of them."""
    description: str = ""
    """Of the version that a launch without one uses."""
    graph: WorkflowGraph | None = None
    """Of the same."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceSnapshot:
    """What is registered in one project and domain: of a moment, and without a server from then on.

    `Client.interfaces` takes one, ``flyte-bridge snapshot`` writes one to a file. `list_entities` and `get_entity` answer as the
    client's verbs of these names do.

    Attributes:
        project: Where.
        domain: Where.
        flyte_version: 1 or 2.
        entities: For `list_entities` and `get_entity`.

    Example:
        >>> from bridge_core import InterfaceSnapshot
        >>> found = InterfaceSnapshot.read("interfaces.json")  # doctest: +SKIP
        >>> found.get_entity("pkg.train").inputs["n"].type  # doctest: +SKIP
        'integer'
    """

    project: str
    domain: str
    flyte_version: int
    entities: Mapping[tuple[EntityKind, str], Kept] = field(default_factory=dict, repr=False)

    @classmethod
    def read(cls, path: str | Path) -> InterfaceSnapshot:
        """Reads a file that `write` or ``flyte-bridge snapshot`` wrote.

        Raises:
            InvalidRequest: It cannot be read, is none, or is of another release.
        """
        paths(path=path)
        try:
            text = Path(path).read_text(encoding="utf-8")
            data = json.loads(text)
        except OSError as error:
            raise InvalidRequest(
                f"interfaces {path}: {error.strerror}; write it with 'flyte-bridge snapshot PROJECT/DOMAIN -o FILE'"
            ) from None
        except (ValueError, RecursionError) as error:  # also what is no UTF-8
            raise InvalidRequest(
                f"interfaces {path}: not JSON: {error}; write it with 'flyte-bridge snapshot'"
            ) from None
        return cls.from_dict(data, where=str(path))

    def write(self, path: str | Path) -> None:
        """Writes the file that `read` reads; sorted, so that two of them can be compared line by line.

        Raises:
            InvalidRequest: It cannot be written.
        """
        paths(path=path)
        try:
            Path(path).write_text(json.dumps(self.to_dict(), indent=1, sort_keys=True) + "\n", encoding="utf-8")
        except OSError as error:
            raise InvalidRequest(f"interfaces {path}: {error.strerror}; name a file that can be written") from None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, where: str = "interfaces") -> Self:
        """Reads what `to_dict` gives.

        Args:
            data: Plain JSON.
            where: Its name, for messages.

        Raises:
            InvalidRequest: It is something else, or of another release.
        """
        need("data", data, Mapping, f"{where}: what 'flyte-bridge snapshot' writes, a JSON object")
        if data.get("format") != FORMAT:
            raise InvalidRequest(
                f"{where}: wanted what 'flyte-bridge snapshot' writes (format {FORMAT}), found format {data.get('format')!r}"
            )
        try:
            entities = {(EntityKind(item["kind"]), item["name"]): _kept(item, data) for item in data["entities"]}
            return cls(
                project=data["project"], domain=data["domain"], flyte_version=data["flyte_version"], entities=entities
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidRequest(
                f"{where}: it is damaged ({error!r}); take it again with 'flyte-bridge snapshot'"
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "format": FORMAT,
            "project": self.project,
            "domain": self.domain,
            "flyte_version": self.flyte_version,
            "entities": [
                {
                    "kind": kind.value,
                    "name": name,
                    "versions": list(kept.versions),
                    "active": kept.active,
                    "description": kept.description,
                    "graph": graph_dict(kept.graph),
                    "interfaces": {version: interface_dict(item) for version, item in kept.interfaces.items()},
                }
                for (kind, name), kept in sorted(self.entities.items(), key=lambda item: (item[0][0].value, item[0][1]))
            ],
        }

    def __len__(self) -> int:
        return len(self.entities)

    def list_entities(self, kind: EntityKind | str) -> list[EntityRef]:
        """Entities of a kind, by name, without versions. A snapshot holds launch plans and tasks."""
        wanted = kind_of(kind)
        names = sorted(name for found, name in self.entities if found is wanted)
        return [EntityRef(wanted, name, self.project, self.domain) for name in names]

    def get_entity(self, ref: EntityRef | str) -> Entity:
        """One version of an entity: what it takes and gives. Description and graph are those of the version that is launched
        when none is named.

        Args:
            ref: As for `Client.get_entity`; without a version, the active one, else the newest.

        Raises:
            EntityNotFound: There is none, or the snapshot does not hold that version.
            InvalidRequest: It is in another project or domain than these.
        """
        from ..literals import Codec
        from .entities import entity_of

        entity = EntityRef.of(ref)
        found = self.find(entity)
        if isinstance(found, str):
            raise EntityNotFound(f"{entity}: {found}")
        if found is None:
            if (entity.project or self.project, entity.domain or self.domain) != (self.project, self.domain):
                raise InvalidRequest(
                    f"{entity}: these are the interfaces of {self.project}/{self.domain}; take those of its project and domain"
                )
            raise EntityNotFound(
                f"{entity}: its interface was left out; take the snapshot again with that version among the newest "
                "('flyte-bridge snapshot --versions N')"
            )
        kept = self._kept_of(entity)
        usual = kept is not None and found.entity.version == (kept.active or kept.versions[0])
        if kept is None or not usual:
            return entity_of(found, Codec.default())
        return entity_of(found, Codec.default(), description=kept.description, graph=kept.graph)

    def find(self, ref: EntityRef) -> Interface | str | None:
        """The interface that a launch would use; a sentence when there is none; None when that is not known here.

        Args:
            ref: As it is written. In another project or domain than these, nothing is known.
        """
        if ref.project not in (None, self.project) or ref.domain not in (None, self.domain):
            return None
        if ref.kind is EntityKind.WORKFLOW and self.flyte_version != 1:
            return (
                f"Flyte {self.flyte_version} has no workflows; name the task that is its entry point: task:{ref.name}"
            )
        kept = self._kept_of(ref)
        if kept is None:
            names = [name for kind, name in self.entities if kind is ref.kind]
            near = difflib.get_close_matches(ref.name, names, n=1)
            more = f"; did you mean {near[0]!r}?" if near else ""
            return f"there is no {ref.kind.value.replace('_', ' ')} {ref.name!r} in {self.project}/{self.domain}{more}"
        version = ref.version
        if version == "active" and kept.active is None and self.flyte_version == 1:
            return f"{ref.name!r} has no active version"
        if version in (None, "active"):
            version = kept.active or kept.versions[0]
        elif version == "latest":
            version = kept.versions[0]
        if version not in kept.versions:
            newest = ", ".join(kept.versions[:3])
            return f"{ref.name!r} has no version {version!r}; the newest are {newest}"
        return kept.interfaces.get(version or "")

    def _kept_of(self, ref: EntityRef) -> Kept | None:
        """Launching a workflow launches its default launch plan; on Flyte 2 a task is what has the name of no trigger."""
        kept = self.entities.get((ref.kind, ref.name))
        if kept is None and ref.kind is EntityKind.WORKFLOW:
            return self.entities.get((EntityKind.LAUNCH_PLAN, ref.name))
        if kept is None and ref.kind is EntityKind.LAUNCH_PLAN and self.flyte_version != 1:
            return self.entities.get((EntityKind.TASK, ref.name))
        return kept


def _kept(item: Mapping[str, Any], data: Mapping[str, Any]) -> Kept:
    ref = EntityRef(EntityKind(item["kind"]), item["name"], data["project"], data["domain"])
    active = item.get("active")
    return Kept(
        versions=tuple(item["versions"]),
        active=active,
        interfaces={
            version: interface_from(ref, version, active, told) for version, told in item["interfaces"].items()
        },
        description=item.get("description", ""),
        graph=graph_from(item.get("graph")),
    )
