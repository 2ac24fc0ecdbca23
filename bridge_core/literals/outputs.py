"""`RunOutputs`: what a run gave back (or was given), as a plain mapping that pickles and holds no connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from ..model.public import public

__all__ = ["RunOutputs"]

T = TypeVar("T")


@public
class RunOutputs(Mapping[str, Any]):
    """Outputs of a run: output name -> plain Python value. Picklable; files and frames are references until read.

    Example:
        >>> outs = RunOutputs({"o0": 3}, hashes={"o0": "abc"})
        >>> outs["o0"], outs.hash("o0"), outs.metadata("o0")
        (3, 'abc', {})
    """

    __slots__ = ("_hashes", "_metadata", "_values")

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        metadata: Mapping[str, Mapping[str, str]] | None = None,
        hashes: Mapping[str, str] | None = None,
    ) -> None:
        self._values = dict(values)
        self._metadata = {name: dict(value) for name, value in (metadata or {}).items()}
        self._hashes = dict(hashes or {})

    def __getitem__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise KeyError(f"no output {name!r}; this run has {', '.join(sorted(self._values)) or 'none'}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"RunOutputs({self._values!r})"

    def __eq__(self, other: object) -> bool:
        return dict(self) == dict(other) if isinstance(other, Mapping) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # a mapping of possibly mutable values

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), metadata=self._metadata, hashes=self._hashes), (self._values,)

    def as_(self, name: str, target: type[T]) -> T:
        """The output as this dataclass, enum, pydantic model, or a class that an installed package brings a `TypeCodec` for.

        For one given to `Codec.with_type`, use that codec's ``as_type(outs[name], target)``.

        Raises:
            LiteralError: The value has another shape; the message names the leaf.
        """
        from . import Codec

        return Codec.default().as_type(self[name], target)

    def metadata(self, name: str) -> dict[str, str]:
        """Metadata that the task attached to this output; empty when there is none."""
        self[name]
        return dict(self._metadata.get(name, {}))

    def hash(self, name: str) -> str | None:
        """The hash that the task computed for this output (``HashMethod``), or None."""
        self[name]
        return self._hashes.get(name)
