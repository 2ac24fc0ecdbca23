"""`TypeCodec`: how a class of the user's own becomes a value that Flyte knows, and back.

Known per `Codec`, never per process: two clients may disagree. Packages bring theirs along with an entry point in the group
``flyte_bridge.types``, which names a `TypeCodec` (or a list of them); `Codec.default` has those.
"""

from __future__ import annotations

import copy
import dataclasses
import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..model.errors import ConfigError
from ..model.public import public
from ..model.references import DirectoryRef, FileRef, FrameRef
from .hash_and_metadata import Hashed
from .problems import MAX_DEPTH, Where, refusal

__all__ = ["GROUP", "TypeCodec", "UserTypes", "installed_types"]

GROUP = "flyte_bridge.types"

_OURS = (
    type(None), bool, int, float, str, bytes, list, tuple, dict, set, dt.datetime, dt.date, dt.timedelta, FileRef, DirectoryRef,
    FrameRef, Hashed,
)  # fmt: skip


@public
@dataclass(frozen=True, slots=True)
class TypeCodec:
    """One class, both ways.

    Example:
        >>> point = TypeCodec(complex, lambda z: [z.real, z.imag], lambda pair: complex(*pair))
        >>> point.from_literal(point.to_literal(1 + 2j))
        (1+2j)
    """

    python_type: type
    """Its instances, and those of subclasses that have no codec of their own."""
    to_literal: Callable[[Any], Any]
    """Gives something the codec takes for the remote type: plain data, a dataclass, a reference, a path; or a Flyte
    ``Literal``, which is then sent as it is."""
    from_literal: Callable[[Any], Any]
    """Takes what decoding gives (plain Python, references)."""


class UserTypes:
    """Some classes and their codecs. Immutable."""

    __slots__ = ("_by_type", "_origins")

    def __init__(self) -> None:
        self._by_type: dict[type, TypeCodec] = {}
        self._origins: dict[type, str] = {}

    def __bool__(self) -> bool:
        return bool(self._by_type)

    @property
    def classes(self) -> tuple[type, ...]:
        """The classes, in the order they were added."""
        return tuple(self._by_type)

    def adding(self, one: TypeCodec, *, override: bool, origin: str) -> UserTypes:
        """These and one more.

        Raises:
            ConfigError: The class has a codec, or is one that Flyte has a type for, and ``override`` was not given.
        """
        if not isinstance(one.python_type, type):
            raise ConfigError(f"{origin}: a TypeCodec is for a class, got {one.python_type!r}")
        name = one.python_type.__qualname__
        if not override and one.python_type in self._by_type:
            raise ConfigError(
                f"{origin}: {name} has a TypeCodec already ({self._origins[one.python_type]}); give override=True to replace it"
            )
        if not override and one.python_type in _OURS:
            raise ConfigError(f"{origin}: {name} is converted by the codec itself; give override=True to change that")
        out = UserTypes()
        out._by_type = {**self._by_type, one.python_type: one}
        out._origins = {**self._origins, one.python_type: origin}
        return out

    def find(self, kind: type) -> TypeCodec | None:
        """The codec of a class, or of the nearest class above it."""
        return next((self._by_type[base] for base in kind.__mro__ if base in self._by_type), None)

    def lowered(self, value: Any, where: Where, depth: int = 0) -> Any:
        """The value with every instance of these classes replaced, also within containers and dataclasses.

        Raises:
            LiteralError: A ``to_literal`` raised.
        """
        if depth > MAX_DEPTH:
            return value
        found = self.find(type(value))
        if found is not None:
            try:
                return found.to_literal(value)
            except Exception as error:
                raise refusal(
                    where,
                    f"the TypeCodec of {found.python_type.__qualname__} refuses it: {type(error).__name__}: {error}",
                ) from error
        if isinstance(value, Mapping):
            return {key: self.lowered(item, (where, key), depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
            return [self.lowered(item, (where, index), depth + 1) for index, item in enumerate(value)]
        if dataclasses.is_dataclass(value) and not isinstance(value, (type, *_OURS)):
            return self._lowered_fields(value, where, depth)
        return value

    def _lowered_fields(self, value: Any, where: Where, depth: int) -> Any:
        """A copy of a dataclass, so that it keeps its name; itself when nothing changed."""
        out = value
        for field in dataclasses.fields(value):
            before = getattr(value, field.name)
            after = self.lowered(before, (where, field.name), depth + 1)
            if after is not before:
                out = copy.copy(value) if out is value else out
                object.__setattr__(out, field.name, after)
        return out

    def raised(self, value: Any, target: type, where: Where) -> Any:
        """A decoded value as one of these classes.

        Raises:
            LiteralError: Its ``from_literal`` raised.
        """
        found = self._by_type[target]
        if isinstance(value, target) and target not in _OURS:
            return value
        try:
            return found.from_literal(value)
        except Exception as error:
            raise refusal(
                where, f"the TypeCodec of {target.__qualname__} refuses it: {type(error).__name__}: {error}"
            ) from error

    def __contains__(self, kind: object) -> bool:
        return kind in self._by_type


def installed_types() -> UserTypes:
    """What installed packages bring.

    Raises:
        ConfigError: An entry point cannot be loaded, gives something else, or two bring the same class.
    """
    from importlib.metadata import entry_points

    out = UserTypes()
    for entry in sorted(entry_points(group=GROUP), key=lambda item: (item.name, item.value)):
        origin = f"entry point {entry.name} = {entry.value} of group {GROUP}"
        try:
            loaded = entry.load()
        except Exception as error:
            raise ConfigError(f"{origin} cannot be loaded: {type(error).__name__}: {error}") from error
        many = [loaded] if isinstance(loaded, TypeCodec) else list(loaded) if isinstance(loaded, Iterable) else [loaded]
        if not all(isinstance(one, TypeCodec) for one in many):
            raise ConfigError(f"{origin} gives {type(loaded).__qualname__}; wanted a TypeCodec, or a list of them")
        for one in many:
            out = out.adding(one, override=False, origin=origin)
    return out
