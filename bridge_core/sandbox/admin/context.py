"""`Admin`: the parts of an embedded FlyteAdmin, put together once and handed to its services and to the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..store.attributes import Attributes
from ..store.descriptions import Descriptions
from ..store.entities import Entities
from ..store.executions import Executions
from ..store.names import Names
from ..store.nodes import Nodes
from ..store.projects import Projects
from .offloaded import Offloaded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..controls.faults import Faults
    from ..model.layout import Layout
    from ..store.database import Database

__all__ = ["Admin"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Admin:
    """What FlyteAdmin stands on."""

    database: Database
    faults: Faults
    attributes: Attributes
    descriptions: Descriptions
    entities: Entities
    executions: Executions
    names: Names
    nodes: Nodes
    offloaded: Offloaded
    projects: Projects
    limits: Mapping[int, str]
    """What a task may ask for at most, by resource."""

    @classmethod
    def on(cls, database: Database, layout: Layout, faults: Faults, limits: Mapping[int, str]) -> Admin:
        """The parts on one store and one storage."""
        return cls(
            database=database,
            faults=faults,
            attributes=Attributes(database),
            descriptions=Descriptions(database),
            entities=Entities(database),
            executions=Executions(database),
            names=Names(database),
            nodes=Nodes(database),
            offloaded=Offloaded(layout, faults.outages),
            projects=Projects(database),
            limits=limits,
        )
