"""Unions, enums and choices: which variant or candidate a value stands for.

A client never invents a variant: the type inside the literal, with its ``structure.tag``, is the remote one's. A value that
fits several variants equally well is an error that lists them, because the task would otherwise get what it did not ask for.
"""

# ruff: noqa: D102 - methods are described where Coder declares them

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from flyteidl.core.literals_pb2 import Literal

from .coder import Coder, Job, kind_of
from .problems import MAX_DEPTH, Where, did_you_mean, refusal, render
from .scalars import NoneCoder, PrimitiveCoder
from .untyped import read_any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flyteidl.core.types_pb2 import LiteralType

__all__ = ["ChoiceCoder", "EnumCoder", "UnionCoder"]


class EnumCoder(Coder):
    """Candidates: a text, or a Python enum member whose value (Flyte 1) or name (Flyte 2) is one of them."""

    __slots__ = ("_candidates", "_names", "_values")

    def __init__(self, wanted: str, values: Sequence[str], *, names: bool = False) -> None:
        super().__init__(wanted)
        self._names = names
        self._candidates = list(values)
        self._values = frozenset(values)

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        plain = self._member(value) if isinstance(value, enum.Enum) else value
        if not isinstance(plain, str):
            job.wrong(where, self.wanted, value)
        elif plain not in self._values:
            job.note(
                where,
                f"expected one of {', '.join(map(repr, self._candidates))}, got {plain[:60]!r}"
                f"{did_you_mean(plain, self._candidates)}",
            )
        else:
            job.coerced = job.coerced or not isinstance(value, enum.Enum)
            out.scalar.primitive.string_value = plain

    def _member(self, member: enum.Enum) -> Any:
        """What stands for a member: this Flyte's word for it, else the other's if only that one is a candidate."""
        words = (member.name, member.value) if self._names else (member.value, member.name)
        return next((word for word in words if isinstance(word, str) and word in self._values), words[0])

    def read(self, literal: Literal, where: Where) -> Any:
        primitive = literal.scalar.primitive
        if primitive.WhichOneof("value") == "string_value":
            return primitive.string_value
        return self.read_other(literal, where)


class ChoiceCoder(Coder):
    """A primitive with candidates: what flytekit makes of ``typing.Literal``."""

    __slots__ = ("candidates", "inner")

    def __init__(self, inner: Coder, candidates: Sequence[Any]) -> None:
        super().__init__(f"one of {', '.join(map(repr, candidates))}")
        self.inner = inner
        self.candidates = tuple(candidates)

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        before = len(job.problems)
        self.inner.fill(out, value, where, job)
        if len(job.problems) == before and self.inner.read(out, where) not in self.candidates:
            job.wrong(where, self.wanted, value)

    def read(self, literal: Literal, where: Where) -> Any:
        return self.inner.read(literal, where)

    def plain(self, value: Any, where: Where) -> Any:
        return self.inner.plain(value, where)


class UnionCoder(Coder):
    """A union type."""

    __slots__ = ("_by_tag", "_by_type", "_fast", "_templates", "_variants")

    def __init__(self, wanted: str, variants: Sequence[tuple[LiteralType, Coder]]) -> None:
        super().__init__(wanted)
        self._variants = list(variants)
        self._templates: list[Literal] = []
        self._by_type = {_key(kind): coder for kind, coder in self._variants}
        tags = [kind.structure.tag for kind, _ in self._variants]
        self._by_tag = {
            tag: coder for tag, (_, coder) in zip(tags, self._variants, strict=True) if tag and tags.count(tag) == 1
        }
        self._fast: dict[type, tuple[int, str | None]] = {}
        for index, (kind, coder) in enumerate(self._variants):
            template = Literal()
            template.scalar.union.type.CopyFrom(kind)
            self._templates.append(template)
            # The Python type decides at once where only one variant stands for exactly that type.
            exact: type | None = None
            field: str | None = None
            if isinstance(coder, PrimitiveCoder):
                exact, field = coder.exact, coder.field
            elif isinstance(coder, NoneCoder):
                exact = type(None)
                template.scalar.union.value.scalar.none_type.SetInParent()
            if exact is not None:
                self._fast[exact] = (-1, None) if exact in self._fast else (index, field)
        self._fast = {exact: found for exact, found in self._fast.items() if found[0] >= 0}

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        found = self._fast.get(type(value))
        if found is None:
            self._choose(out, value, where, job)
            return
        index, field = found
        if field is None:
            out.CopyFrom(self._templates[index])
        else:
            out.scalar.union.type.CopyFrom(self._variants[index][0])
            self._variants[index][1].fill(out.scalar.union.value, value, where, job)

    def fill_many(self, out: Any, values: Sequence[Any], where: Where, job: Job) -> None:
        if not self._fast.keys() >= set(map(type, values)):
            super().fill_many(out, values, where, job)
            return
        templates: dict[type, tuple[Literal, Any, str | None]] = {}
        for exact, (index, field) in self._fast.items():
            template = Literal()
            template.CopyFrom(self._templates[index])
            templates[exact] = template, template.scalar.union.value.scalar.primitive if field else None, field
        append = out.append
        try:
            for value in values:
                template, primitive, field = templates[type(value)]
                if field is not None:
                    setattr(primitive, field, value)
                append(template)
        except ValueError:  # one is out of range: start again, so that every one that is gets named
            del out[:]
            super().fill_many(out, values, where, job)

    def _choose(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        """Tries every variant: one that takes the value as it is wins over any that converts it."""
        exact: list[tuple[int, Literal, Job]] = []
        coerced: list[tuple[int, Literal, Job]] = []
        said: list[str] = []
        for index, (_, coder) in enumerate(self._variants):
            attempt, literal = job.attempt(), Literal()
            coder.fill(literal, value, where, attempt)
            if attempt.problems:
                said += attempt.problems
            else:
                (coerced if attempt.coerced else exact).append((index, literal, attempt))
        fitting = exact or coerced
        if len(fitting) == 1:
            index, literal, attempt = fitting[0]
            out.scalar.union.type.CopyFrom(self._variants[index][0])
            out.scalar.union.value.CopyFrom(literal)
            job.adopt(attempt)
        elif fitting:
            names = " | ".join(self._variants[index][1].wanted for index, _, _ in fitting)
            job.note(where, f"fits several variants equally well: {names}; pass a value that only one of them takes")
        else:
            self._explain(said, value, where, job)

    def _explain(self, said: list[str], value: Any, where: Where, job: Job) -> None:
        """One line about the union, except for Optional, whose one real variant says exactly what is wrong."""
        real = [coder for _, coder in self._variants if not isinstance(coder, NoneCoder)]
        start = f"{render(where)}: expected none"
        if len(real) == 1 and value is not None:
            job.problems += [text for text in said if not text.startswith(start)]
            return
        deeper = [text for text in said if not text.startswith(f"{render(where)}: ")]
        job.wrong(where, self.wanted, value)
        if deeper:
            job.problems[-1] += f" ({'; '.join(deeper[:3])})"

    def read(self, literal: Literal, where: Where) -> Any:
        for _ in range(MAX_DEPTH):
            if kind_of(literal) != "union":
                return read_any(literal, where)  # bare: the literal itself says what it is
            union = literal.scalar.union
            coder = self._by_tag.get(union.type.structure.tag) or self._by_type.get(_key(union.type))
            if coder is not None:
                return coder.read(union.value, where)
            literal = union.value
        raise refusal(where, f"unions nested deeper than {MAX_DEPTH}")

    def read_many(self, literals: Sequence[Literal], where: Where) -> list[Any]:
        known = self._by_tag.get
        out = []
        for index, literal in enumerate(literals):
            union = literal.scalar.union
            coder = known(union.type.structure.tag)
            at = (where, index)
            out.append(self.read(literal, at) if coder is None else coder.read(union.value, at))
        return out


def _key(kind: LiteralType) -> bytes:
    """A variant's identity where tags do not tell variants apart: two dataclasses have the same tag."""
    raw: bytes = kind.SerializeToString(deterministic=True)
    return raw
