"""Python types and Flyte's: which Flyte type a Python type has, and which Python type values of a Flyte type have.

The rules are flytekit's (core/type_engine.py) as far as they can hold without its classes; the other direction says what decoding
gives. Launching never asks these: it goes by what is registered.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import datetime as dt
import enum
import os
import types
import typing
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest
from ..model.public import public
from ..model.references import DirectoryRef, FileRef, FrameRef

if TYPE_CHECKING:
    from flyteidl.core.types_pb2 import LiteralType

__all__ = ["literal_type", "python_type"]

_WORDS = {
    "integer": "INTEGER", "float": "FLOAT", "string": "STRING", "boolean": "BOOLEAN", "datetime": "DATETIME",
    "duration": "DURATION", "bytes": "BINARY", "struct": "STRUCT", "none": "NONE",
}  # fmt: skip
_SIMPLE: dict[Any, str] = {
    int: "INTEGER", float: "FLOAT", str: "STRING", bool: "BOOLEAN", dt.datetime: "DATETIME", dt.date: "DATETIME",
    dt.timedelta: "DURATION", bytes: "BINARY", dict: "STRUCT", type(None): "NONE",
}  # fmt: skip
_TAGS = {
    "INTEGER": "int", "FLOAT": "float", "STRING": "str", "BOOLEAN": "bool", "DATETIME": "datetime", "DURATION": "timedelta",
    "NONE": "none", "STRUCT": "Typed Dict", "BINARY": "bytes",
}  # fmt: skip
_BACK: dict[str, Any] = {
    "INTEGER": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool, "DATETIME": dt.datetime, "DURATION": dt.timedelta,
    "BINARY": bytes, "STRUCT": dict, "NONE": type(None), "ERROR": dict,
}  # fmt: skip
_FRAMES = ("pandas", "pyarrow", "polars")


@public
def literal_type(python: Any) -> LiteralType:
    """The Flyte type of a Python type.

    Args:
        python: ``int``, ``float``, ``str``, ``bool``, ``datetime``, ``timedelta``, ``bytes``, ``dict``, ``None``, ``list[T]``,
            ``dict[str, T]``, unions, enums of texts, dataclasses (as structures), `FileRef` or ``pathlib.Path``, `DirectoryRef`,
            `FrameRef` or the frames of pandas, pyarrow and polars; or a word: ``"integer"``, ``"file"``, ``"file (csv)"``,
            ``"directory"``, ``"frame"``, as messages of this library write types.

    Returns:
        A ``flyteidl.core.types_pb2.LiteralType``.

    Raises:
        InvalidRequest: There is none.
    """
    from flyteidl.core import types_pb2

    if isinstance(python, str):
        return _word(python)
    if python is None:
        python = type(None)
    if python in _SIMPLE if isinstance(python, collections.abc.Hashable) else False:
        return types_pb2.LiteralType(simple=types_pb2.SimpleType.Value(_SIMPLE[python]))
    origin, arguments = typing.get_origin(python), typing.get_args(python)
    if origin is typing.Annotated:
        return literal_type(arguments[0])
    if origin in (typing.Union, types.UnionType):
        union = types_pb2.UnionType(variants=[_variant(item) for item in arguments])
        return types_pb2.LiteralType(union_type=union)
    if origin in (list, collections.abc.Sequence) and len(arguments) == 1:
        return types_pb2.LiteralType(collection_type=literal_type(arguments[0]))
    if origin in (dict, collections.abc.Mapping) and len(arguments) == 2 and arguments[0] is str:  # noqa: PLR2004
        return types_pb2.LiteralType(map_value_type=literal_type(arguments[1]))
    if isinstance(python, type) and (found := _class(python)) is not None:
        return found
    raise InvalidRequest(
        f"{python!r} has no Flyte type here; wanted int, float, str, bool, datetime, timedelta, bytes, dict, list[T], "
        "dict[str, T], a union, an enum of texts, a dataclass, FileRef, DirectoryRef, FrameRef, or a word: 'integer', 'file' …"
    )


@public
def python_type(literal: LiteralType) -> Any:
    """The Python type that values of a Flyte type have when they are decoded: plain values, references, lists, dicts, unions.

    Args:
        literal: A ``flyteidl.core.types_pb2.LiteralType``.
    """
    from flyteidl.core import types_pb2

    which = literal.WhichOneof("type")
    if which == "simple":
        return _BACK.get(types_pb2.SimpleType.Name(literal.simple), Any)
    if which == "collection_type":
        return list[python_type(literal.collection_type)]  # type: ignore[misc]
    if which == "map_value_type":
        return dict[str, python_type(literal.map_value_type)]  # type: ignore[misc]
    if which == "union_type":
        return typing.Union[tuple(python_type(item) for item in literal.union_type.variants)]  # noqa: UP007
    if which == "enum_type":
        return typing.Literal[tuple(literal.enum_type.values)]
    if which == "blob":
        return DirectoryRef if literal.blob.dimensionality == types_pb2.BlobType.MULTIPART else FileRef
    if which in ("structured_dataset_type", "schema"):
        return FrameRef
    return Any


def _word(text: str) -> LiteralType:
    from flyteidl.core import types_pb2

    noun, _, rest = text.partition("(")
    noun, form = noun.strip(), rest.rstrip(") ").strip()
    if noun in _WORDS:
        return types_pb2.LiteralType(simple=types_pb2.SimpleType.Value(_WORDS[noun]))
    if noun in ("file", "directory"):
        shape = types_pb2.BlobType.MULTIPART if noun == "directory" else types_pb2.BlobType.SINGLE
        return types_pb2.LiteralType(blob=types_pb2.BlobType(format=form, dimensionality=shape))
    if noun == "frame":
        return types_pb2.LiteralType(structured_dataset_type=types_pb2.StructuredDatasetType(format=form))
    raise InvalidRequest(
        f"{text!r} is no word for a Flyte type; wanted {', '.join(_WORDS)}, file, file (csv), directory or frame"
    )


def _class(python: type) -> LiteralType | None:
    from flyteidl.core import types_pb2

    if issubclass(python, enum.Enum):
        values = [member.value for member in python]
        if not all(isinstance(value, str) for value in values):
            raise InvalidRequest(
                f"enum {python.__qualname__}: Flyte's enums hold texts, and one of its values is none: {values!r}"
            )
        return types_pb2.LiteralType(enum_type=types_pb2.EnumType(values=values))
    if issubclass(python, FileRef) or issubclass(python, os.PathLike):
        return _word("file")
    if issubclass(python, DirectoryRef):
        return _word("directory")
    if issubclass(python, FrameRef) or python.__module__.split(".")[0] in _FRAMES:
        return _word("frame")
    if dataclasses.is_dataclass(python):
        return types_pb2.LiteralType(simple=types_pb2.STRUCT)
    return None


def _variant(python: Any) -> LiteralType:
    """A variant of a union carries a tag, by which flytekit finds the type again."""
    from flyteidl.core import types_pb2

    found = literal_type(python)
    tag = _TAGS.get(types_pb2.SimpleType.Name(found.simple), "") if found.WhichOneof("type") == "simple" else ""
    names = {"collection_type": "Typed List", "map_value_type": "Typed Dict", "enum_type": "DefaultEnumTransformer"}
    found.structure.tag = tag or names.get(found.WhichOneof("type") or "", str(getattr(python, "__name__", python)))
    return found
