"""Interfaces of all that is registered in one place, or of what is asked for, for `bridge_core.contracts`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..contracts.interfaces import FORMAT, Kept, KnownInterfaces, interface_dict
from ..model.errors import EntityNotFound, Unsupported
from ..model.ids import EntityKind, EntityRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..backends.base import Backend
    from ..transport.base import Transport

__all__ = ["InterfaceOperations"]

_AT_ONCE = 8
_VERSIONS = 200
"""Names of versions that are kept of one entity."""


class InterfaceOperations:
    """What is registered, as a whole."""

    def __init__(self, backend: Backend, transport: Transport) -> None:
        self._backend = backend
        self._transport = transport

    async def known(
        self, project: str, domain: str, *, wanted: Iterable[EntityRef] | None = None, depth: int = 10
    ) -> KnownInterfaces:
        """Interfaces of a project and domain.

        Args:
            project: Where.
            domain: Where.
            wanted: Of these only, in the versions that they name; None: of tasks and launch plans, all of them.
            depth: Of how many versions of each, the newest first; the active one and those wanted besides.
        """
        await self._backend.ready()
        pins: dict[tuple[EntityKind, str], set[str]] = {}
        if wanted is None:
            for kind in (EntityKind.LAUNCH_PLAN, EntityKind.TASK):
                for name in await self._names(kind, project, domain):
                    pins[kind, name] = set()
        else:
            for ref in wanted:
                if ref.project in (None, project) and ref.domain in (None, domain):
                    kind = EntityKind.LAUNCH_PLAN if ref.kind is EntityKind.WORKFLOW else ref.kind
                    exact = {ref.version} if ref.version not in (None, "latest", "active") else set()
                    pins.setdefault((kind, ref.name), set()).update(exact)

        async def read(item: tuple[tuple[EntityKind, str], set[str]]) -> tuple[tuple[EntityKind, str], Kept | None]:
            key, pinned = item
            return key, await self._kept(EntityRef(key[0], key[1], project, domain), pinned, depth)

        found = await self._transport.map_calls(read, list(pins.items()), limit=_AT_ONCE)
        return KnownInterfaces(
            project=project,
            domain=domain,
            flyte_version=self._backend.capabilities.flyte_version,
            entities={key: kept for key, kept in found if kept is not None},
        )

    async def snapshot(self, project: str, domain: str, *, depth: int) -> dict[str, Any]:
        """What a file holds."""
        known = await self.known(project, domain, depth=depth)
        return {
            "format": FORMAT,
            "project": project,
            "domain": domain,
            "flyte_version": known.flyte_version,
            "entities": [
                {
                    "kind": kind.value,
                    "name": name,
                    "versions": list(kept.versions),
                    "active": kept.active,
                    "interfaces": {version: interface_dict(item) for version, item in kept.interfaces.items()},
                }
                for (kind, name), kept in sorted(
                    known.entities.items(), key=lambda item: (item[0][0].value, item[0][1])
                )
            ],
        }

    async def _names(self, kind: EntityKind, project: str, domain: str) -> list[str]:
        try:
            return [ref.name for ref in await self._backend.lists.names(kind, project, domain)]
        except Unsupported:
            return []

    async def _kept(self, ref: EntityRef, pinned: Iterable[str], depth: int) -> Kept | None:
        listed = [item.version or "" for item in await self._backend.lists.versions(ref, _VERSIONS)]
        if not listed:
            return None
        active: str | None = None
        interfaces = {}
        if ref.kind is EntityKind.LAUNCH_PLAN:
            try:
                found = await self._backend.interface(_at(ref, "active"))
            except EntityNotFound:
                pass
            else:
                active = found.entity.version
        for version in dict.fromkeys((*listed[:depth], *([active] if active else ()), *pinned)):
            try:
                interfaces[version] = await self._backend.interface(_at(ref, version))
            except EntityNotFound:
                continue
        return Kept(versions=tuple(dict.fromkeys((*listed, *interfaces))), active=active, interfaces=interfaces)


def _at(ref: EntityRef, version: str) -> EntityRef:
    return EntityRef(ref.kind, ref.name, ref.project, ref.domain, version)
