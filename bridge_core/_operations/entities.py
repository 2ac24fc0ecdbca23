"""Verbs on what is registered: lists of it, and what one version of it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..model.arguments import count, texts
from ..model.errors import EntityNotFound
from ..model.ids import EntityKind, EntityRef
from ..model.text_forms import kind_of

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..backends.values import Interface
    from ..config import Config
    from ..model.entities import Entity
    from .data import DataOperations

__all__ = ["EntityOperations"]


class EntityOperations:
    """The verbs that look at entities."""

    def __init__(self, backend: Backend, config: Config, data: DataOperations) -> None:
        self._backend = backend
        self._config = config
        self._data = data

    async def list_entities(
        self, kind: EntityKind | str, *, project: str | None, domain: str | None, name: str | None, limit: int
    ) -> list[EntityRef]:
        """Names of a kind, sorted, or the versions of one name, newest first."""
        kind = kind_of(kind)
        texts(project=project, domain=domain, name=name)
        count(limit=limit)
        placed = EntityRef(kind, name or "any", project, domain).placed(self._config)
        if name is None:
            return (await self._backend.lists.names(kind, placed.project or "", placed.domain or ""))[:limit]
        return await self._backend.lists.versions(placed, limit)

    async def get_entity(self, ref: EntityRef | str) -> Entity:
        """One version of an entity: what it takes and gives, what it consists of, how it runs."""
        from ..contracts.entities import entity_of

        found = await self.interface(EntityRef.of(ref).placed(self._config))
        return entity_of(
            found,
            self._data.codec,
            description=await self._backend.description(found.entity),
            graph=None if found.workflow is None else await self._backend.graph(found.workflow),
        )

    async def interface(self, entity: EntityRef) -> Interface:
        """What a placed entity takes. A workflow: its own, with the defaults, which its default launch plan knows."""
        if entity.kind is not EntityKind.WORKFLOW:
            return await self._backend.interface(entity)
        found = await self._backend.workflow(entity)
        try:
            plan = await self._backend.interface(found.entity)
        except EntityNotFound:
            return found
        known = {name: item for name, item in plan.parameters.items() if name in found.parameters}
        return replace(found, parameters={**found.parameters, **known})
