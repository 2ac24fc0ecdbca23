"""How far a registration is, and what is known of each entity so far."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ..model.ids import EntityKind, EntityRef
from ..model.registration import RegistrationProgress

__all__ = ["Place", "Progress"]

Place: TypeAlias = tuple[EntityKind, str, str, str]
"""Kind, project, domain, version: what the server lists in one answer."""


@dataclass(slots=True)
class Progress:
    """What is known of each entity so far."""

    outcome: dict[EntityRef, str] = field(default_factory=dict)
    diff: dict[EntityRef, str] = field(default_factory=dict)
    active: set[EntityRef] = field(default_factory=set)
    there: dict[Place, Mapping[str, Any]] = field(default_factory=dict)
    listener: Callable[[RegistrationProgress], None] | None = None
    step: str = "reading"
    total: int = 0

    def set(self, ref: EntityRef, outcome: str, diff: str = "") -> None:
        self.outcome[ref] = outcome
        if diff:
            self.diff[ref] = diff
        self.tell()

    def begin(self, step: str) -> None:
        self.step = step
        self.tell()

    def tell(self) -> None:
        if self.listener is not None:
            self.listener(RegistrationProgress(step=self.step, done=len(self.outcome), total=self.total))
