"""`Project`: where entities and runs live."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .public import public

__all__ = ["Project"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A project of a Flyte."""

    id: str
    """What references and settings name."""
    name: str = ""
    """What people are shown."""
    description: str = ""
    domains: tuple[str, ...] = ()
    """Ids of its domains, in the order of the installation."""
    labels: Mapping[str, str] = field(default_factory=dict)
    archived: bool = False
