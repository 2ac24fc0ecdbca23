"""Lists and maps: they check their own shape and hand their elements over in bulk."""

# ruff: noqa: D102 - methods are described where Coder declares them

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .coder import Coder, Job
from .problems import Where

if TYPE_CHECKING:
    from flyteidl.core.literals_pb2 import Literal

__all__ = ["ListCoder", "MapCoder"]


class ListCoder(Coder):
    """A collection: list, tuple or any other sequence but a text; a numpy array by its ``tolist()``."""

    __slots__ = ("element",)

    def __init__(self, element: Coder) -> None:
        super().__init__(f"list[{element.wanted}]")
        self.element = element

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        if type(value) is not list:
            if type(value).__module__ == "numpy" and getattr(value, "ndim", None):
                value = value.tolist()
            elif not isinstance(value, Sequence) or isinstance(value, (str, bytes, bytearray, memoryview)):
                job.wrong(where, self.wanted, value)
                return
            job.coerced = job.coerced or not isinstance(value, (list, tuple))
        out.collection.SetInParent()
        self.element.fill_many(out.collection.literals, value, where, job)

    def read(self, literal: Literal, where: Where) -> Any:
        if literal.WhichOneof("value") == "collection":
            return self.element.read_many(literal.collection.literals, where)
        return self.read_other(literal, where)

    def plain(self, value: Any, where: Where) -> Any:
        if not isinstance(value, list):
            return value
        return [self.element.plain(item, (where, index)) for index, item in enumerate(value)]


class MapCoder(Coder):
    """A map: any mapping whose keys are texts."""

    __slots__ = ("element",)

    def __init__(self, element: Coder) -> None:
        super().__init__(f"dict[string, {element.wanted}]")
        self.element = element

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        if not isinstance(value, Mapping):
            job.wrong(where, self.wanted, value)
            return
        strange = [key for key in value if not isinstance(key, str)]
        for key in strange:
            job.wrong((where, key), "a string as key", key)
        if strange:
            return
        out.map.SetInParent()
        try:
            self.element.fill_items(out.map.literals, value, where, job)
        except UnicodeEncodeError:
            job.note(where, "a key holds characters that UTF-8 cannot carry (lone surrogates)")

    def read(self, literal: Literal, where: Where) -> Any:
        if literal.WhichOneof("value") == "map":
            return self.element.read_items(literal.map.literals, where)
        return self.read_other(literal, where)

    def plain(self, value: Any, where: Where) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: self.element.plain(item, (where, key)) for key, item in value.items()}
