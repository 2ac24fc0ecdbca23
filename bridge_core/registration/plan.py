"""`Plan`: entities in the order in which they can be written, checked before anything is. Pure: no I/O.

An entity is written after everything it refers to; those of one layer refer to nothing of it and can be written at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus

from ..model.errors import InvalidRequest
from ..model.ids import EntityRef
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
