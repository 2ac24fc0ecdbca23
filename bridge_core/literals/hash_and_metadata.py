"""`Hashed`: a literal's hash, which Flyte's cache compares, and its metadata (artifact partitions, for example)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..model.public import public

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import Literal

__all__ = ["Hashed", "annotate", "literal_hash", "literal_metadata"]


@public
@dataclass(frozen=True, slots=True)
class Hashed:
    """An input with a hash of your own: Flyte's cache compares it instead of the value.

    Example:
        >>> from bridge_core import FileRef
        >>> Hashed(FileRef(uri="s3://b/model.bin"), "v7").hash
        'v7'
    """

    value: Any
    """Whatever the input takes."""
    hash: str | None = None
    """None: only the metadata is wanted."""
    metadata: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Kept with the literal, as a task's outputs have it: ``Hashed(outs["o0"], metadata=outs.metadata("o0"))``."""


def annotate(literal: Literal, hashed: Hashed) -> None:
    """Puts hash and metadata on a literal."""
    if hashed.hash:
        literal.hash = hashed.hash
    for key, value in hashed.metadata.items():
        literal.metadata[key] = value


def literal_hash(literal: Literal) -> str | None:
    """The hash a task attached to this value, None without one."""
    return literal.hash or None


def literal_metadata(literal: Literal) -> dict[str, str]:
    """The metadata of this value."""
    return dict(literal.metadata)
