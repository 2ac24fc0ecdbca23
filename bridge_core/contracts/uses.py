"""`Use` and `Problem`: where something of Flyte is used in a file, and what is wrong with it; plain JSON between processes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from ..model.ids import EntityKind, EntityRef
from ..model.run_options import RunOptions

__all__ = ["Problem", "Selection", "Use", "from_plain", "option_names", "plain_or_none"]

_TYPE = "$type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One place of a file that uses an entity."""

    file: str
    line: int
    what: str
    """In the reader's words: ``task train of DAG etl``."""
    entity: EntityRef
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Those whose value is written there."""
    unknown: tuple[str, ...] = ()
    """Names of inputs whose value is known when it runs: templates, outputs of others."""
    open: bool = False
    """Whether there may be further inputs: a function makes them."""
    launches: bool = True
    """False: it only looks at runs of the entity, so that inputs do not count."""
    outputs: tuple[str, ...] = ()
    """Names of outputs that are used."""
    options: tuple[str, ...] = ()
    """Names of `RunOptions` that are set."""
    any_kind: bool = False
    """Whether the name may be that of a task as well as of a launch plan."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "file": self.file, "line": self.line, "what": self.what, "entity": self.entity.to_dict(),
            "unknown": list(self.unknown),
            "inputs": _plain_inputs(self.inputs),
            "open": self.open, "launches": self.launches, "outputs": list(self.outputs), "options": list(self.options),
            "any_kind": self.any_kind,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Reads it back."""
        return cls(
            file=data["file"], line=data["line"], what=data["what"], entity=EntityRef.from_dict(data["entity"]),
            inputs=_inputs_from(data["inputs"]),
            unknown=tuple(data["unknown"]), open=data["open"], launches=data["launches"], outputs=tuple(data["outputs"]),
            options=tuple(data["options"]), any_kind=data["any_kind"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One place of a file that uses all entities of a kind whose names are chosen by patterns."""

    file: str
    line: int
    what: str
    kind: EntityKind
    patterns: tuple[str, ...] = ()
    """As `EntityRef.matches` reads them; none: all."""
    project: str | None = None
    domain: str | None = None
    launches: bool = True
    """False: nothing is launched with what is written here."""
    common: Mapping[str, Any] = field(default_factory=dict)
    """Inputs of each that takes them."""
    own: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Name of an entity -> further inputs of it."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Where each of `own`, of the patterns and of `unknown` stands, if not in `line`."""
    unknown: tuple[str, ...] = ()
    """Names of inputs whose value is known when it runs."""
    open: bool = False
    """Whether somebody may give further inputs when it runs."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "file": self.file, "line": self.line, "what": self.what, "kind": self.kind.value,
            "patterns": list(self.patterns), "project": self.project, "domain": self.domain, "launches": self.launches,
            "common": _plain_inputs(self.common), "own": {name: _plain_inputs(item) for name, item in self.own.items()},
            "lines": dict(self.lines), "unknown": list(self.unknown), "open": self.open,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Reads it back."""
        return cls(
            file=data["file"], line=data["line"], what=data["what"], kind=EntityKind(data["kind"]),
            patterns=tuple(data["patterns"]), project=data["project"], domain=data["domain"], launches=data["launches"],
            common=_inputs_from(data["common"]), own={name: _inputs_from(item) for name, item in data["own"].items()},
            lines=data["lines"], unknown=tuple(data["unknown"]), open=data["open"],
        )  # fmt: skip

    def chosen(self, known: Iterable[EntityRef]) -> list[EntityRef]:
        """Those that the patterns choose."""
        return [ref for ref in known if ref.matches(self.patterns)]


def _plain_inputs(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain_or_none(value) for name, value in inputs.items()}


def _inputs_from(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: from_plain(value[0]) for name, value in data.items() if value is not None}


def option_names(options: Any) -> tuple[str, ...]:
    """Names of the `RunOptions` that are set; none of something that gives them later.

    Raises:
        InvalidRequest: There is no such option, or a value is of the wrong kind.
    """
    if isinstance(options, Mapping):
        options = RunOptions.from_mapping(options)
    if not isinstance(options, RunOptions):
        return ()
    options.check_types()
    return tuple(name for name in RunOptions.__dataclass_fields__ if getattr(options, name) is not None)


def plain_or_none(value: Any) -> list[Any] | None:
    """The value in a list of one, as JSON has it; None for one that JSON cannot say, which is looked at by nobody then."""
    try:
        return [_plain(value)]
    except TypeError:
        return None


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return str(value)
        case dt.datetime() | dt.date():
            return {_TYPE: type(value).__name__ if type(value) is dt.date else "datetime", "value": value.isoformat()}
        case dt.timedelta():
            return {_TYPE: "timedelta", "value": value.total_seconds()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case Mapping() if all(isinstance(key, str) for key in value):
            return {key: _plain(item) for key, item in value.items()}
    raise TypeError(f"{type(value).__name__} is no JSON")


def from_plain(value: Any) -> Any:
    """What `plain_or_none` made it of."""
    if isinstance(value, list):
        return [from_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get(_TYPE):
        case "datetime":
            return dt.datetime.fromisoformat(value["value"])
        case "date":
            return dt.date.fromisoformat(value["value"])
        case "timedelta":
            return dt.timedelta(seconds=value["value"])
    return {key: from_plain(item) for key, item in value.items()}
