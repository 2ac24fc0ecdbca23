"""`FlyteRunConfig`: the inputs of a launch as Dagster configuration, so that the launchpad shows typed fields.

No ``from __future__ import annotations`` here: pydantic reads annotations at run time.
"""

import enum
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar, Self

import dagster as dg
from pydantic import Field, create_model

from bridge_core import Entity, InputSpec, InvalidRequest

from .translator import FlyteEntityProps

__all__ = ["FlyteRunConfig", "Interface"]

Interface = FlyteEntityProps | Entity | Mapping[str, InputSpec | str]
"""What `FlyteRunConfig.of` reads: what Flyte says about an entity, or names of inputs with their types in words."""
_SIMPLE: Mapping[str, Any] = {"integer": int, "float": float, "string": str, "boolean": bool}
_AS_TEXT: Mapping[str, str] = {
    "datetime": "ISO 8601, like 2026-11-20T08:00:00+01:00; without a zone it is UTC",
    "duration": "like 1h30m, or ISO 8601: PT1H30M",
    "file": "URI",
    "directory": "URI",
}
_ENUM = re.compile(r"enum \[(.*)\]")
_LIST = re.compile(r"list\[(.*)\]")
_DICT = re.compile(r"dict\[string, (.*)\]")


class FlyteRunConfig(dg.Config):
    """Base of the classes that `of` makes. An asset or op takes one as its parameter ``config``, and gives on `to_inputs`.

    Example:
        >>> from dagster_integration import FlyteRunConfig
        >>> Training = FlyteRunConfig.of({"epochs": "integer", "rates": "list[float]"}, name="Training")
        >>> Training(epochs=3, rates=[0.1]).to_inputs()
        {'epochs': 3, 'rates': [0.1]}
    """

    flyte_types: ClassVar[Mapping[str, tuple[str, str]]] = {}
    """Field -> the input's name, its type in words."""

    @classmethod
    def of(
        cls,
        interface: Interface,
        *,
        name: str = "FlyteInputs",
        optional: Collection[str] = (),
        leave_out: Collection[str] = (),
    ) -> type[Self]:
        """A class with a field for each input.

        Args:
            interface: Of a launch plan, workflow or task: from `FlyteResource.fetch_interface`, for instance.
            name: Of the class, which the launchpad shows.
            optional: Inputs that somebody else gives when nobody sets them here.
            leave_out: Inputs that nobody is to set here.

        Raises:
            InvalidRequest: `optional` or `leave_out` name an input that there is not.
        """
        given = interface if isinstance(interface, Mapping) else interface.inputs
        specs = {
            key: InputSpec(type=spec, required=True) if isinstance(spec, str) else spec for key, spec in given.items()
        }
        if unknown := sorted({*optional, *leave_out} - set(specs)):
            raise InvalidRequest(
                f"{name}: no input {', '.join(map(repr, unknown))}; there are {', '.join(specs) or 'none'}"
            )
        fields: dict[str, Any] = {}
        types: dict[str, tuple[str, str]] = {}
        for key, spec in specs.items():
            if key in leave_out:
                continue
            # pydantic keeps names of its own, and those with an underscore in front.
            name_here = f"input_{key}" if hasattr(cls, key) or key.startswith(("_", "model_")) else key
            fields[name_here] = _field(key, name_here, spec, needed=spec.required and key not in optional)
            types[name_here] = (key, spec.type)
        made: type[Self] = create_model(name, __base__=cls, **fields)
        made.flyte_types = types
        return made

    def to_inputs(self) -> dict[str, Any]:
        """Input name -> value, of those that were set; the others are Flyte's defaults or somebody else's.

        Raises:
            Failure: A text is no time or duration.
        """
        found: dict[str, Any] = {}
        for here, (name, kind) in self.flyte_types.items():
            value = getattr(self, here)
            if value is not None:
                found[name] = _value(name, kind, value)
        return found


def _field(key: str, here: str, spec: InputSpec, *, needed: bool) -> Any:
    kind, hint = _type(spec.type)
    words = "; ".join(part for part in (spec.description, spec.type, hint) if part)
    alias = key if here != key else None
    if needed:
        return (kind, Field(description=words, alias=alias))
    if spec.default is not None and isinstance(spec.default, int | float | str | bool):
        words += f"; left out: {spec.default!r}"
    return (kind | None, Field(default=None, description=words, alias=alias))


def _type(words: str) -> tuple[Any, str]:
    """What Dagster's configuration has for a type of Flyte's, and what it does not say by itself."""
    if words in _SIMPLE:
        return _SIMPLE[words], ""
    noun = words.partition(" ")[0]
    if noun in _AS_TEXT:
        return str, _AS_TEXT[noun]
    if found := _ENUM.fullmatch(words):
        values = [value.strip().strip("'\"") for value in found[1].split(",")]
        return enum.Enum("Choice", {value: value for value in values}), ""
    if found := _LIST.fullmatch(words):
        item: Any = _type(found[1])[0]
        return list[item], ""
    if found := _DICT.fullmatch(words):
        value: Any = _type(found[1])[0]
        return dict[str, value], ""
    if noun == "struct":
        return dict[str, Any], ""
    return Any, ""


def _value(name: str, kind: str, value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if kind == "datetime":
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise dg.Failure(
                f"input {name!r} is a datetime, and {value!r} is none; wanted {_AS_TEXT['datetime']}",
                allow_retries=False,
            ) from None
    return value
