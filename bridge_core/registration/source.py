"""`Source`: what can be registered, whatever it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from .placeholders import Values
    from .spec import Spec

__all__ = ["Code", "Source"]


@dataclass(frozen=True, slots=True)
class Code:
    """A code archive: what ``pyflyte-fast-execute`` downloads and unpacks before a task runs."""

    name: str
    data: bytes


class Source(Protocol):
    """Something that was read, checked as far as it can be alone."""

    @property
    def origin(self) -> str:
        """What it was read from, for messages."""
        ...

    @property
    def code(self) -> Code | None:
        """The code archive that its tasks want."""
        ...

    @property
    def digest(self) -> str:
        """Names its content: the same on every machine."""
        ...

    def specs(self, values: Values) -> list[Spec]:
        """Its entities, with project, domain, version and the place of the code filled in."""
        ...

    def close(self) -> None:
        """Gives back what it holds."""
        ...
