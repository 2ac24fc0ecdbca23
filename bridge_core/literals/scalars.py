"""Numbers, texts, times and nothing: the primitives, and `none`, `binary` and `error` beside them.

Values are checked by exact Python type first, because that is what nearly all of them have; only the others pay for the
question whether they can be taken too. Lists of one exact type are checked in one C loop and copied from one template.
"""

# ruff: noqa: D102, ARG002 - methods are described where Coder declares them

from __future__ import annotations

import math
import numbers
import operator
from typing import TYPE_CHECKING, Any

from flyteidl.core.literals_pb2 import Literal

from .coder import Coder, Job, kind_of
from .problems import Where, show

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

__all__ = [
    "BinaryCoder",
    "BooleanCoder",
    "ErrorCoder",
    "FloatCoder",
    "IntegerCoder",
    "NoneCoder",
    "PrimitiveCoder",
    "StringCoder",
]

_REFUSED = object()


class PrimitiveCoder(Coder):
    """A primitive whose literal is one plain field.

    Attributes:
        field: The field of `Primitive`.
        exact: The Python type that is taken without conversion.
    """

    __slots__ = ("exact", "field")

    def __init__(self, wanted: str, field: str, exact: type) -> None:
        super().__init__(wanted)
        self.field = field
        self.exact = exact

    def convert(self, value: Any, job: Job) -> Any:
        """The value to store for something that is not of the exact type, or `_REFUSED`."""
        raise NotImplementedError

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        if type(value) is not self.exact:
            converted = self.convert(value, job)
            if converted is _REFUSED:
                job.wrong(where, self.wanted, value)
                return
        else:
            converted = value
        try:
            setattr(out.scalar.primitive, self.field, converted)
        except ValueError:  # an int beyond 64 bits, a text with lone surrogates
            job.note(where, f"{self.wanted} out of range: {self.limits}; got {show(value)}")

    @property
    def limits(self) -> str:
        """What the wire can hold, for the message about a value that it cannot."""
        return "not representable"

    def fill_many(self, out: Any, values: Sequence[Any], where: Where, job: Job) -> None:
        if set(map(type, values)) != {self.exact}:
            super().fill_many(out, values, where, job)
            return
        template = Literal()
        primitive = template.scalar.primitive
        field, append = self.field, out.append
        try:
            for value in values:
                setattr(primitive, field, value)
                append(template)
        except ValueError:  # one does not fit: start again, so that every one that does not is named
            del out[:]
            super().fill_many(out, values, where, job)

    def fill_items(self, out: MutableMapping[str, Literal], values: Mapping[str, Any], where: Where, job: Job) -> None:
        if set(map(type, values.values())) != {self.exact}:
            super().fill_items(out, values, where, job)
            return
        field = self.field
        try:
            for key, value in values.items():
                setattr(out[key].scalar.primitive, field, value)
        except ValueError:
            super().fill_items(out, values, where, job)

    def read(self, literal: Literal, where: Where) -> Any:
        primitive = literal.scalar.primitive
        if primitive.WhichOneof("value") == self.field:
            return getattr(primitive, self.field)
        return self.read_other(literal, where)

    def read_many(self, literals: Sequence[Literal], where: Where) -> list[Any]:
        getter = operator.attrgetter(f"scalar.primitive.{self.field}")
        values = list(map(getter, literals))
        # A value other than the field's default proves that the field is set; only defaults need the question.
        if not all(values):
            for index, value in enumerate(values):
                if not value:
                    values[index] = self.read(literals[index], (where, index))
        return values


class IntegerCoder(PrimitiveCoder):
    """INTEGER: int, and what counts as one by ``__index__`` (numpy integers). A bool is not a number here."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("integer", "integer", int)

    def convert(self, value: Any, job: Job) -> Any:
        if isinstance(value, bool) or not hasattr(type(value), "__index__"):
            return _REFUSED
        try:
            return operator.index(value)
        except TypeError:  # a numpy array of more than one element has the method and refuses
            return _REFUSED

    @property
    def limits(self) -> str:
        return "64 bits are what Flyte has"

    def plain(self, value: Any, where: Where) -> Any:
        if type(value) is float and value.is_integer():
            return int(value)
        return value


class FloatCoder(PrimitiveCoder):
    """FLOAT: float, and an int (or numpy or fraction number) that a float holds exactly.

    flytekit rejects ints here. Whoever writes JSON or YAML does not expect ``1`` to be wrong where ``1.0`` is right.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("float", "float_value", float)

    def convert(self, value: Any, job: Job) -> Any:
        return exact_float(value, job)

    def read_other(self, literal: Literal, where: Where) -> Any:
        if kind_of(literal) == "integer":
            return float(literal.scalar.primitive.integer)
        return super().read_other(literal, where)

    def plain(self, value: Any, where: Where) -> Any:
        return float(value) if type(value) is int else value


class StringCoder(PrimitiveCoder):
    """STRING: str, text enums included.

    A type made from ``typing.Literal["a", "b"]`` carries its candidates in an annotation; they are checked.
    """

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("string", "string_value", str)

    def convert(self, value: Any, job: Job) -> Any:
        if not isinstance(value, str):
            return _REFUSED
        job.coerced = True
        return str.__str__(value)

    @property
    def limits(self) -> str:
        return "it holds characters that UTF-8 cannot carry (lone surrogates)"


class BooleanCoder(PrimitiveCoder):
    """BOOLEAN: bool, numpy's too; 0 and 1 are numbers, and a text is never true or false by itself."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("boolean", "boolean", bool)

    def convert(self, value: Any, job: Job) -> Any:
        return bool(value) if is_numpy_bool(value) else _REFUSED


class NoneCoder(Coder):
    """NONE: only None."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("none")

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        if value is None:
            out.scalar.none_type.SetInParent()
        else:
            job.wrong(where, self.wanted, value)

    def read(self, literal: Literal, where: Where) -> Any:
        return self.read_other(literal, where)


class BinaryCoder(Coder):
    """BINARY: bytes, whatever their tag says."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("bytes")

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        if isinstance(value, (bytes, bytearray, memoryview)):
            out.scalar.binary.SetInParent()
            out.scalar.binary.value = bytes(value)
        else:
            job.wrong(where, self.wanted, value)

    def read(self, literal: Literal, where: Where) -> Any:
        return literal.scalar.binary.value if kind_of(literal) == "binary" else self.read_other(literal, where)


class ErrorCoder(Coder):
    """ERROR: what the failure node of a workflow is given; a dict of ``message`` and ``failed_node_id``."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("error {message, failed_node_id}")

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        if (
            isinstance(value, dict)
            and set(value) <= {"message", "failed_node_id"}
            and all(isinstance(v, str) for v in value.values())
        ):
            out.scalar.error.SetInParent()
            out.scalar.error.message = value.get("message", "")
            out.scalar.error.failed_node_id = value.get("failed_node_id", "")
        else:
            job.wrong(where, self.wanted, value)

    def read(self, literal: Literal, where: Where) -> Any:
        if kind_of(literal) == "error":
            return error_value(literal)
        return self.read_other(literal, where)


def is_numpy_bool(value: Any) -> bool:
    """Whether it is numpy's bool, which is none of Python's; looks at names, imports nothing."""
    return type(value).__module__ == "numpy" and type(value).__name__ in ("bool", "bool_")


def exact_float(value: Any, job: Job) -> Any:
    """The float that is exactly this number, else `_REFUSED`."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return _REFUSED
    try:
        converted = float(value)
    except (OverflowError, TypeError):
        return _REFUSED
    if type(converted) is not float:  # numpy's timedelta64 counts as a number, and gives a timedelta
        return _REFUSED
    if converted == value or math.isnan(converted):
        job.coerced = job.coerced or not isinstance(value, float)
        return converted
    return _REFUSED


def refused(value: Any) -> bool:
    """Whether a conversion gave up."""
    return value is _REFUSED


def error_value(literal: Literal) -> dict[str, str]:
    """An error literal as a dict."""
    error = literal.scalar.error
    return {"message": error.message, "failed_node_id": error.failed_node_id}
