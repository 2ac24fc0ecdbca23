"""What encoding gives: literals with placeholders, and the uploads that will replace them.

Encoding does no I/O, so a local file is a *token* in the literal until its URI is known. `resolved` then makes a new
literal with the URIs in place; the one with tokens stays as it was, because its fingerprint is taken from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flyteidl.core.literals_pb2 import Literal, LiteralMap

from ..model.errors import LiteralError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["TOKEN_PREFIX", "Encoded", "EncodedValue", "Upload", "is_token", "new_token", "walk"]

TOKEN_PREFIX = "flyte-bridge+upload://"  # noqa: S105 - a URI scheme, no password


def new_token(number: int) -> str:
    """The placeholder of one upload; numbers count from 0 within one encoding, so the same inputs give the same tokens."""
    return f"{TOKEN_PREFIX}{number}"


def is_token(uri: str) -> bool:
    """Whether a URI is the placeholder of an upload."""
    return uri.startswith(TOKEN_PREFIX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One thing that has to be uploaded before the literal can be sent.

    Attributes:
        token: Stands for the URI in the literal.
        path: Which leaf of the inputs this is, ``inputs.table``, for messages.
        source: A `pathlib.Path`, bytes, or a data frame (pandas, pyarrow or polars).
        kind: What the source is: ``"file"``, ``"directory"``, ``"bytes"``, ``"frame"`` (a data frame, to be written as
            parquet; a local parquet or CSV file is a ``"file"``) or ``"array"`` (a numpy array, to be written as ``.npy``).
        file_name: Name of the uploaded object. For a frame it is fixed by what flytekit reads: ``00000`` for parquet,
            ``.csv`` for CSV, directly below the URI of the literal.
    """

    token: str
    path: str
    source: Any = field(compare=False, repr=False)
    kind: str
    file_name: str
    parent: bool = False
    """Whether the literal's URI is the directory above the uploaded object, as for every frame."""

    def literal_uri(self, uri: str) -> str:
        """The URI that goes into the literal, given the URI of the uploaded object (or directory).

        For a frame that is the *directory above* the object: flytekit looks for ``<uri>/00000``. Everything else keeps its
        URI.
        """
        return uri.rstrip("/").rpartition("/")[0] if self.parent else uri


@dataclass(frozen=True, slots=True)
class Encoded:
    """The inputs of one launch.

    Attributes:
        literals: All inputs, defaults included, with tokens where uploads belong. Its fingerprint identifies the inputs.
        uploads: What has to be uploaded, inputs in the order of their names.
        given: Names the caller gave; the others are defaults.
    """

    literals: LiteralMap
    uploads: tuple[Upload, ...] = ()
    given: frozenset[str] = field(default_factory=frozenset)

    def resolved(self, uris: Mapping[str, str]) -> LiteralMap:
        """A new map with every token replaced.

        Args:
            uris: Token to native URI of the uploaded object; of a directory upload, the URI of the directory.

        Raises:
            LiteralError: An upload has no URI here.
        """
        out = LiteralMap()
        out.CopyFrom(self.literals)
        targets = _targets(self.uploads, uris)
        if targets:
            for literal in out.literals.values():
                _replace(literal, targets)
        return out


@dataclass(frozen=True, slots=True)
class EncodedValue:
    """One encoded value, with the same conventions as `Encoded`."""

    literal: Literal
    uploads: tuple[Upload, ...] = ()

    def resolved(self, uris: Mapping[str, str]) -> Literal:
        """A new literal with every token replaced; see `Encoded.resolved`."""
        out = Literal()
        out.CopyFrom(self.literal)
        targets = _targets(self.uploads, uris)
        if targets:
            _replace(out, targets)
        return out


def _targets(uploads: tuple[Upload, ...], uris: Mapping[str, str]) -> dict[str, str]:
    missing = [f"{u.path}: not uploaded (no URI for {u.token})" for u in uploads if u.token not in uris]
    if missing:
        raise LiteralError("; ".join(missing), problems=tuple(missing))
    return {u.token: u.literal_uri(uris[u.token]) for u in uploads}


def walk(literal: Literal) -> Iterator[Literal]:
    """Every leaf literal below this one (no collection, map or union), without recursion."""
    stack = [literal]
    while stack:
        node = stack.pop()
        kind = node.WhichOneof("value")
        if kind == "collection":
            stack.extend(node.collection.literals)
        elif kind == "map":
            stack.extend(node.map.literals.values())
        elif kind == "scalar" and node.scalar.WhichOneof("value") == "union":
            stack.append(node.scalar.union.value)
        else:
            yield node


def _replace(literal: Literal, targets: Mapping[str, str]) -> None:
    for leaf in walk(literal):
        scalar = leaf.scalar
        kind = scalar.WhichOneof("value")
        if kind in ("blob", "structured_dataset", "schema"):
            holder = getattr(scalar, kind)
            holder.uri = targets.get(holder.uri, holder.uri)
        elif kind in ("binary", "generic"):
            _replace_in_struct(scalar, kind, lambda text: targets.get(text, text))


def _replace_in_struct(scalar: Any, kind: str, change: Callable[[str], str]) -> None:
    """Rewrites the texts of a struct that contains tokens; one without is left alone, byte for byte."""
    if kind == "generic":
        stack: list[Any] = list(scalar.generic.fields.values())
        while stack:
            value = stack.pop()
            which = value.WhichOneof("kind")
            if which == "string_value":
                value.string_value = change(value.string_value)
            elif which == "struct_value":
                stack.extend(value.struct_value.fields.values())
            elif which == "list_value":
                stack.extend(value.list_value.values)
        return
    raw = scalar.binary.value
    if scalar.binary.tag == "msgpack" and TOKEN_PREFIX.encode() in raw:
        import msgpack

        scalar.binary.value = msgpack.packb(_changed(msgpack.unpackb(raw, strict_map_key=False), change))


def _changed(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_changed(item, change) for item in value]
    if isinstance(value, dict):
        return {key: _changed(item, change) for key, item in value.items()}
    return value
