"""Interfaces of all that is registered in one place, or of what is asked for, as one `InterfaceSnapshot`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..contracts.interfaces import InterfaceSnapshot, Kept
from ..model.arguments import texts, wrong
from ..model.errors import EntityNotFound, Unsupported
from ..model.ids import EntityKind, EntityRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..backends.base import Backend
    from ..backends.values import Interface
    from ..config import Config
    from ..transport.base import Transport

__all__ = ["InterfaceOperations"]

_AT_ONCE = 8
_VERSIONS = 200
"""Names of versions that are kept of one entity."""


class InterfaceOperations:
    """What is registered, as a whole."""

    def __init__(self, backend: Backend, transport: Transport, config: Config) -> None:
        self._backend = backend
        self._transport = transport
        self._config = config

    async def interfaces(
        self,
        project: str | None,
        domain: str | None,
        *,
        entities: Iterable[EntityRef | str] | None = None,
        versions: int = 10,
    ) -> InterfaceSnapshot:
        """Interfaces of a project and domain; see `Client.interfaces`."""
        texts(project=project, domain=domain)
        if isinstance(versions, bool) or not isinstance(versions, int) or versions < 1:
            raise wrong("versions", "a whole number from 1 on", versions)
        place = EntityRef.launch_plan("any", project=project, domain=domain).placed(self._config)
        where = (place.project or "", place.domain or "")
        wanted = None if entities is None else _wanted(entities)
        await self._backend.ready()
        pins: dict[tuple[EntityKind, str], set[str]] = {}
        if wanted is None:
            for kind in (EntityKind.LAUNCH_PLAN, EntityKind.TASK):
                for name in await self._names(kind, *where):
                    pins[kind, name] = set()
        else:
            for ref in wanted:
                if ref.project in (None, where[0]) and ref.domain in (None, where[1]):
                    kind = EntityKind.LAUNCH_PLAN if ref.kind is EntityKind.WORKFLOW else ref.kind
                    exact = {ref.version} if ref.version not in (None, "latest", "active") else set()
                    pins.setdefault((kind, ref.name), set()).update(exact)

        async def read(item: tuple[tuple[EntityKind, str], set[str]]) -> tuple[tuple[EntityKind, str], Kept | None]:
            key, pinned = item
            found = await self._kept(EntityRef(key[0], key[1], *where), pinned, versions, whole=wanted is None)
            return key, found

        found = await self._transport.map_calls(read, list(pins.items()), limit=_AT_ONCE)
        return InterfaceSnapshot(
            project=where[0],
            domain=where[1],
            flyte_version=self._backend.capabilities.flyte_version,
            entities={key: kept for key, kept in found if kept is not None},
        )

    async def _names(self, kind: EntityKind, project: str, domain: str) -> list[str]:
        try:
            return [ref.name for ref in await self._backend.lists.names(kind, project, domain)]
        except Unsupported:
            return []

    async def _kept(self, ref: EntityRef, pinned: Iterable[str], depth: int, *, whole: bool) -> Kept | None:
        listed = [item.version or "" for item in await self._backend.lists.versions(ref, _VERSIONS)]
        if not listed:
            return await self._trigger(ref)
        active: str | None = None
        interfaces: dict[str, Interface] = {}
        if ref.kind is EntityKind.LAUNCH_PLAN:
            try:
                found = await self._backend.interface(ref.pinned("active"))
            except EntityNotFound:
                pass
            else:
                active = found.entity.version
        for version in dict.fromkeys((*listed[:depth], *([active] if active else ()), *pinned)):
            try:
                interfaces[version] = await self._backend.interface(ref.pinned(version))
            except EntityNotFound:
                continue
        usual = interfaces.get(active or listed[0])
        about = whole and usual is not None
        return Kept(
            versions=tuple(dict.fromkeys((*listed, *interfaces))),
            active=active,
            interfaces=interfaces,
            description=await self._backend.description(usual.entity) if about and usual else "",
            graph=await self._backend.graph(usual.workflow) if about and usual and usual.workflow else None,
        )

    async def _trigger(self, ref: EntityRef) -> Kept | None:
        """A trigger of Flyte 2, which is launched as a launch plan is: it has the version of its task, and no others."""
        if ref.kind is not EntityKind.LAUNCH_PLAN or self._backend.capabilities.flyte_version == 1:
            return None
        try:
            found = await self._backend.interface(ref)
        except EntityNotFound:
            return None
        version = found.entity.version or ""
        return Kept(versions=(version,), active=version if found.active else None, interfaces={version: found})


def _wanted(entities: Iterable[EntityRef | str]) -> list[EntityRef]:
    if isinstance(entities, str | EntityRef):
        raise wrong("entities", "a list of entities, as in ['pkg.train', 'task:pkg.clean']", entities)
    try:
        return [EntityRef.of(item) for item in entities]
    except TypeError:
        raise wrong("entities", "a list of entities, as in ['pkg.train', 'task:pkg.clean']", entities) from None
