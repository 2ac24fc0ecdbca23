"""`partition_inputs`: which inputs of a run say which partitions it makes, declared once and converted to the registered types.

The same declaration serves one partition, a range in one run, several dimensions, and partitions that are added while everything
runs. Whether a run may make many partitions follows from what is declared: ``{key}`` is one, the others are many.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import InvalidRequest

from ._compat import name_of_step

if TYPE_CHECKING:
    from bridge_core import Entity

__all__ = ["PartitionInputs"]

_WORD = re.compile(r"\{(?P<word>key|keys|start|end)(?:\.(?P<dimension>[^{}]+))?\}")
_BRACES = re.compile(r"\{[^{}]*\}")
_TIMES = ("start", "end")
Said = str | Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionInputs:
    """What was declared: input -> a text with ``{key}`` and the like in it, or a function of the context."""

    said: Mapping[str, Said]
    definition: dg.PartitionsDefinition[Any] | None

    @classmethod
    def of(
        cls, said: Mapping[str, Said] | None, definition: Any, policy: dg.BackfillPolicy | None, where: str
    ) -> PartitionInputs | None:
        """Reads the declaration; None without one.

        Raises:
            InvalidRequest: There are no partitions, a word or dimension is unknown, the partitions say nothing about time, or
                ``{key}`` is to be many partitions.
        """
        if said is None:
            return None
        if not isinstance(definition, dg.PartitionsDefinition):
            raise InvalidRequest(f"{where}: partition_inputs= is for assets with partitions; give partitions_def=")
        if not isinstance(said, Mapping) or not said:
            raise InvalidRequest(
                f"{where}: partition_inputs must map inputs to texts like '{{key}}' or to functions, got {said!r}"
            )
        for name, text in said.items():
            for word, dimension in _words(name, text, where):
                _check(word, dimension, definition, policy, f"{where}: partition_inputs[{name!r}]")
        return cls(said=said, definition=definition)

    @property
    def many(self) -> bool:
        """Whether one run can make many partitions: nothing that is declared is of a single one."""
        return not any(
            word == "key" for text in self.said.values() if isinstance(text, str) for word, _ in _found(text)
        )

    def values(self, context: Any, entity: Callable[[], Entity]) -> dict[str, Any]:
        """The inputs for the partitions of this step.

        Args:
            context: Of the step.
            entity: Asks Flyte for the interface, for the types.

        Raises:
            Failure: There are several partitions where one was declared, or a key is no value of the input's type.
        """
        keys = list(context.partition_keys)
        types = {name: spec.type for name, spec in entity().inputs.items()}
        found: dict[str, Any] = {}
        for name, text in self.said.items():
            if not isinstance(text, str):
                found[name] = text(context)
                continue
            whole = _WORD.fullmatch(text)
            if whole:
                found[name] = self._one(whole, keys, types.get(name, ""), f"input {name!r} of {name_of_step(context)}")
            else:
                found[name] = _WORD.sub(lambda word, n=name: _text(self._one(word, keys, "string", n)), text)  # type: ignore[misc]
        return found

    def _one(self, found: re.Match[str], keys: Sequence[str], kind: str, where: str) -> Any:
        word, dimension = found["word"], found["dimension"]
        definition = self._dimension(dimension)
        mine = list(dict.fromkeys(self._part(key, dimension) for key in keys))
        if word in _TIMES:
            assert isinstance(definition, dg.TimeWindowPartitionsDefinition)
            windows = [definition.time_window_for_partition_key(key) for key in (mine[0], mine[-1])]
            when = min(window.start for window in windows) if word == "start" else max(window.end for window in windows)
            return when.isoformat() if kind == "string" else when
        if word == "keys":
            item = kind[len("list[") : -1] if kind.startswith("list[") else "string"
            return [_converted(key, item, definition, where) for key in mine]
        if len(mine) != 1:
            raise dg.Failure(
                f"{where}: {found[0]} is one partition, and this run is of {len(mine)} ({mine[0]} to {mine[-1]}); declare "
                "{keys}, or {start} and {end}",
                allow_retries=False,
            )
        return _converted(mine[0], kind, definition, where)

    def _dimension(self, dimension: str | None) -> dg.PartitionsDefinition[Any] | None:
        if dimension is None or not isinstance(self.definition, dg.MultiPartitionsDefinition):
            return self.definition
        return self.definition.get_partitions_def_for_dimension(dimension)

    def _part(self, key: str, dimension: str | None) -> str:
        if dimension is None or not isinstance(self.definition, dg.MultiPartitionsDefinition):
            return str(key)
        multi = self.definition.get_partition_key_from_str(str(key))
        return str(multi.keys_by_dimension[dimension])


def _found(text: str) -> list[tuple[str, str | None]]:
    return [(found["word"], found["dimension"]) for found in _WORD.finditer(text)]


def _words(name: str, text: Any, where: str) -> list[tuple[str, str | None]]:
    if callable(text):
        return []
    found = _found(text) if isinstance(text, str) else []
    unknown = [] if not isinstance(text, str) else [part for part in _BRACES.findall(text) if not _WORD.fullmatch(part)]
    if not found or unknown:
        raise InvalidRequest(
            f"{where}: partition_inputs[{name!r}]: wanted a function, or a text with {{key}}, {{keys}}, {{start}} or {{end}}, "
            f"each with .dimension where there are several; got {text!r}"
        )
    return found


def _check(
    word: str,
    dimension: str | None,
    definition: dg.PartitionsDefinition[Any],
    policy: dg.BackfillPolicy | None,
    where: str,
) -> None:
    part: dg.PartitionsDefinition[Any] = definition
    if isinstance(definition, dg.MultiPartitionsDefinition):
        names = [each.name for each in definition.partitions_defs]
        if dimension is None and word in _TIMES:
            raise InvalidRequest(f"{where}: of which dimension? {{{word}.…}} with one of {', '.join(names)}")
        if dimension is not None:
            if dimension not in names:
                raise InvalidRequest(f"{where}: no dimension {dimension!r}; there are {', '.join(names)}")
            part = definition.get_partitions_def_for_dimension(dimension)
    elif dimension is not None:
        raise InvalidRequest(f"{where}: these partitions have one dimension, {{{word}}} is it")
    if word in _TIMES and not isinstance(part, dg.TimeWindowPartitionsDefinition):
        raise InvalidRequest(f"{where}: {{{word}}} is a time, and {type(part).__name__} says nothing about time")
    if word == "key" and policy is not None and policy.max_partitions_per_run != 1:
        raise InvalidRequest(
            f"{where}: {{key}} is one partition, and the backfill policy makes many in a run; take {{keys}}, {{start}}, {{end}}"
        )


def _converted(key: str, kind: str, definition: dg.PartitionsDefinition[Any] | None, where: str) -> Any:
    """The key as a value of the registered type."""
    try:
        if kind == "integer":
            return int(key)
        if kind == "float":
            return float(key)
        if kind == "datetime":
            if isinstance(definition, dg.TimeWindowPartitionsDefinition):
                return definition.time_window_for_partition_key(key).start
            when = datetime.fromisoformat(key)
            return when if when.tzinfo else when.replace(tzinfo=UTC)
        if kind == "boolean":
            return {"true": True, "false": False}[key.lower()]
    except (ValueError, KeyError):
        raise dg.Failure(f"{where}: partition key {key!r} is no {kind}", allow_retries=False) from None
    return key


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
