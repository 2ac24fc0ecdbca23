"""What travels beside a value: the literal's hash (it drives Flyte's cache) and its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import Literal

__all__ = ["literal_hash", "literal_metadata"]


def literal_hash(literal: Literal) -> str | None:
    """The hash a task attached to this value, None without one."""
    return literal.hash or None


def literal_metadata(literal: Literal) -> dict[str, str]:
    """The metadata of this value."""
    return dict(literal.metadata)
