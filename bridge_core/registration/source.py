"""`Source`: what can be registered, whatever it was read from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..model.digests import digest_of, letters

if TYPE_CHECKING:
    from .placeholders import Values
    from .spec import Spec

__all__ = ["Code", "Source", "Together", "version_of"]

_VERSION_CHARS = 26


@dataclass(frozen=True, slots=True)
class Code:
    """A code archive: what ``pyflyte-fast-execute`` downloads and unpacks before a task runs."""

    name: str
    data: bytes

    @property
    def md5(self) -> bytes:
        """Names the folder in which it lies, and is what its upload is signed for."""
        return hashlib.md5(self.data, usedforsecurity=False).digest()


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

    def draft(self) -> list[Spec]:
        """Its entities as they are before anybody knows their version: for what must be known of them before."""
        ...

    def specs(self, values: Values) -> list[Spec]:
        """Its entities, with project, domain, version and the place of the code filled in."""
        ...

    def close(self) -> None:
        """Gives back what it holds."""
        ...


@dataclass(frozen=True, slots=True)
class Together:
    """Several sources that are registered as one, under one version; at most one of them has a code archive."""

    parts: tuple[Source, ...]

    @property
    def origin(self) -> str:
        """Of all of them."""
        return ", ".join(part.origin for part in self.parts)

    @property
    def code(self) -> Code | None:
        """Of the one that has it."""
        return next((part.code for part in self.parts if part.code is not None), None)

    @property
    def digest(self) -> str:
        """Of all of them."""
        return digest_of(*(part.digest for part in self.parts), chars=_VERSION_CHARS)

    def draft(self) -> list[Spec]:
        """Of all of them."""
        return [spec for part in self.parts for spec in part.draft()]

    def specs(self, values: Values) -> list[Spec]:
        """Of all of them."""
        return [spec for part in self.parts for spec in part.specs(values)]

    def close(self) -> None:
        """Closes all of them."""
        for part in self.parts:
            part.close()


def version_of(content: Any) -> str:
    """The version that a hash of content makes."""
    return letters(content.digest(), _VERSION_CHARS)
