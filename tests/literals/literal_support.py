"""What the tests of the codec share: types made without flytekit, and the golden files.

Not in `conftest.py`: every folder has one, and test modules could not tell which one they import.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyteidl.core import types_pb2
from flyteidl.core.literals_pb2 import Literal
from flyteidl.core.types_pb2 import LiteralType

from bridge_core.model.references import DirectoryRef, FileRef, FrameRef

GOLDEN = Path(__file__).parent / "golden"


@dataclass
class Golden:
    name: str
    type: LiteralType
    literal: Literal
    plain: Any


def untagged(value: Any) -> Any:
    """The reverse of `make_golden.tagged`."""
    if isinstance(value, list):
        return [untagged(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        tag, content = next(iter(value.items()))
        if tag == "$datetime":
            return dt.datetime.fromisoformat(content)
        if tag == "$microseconds":
            return dt.timedelta(microseconds=content)
        if tag == "$float":
            return float(content)
        if tag == "$pairs":
            return {key: untagged(item) for key, item in content}
        if tag == "$ref":
            kinds = {"file": FileRef, "directory": DirectoryRef, "frame": FrameRef}
            return kinds[content["flyte_ref"]].from_dict(content)
    return {key: untagged(item) for key, item in value.items()}


def load(path: Path) -> Golden:
    record = json.loads(path.read_text())
    return Golden(
        name=record["case"],
        type=LiteralType.FromString(base64.b64decode(record["type"])),
        literal=Literal.FromString(base64.b64decode(record["literal"])),
        plain=untagged(record["plain"]),
    )


GOLDENS = [load(path) for path in sorted(GOLDEN.glob("*.json"))]
GOLDENS2 = [load(path) for path in sorted((GOLDEN.parent / "golden2").glob("*.json"))]


class Types:
    """Types as the server sends them, in few words."""

    INT = LiteralType(simple=types_pb2.INTEGER)
    FLOAT = LiteralType(simple=types_pb2.FLOAT)
    STR = LiteralType(simple=types_pb2.STRING)
    BOOL = LiteralType(simple=types_pb2.BOOLEAN)
    NONE = LiteralType(simple=types_pb2.NONE)
    DATETIME = LiteralType(simple=types_pb2.DATETIME)
    DURATION = LiteralType(simple=types_pb2.DURATION)
    BINARY = LiteralType(simple=types_pb2.BINARY)
    ERROR = LiteralType(simple=types_pb2.ERROR)
    STRUCT = LiteralType(simple=types_pb2.STRUCT)
    FILE = LiteralType(blob=types_pb2.BlobType(format="", dimensionality=types_pb2.BlobType.SINGLE))
    CSV = LiteralType(blob=types_pb2.BlobType(format="csv", dimensionality=types_pb2.BlobType.SINGLE))
    DIRECTORY = LiteralType(blob=types_pb2.BlobType(dimensionality=types_pb2.BlobType.MULTIPART))
    FRAME = LiteralType(structured_dataset_type=types_pb2.StructuredDatasetType())
    SCHEMA = LiteralType(schema=types_pb2.SchemaType())

    @staticmethod
    def list(element: LiteralType) -> LiteralType:
        return LiteralType(collection_type=element)

    @staticmethod
    def map(element: LiteralType) -> LiteralType:
        return LiteralType(map_value_type=element)

    @staticmethod
    def enum(*values: str) -> LiteralType:
        return LiteralType(enum_type=types_pb2.EnumType(values=values))

    @staticmethod
    def tagged(kind: LiteralType, tag: str) -> LiteralType:
        out = LiteralType()
        out.CopyFrom(kind)
        out.structure.tag = tag
        return out

    @classmethod
    def union(cls, **variants: LiteralType) -> LiteralType:
        kinds = [cls.tagged(kind, tag) for tag, kind in variants.items()]
        return LiteralType(union_type=types_pb2.UnionType(variants=kinds))

    @staticmethod
    def struct(schema: dict[str, Any], *, msgpack: bool = True) -> LiteralType:
        out = LiteralType(simple=types_pb2.STRUCT)
        out.metadata.update(schema)
        if msgpack:
            out.annotation.annotations.update({"cache-key-metadata": {"serialization-format": "msgpack"}})
        return out
