"""`Plan`: entities in the order in which they can be written, checked before anything is. Pure: no I/O.

An entity is written after everything it refers to; those of one layer refer to nothing of it and can be written at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote_plus

from ..model.errors import InvalidRequest
from ..model.ids import EntityKind, EntityRef
from .spec import Spec

__all__ = ["Plan", "check_version", "plan"]

_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be written, and what must be there already."""

    layers: tuple[tuple[Spec, ...], ...]
    outside: tuple[tuple[EntityRef, EntityRef], ...]
    """(entity, what it refers to that is not among them): the server must have these."""

    @property
    def specs(self) -> tuple[Spec, ...]:
        """All, in order."""
        return tuple(spec for layer in self.layers for spec in layer)

    def one(self, wanted: EntityRef) -> EntityRef:
        """One of them, pinned.

        Args:
            wanted: With or without a version. A workflow stands for its own launch plan.

        Raises:
            InvalidRequest: It is not among them.
        """
        kind = EntityKind.LAUNCH_PLAN if wanted.kind is EntityKind.WORKFLOW else wanted.kind
        for spec in self.specs:
            if replace(spec.ref, version=None) == replace(wanted, kind=kind, version=None):
                return replace(wanted, version=spec.ref.version)
        near = [spec.ref for spec in self.specs if spec.ref.name == wanted.name] or [spec.ref for spec in self.specs]
        there = ", ".join(str(replace(ref, version=None)) for ref in near[:_SHOWN])
        more = f" and {len(near) - _SHOWN} more" if len(near) > _SHOWN else ""
        raise InvalidRequest(
            f"{replace(wanted, version=None)} is to be launched, and is not among what is registered for it: {there}{more}. "
            "Nothing was written; name one of these, or give the source that holds it"
        )

    def __str__(self) -> str:
        lines = [f"{number}. {spec.ref}" for number, layer in enumerate(self.layers, 1) for spec in layer]
        return "\n".join(lines)


def plan(specs: Sequence[Spec]) -> Plan:
    """Orders and checks.

    Raises:
        InvalidRequest: Two different things under one name, entities that refer to each other in a circle, a version that
            Flyte refuses; names the entities and the files they came from.
    """
    once: dict[EntityRef, Spec] = {}
    for spec in specs:
        check_version(spec.ref)
        other = once.setdefault(spec.ref, spec)
        if other.message != spec.message:
            raise InvalidRequest(
                f"{spec.ref} is there twice, with different content: in {other.origin or 'one place'} and in "
                f"{spec.origin or 'another'}; leave one out, or rename it"
            )
    references = {ref: tuple(other for other in spec.references() if other != ref) for ref, spec in once.items()}
    layers: list[tuple[Spec, ...]] = []
    left = dict(once)
    while left:
        layer = [spec for ref, spec in left.items() if not any(other in left for other in references[ref])]
        if not layer:
            raise InvalidRequest(f"entities refer to each other in a circle: {_circle(left, references)}")
        for spec in layer:
            del left[spec.ref]
        layers.append(tuple(sorted(layer, key=lambda spec: str(spec.ref))))
    outside = tuple((ref, other) for ref, others in references.items() for other in others if other not in once)
    return Plan(layers=tuple(layers), outside=outside)


def check_version(ref: EntityRef) -> None:
    """Refuses a version that FlyteAdmin refuses (validation.go, ``ValidateVersion``: it must survive URL escaping).

    Raises:
        InvalidRequest: It would not.
    """
    version = ref.version or ""
    if not version or quote_plus(version).lower() != version.lower():
        raise InvalidRequest(
            f"{ref}: version {version!r} is not usable; Flyte wants letters, digits, '-', '_', '.' and '~', for instance "
            "'v1.2.0' or a commit id"
        )


def _circle(left: dict[EntityRef, Spec], references: dict[EntityRef, tuple[EntityRef, ...]]) -> str:
    ref = next(iter(left))
    path: list[EntityRef] = []
    while ref not in path:
        path.append(ref)
        ref = next(other for other in references[ref] if other in left)
    return " → ".join(str(item) for item in [*path[path.index(ref) :], ref])
