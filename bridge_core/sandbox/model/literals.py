"""Looking into literals: through unions, and into the file of an offloaded one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyteidl.core import literals_pb2

from .outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["loaded", "none_literal", "unwrapped"]


def none_literal() -> Any:
    """The literal of None."""
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(none_type=literals_pb2.Void()))


def unwrapped(literal: Any) -> Any:
    """The literal inside any number of unions."""
    while literal.WhichOneof("value") == "scalar" and literal.scalar.WhichOneof("value") == "union":
        literal = literal.scalar.union.value
    return literal


def loaded(literal: Any, local: Callable[[str], Path] = Path) -> Any:
    """The literal itself when it was offloaded to a file."""
    if literal.WhichOneof("value") != "offloaded_metadata":
        return literal
    path = local(literal.offloaded_metadata.uri)
    try:
        return literals_pb2.Literal.FromString(path.read_bytes())
    except OSError as error:
        raise Failure("OffloadedLiteralNotFound", f"cannot read the offloaded literal {path}: {error}") from None
