"""What a registered entity takes and gives, for people: no wire types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .public import public

if TYPE_CHECKING:
    from .ids import EntityRef

__all__ = ["Entity", "InputSpec"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One input of an entity."""

    type: str
    """As messages show it: ``integer``, ``list[string]``, ``file (csv)``."""
    required: bool
    default: Any = None
    """Decoded default; None when there is none."""
    description: str = ""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One version of a task, workflow or launch plan."""

    ref: EntityRef
    """Pinned to its version, with project and domain."""
    inputs: Mapping[str, InputSpec]
    outputs: Mapping[str, str]
    """Output name -> type, as messages show it."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Inputs that the launch plan fixes, decoded."""
    active: bool | None = None
    """Launch plans: whether this version is the active one. None for others."""
    description: str = ""
    """What its author wrote about it, when Flyte keeps that."""
