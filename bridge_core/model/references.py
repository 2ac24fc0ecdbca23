"""References to data that stays where it is: inert, picklable, nothing is read until a client is asked to.

`Client.download`, `Client.open` and `Client.read_frame` take them; a launch takes them as inputs and passes the URI on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from .public import public

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DirectoryRef", "FileRef", "FrameRef"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class FileRef:
    """One file somewhere a Flyte task can read it (a Flyte blob of dimensionality SINGLE)."""

    uri: str
    format: str = ""
    """Flyte's blob format, ``"csv"`` for ``FlyteFile["csv"]``; empty when none was declared."""
    size: int | None = None
    """Bytes, when known."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, tagged, for XCom and event logs."""
        return _to_dict("file", uri=self.uri, format=self.format, size=self.size)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of `to_dict`."""
        return cls(uri=data["uri"], format=data.get("format", ""), size=data.get("size"))


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class DirectoryRef:
    """A directory of files (a Flyte blob of dimensionality MULTIPART)."""

    uri: str
    format: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, tagged, for XCom and event logs."""
        return _to_dict("directory", uri=self.uri, format=self.format)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of `to_dict`."""
        return cls(uri=data["uri"], format=data.get("format", ""))


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRef:
    """A table (a Flyte StructuredDataset, or a legacy Schema). Parquet data sits at ``<uri>/00000`` or any file below."""

    uri: str
    format: str = "parquet"
    size: int | None = None
    """Bytes, when known."""
    schema: tuple[tuple[str, str], ...] = ()
    """Column names and Flyte types (``"integer"``, ``"string"``, …) in order; empty when the type declares none."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, tagged, for XCom and event logs."""
        return _to_dict(
            "frame", uri=self.uri, format=self.format, size=self.size, schema=[list(c) for c in self.schema]
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of `to_dict`."""
        return cls(
            uri=data["uri"],
            format=data.get("format", "parquet"),
            size=data.get("size"),
            schema=tuple((name, kind) for name, kind in data.get("schema", ())),
        )


def _to_dict(kind: str, **fields: Any) -> dict[str, Any]:
    """JSON form of a reference: empty fields are left out, ``flyte_ref`` says which class wrote it."""
    return {"flyte_ref": kind, **{k: v for k, v in fields.items() if v not in (None, "", [])}}
