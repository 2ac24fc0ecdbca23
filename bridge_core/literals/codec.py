"""The codec: remote types compiled once, then values in both directions.

Everything follows the remote `LiteralType`; Python type hints are never asked. No I/O happens here: what must be uploaded
is listed, what was offloaded must be fetched first (`offloading.py`).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from flyteidl.core.literals_pb2 import Literal, LiteralMap
from flyteidl.core.types_pb2 import LiteralType
from google.protobuf.message import DecodeError, EncodeError

from .coder import Coder, Job
from .compiler import UnknownType, compile_type
from .describe import describe_type
from .encoded import Encoded, EncodedValue
from .problems import Where, did_you_mean, raise_problems, refusal
from .untyped import read_any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from flyteidl.core.interface_pb2 import Parameter

__all__ = ["Codec"]

_CACHED_TYPES = 1024
_INPUTS: Where = (None, "inputs")


class Codec:
    """Converts between Python values and Flyte literals, driven by remote types. Safe to share between threads.

    What each type takes: integers by ``int`` and ``__index__`` but no bool; FLOAT also an int that a float holds exactly
    (flytekit rejects it; whoever writes JSON does not expect that); datetimes naive as UTC, dates as midnight UTC; durations
    also as seconds or ``"1h30m"``; enums by value; dataclasses, models and dicts against the registered schema; files as
    `FileRef`, URI, local path or bytes; frames as `FrameRef`, URI, local path or data frame.

    Example:
        >>> from flyteidl.core.types_pb2 import INTEGER, LiteralType
        >>> codec = Codec.default()
        >>> kind = LiteralType(collection_type=LiteralType(simple=INTEGER))
        >>> codec.decode(codec.encode([1, 2], kind).literal, kind)
        [1, 2]
    """

    def __init__(self) -> None:
        self._compile = functools.lru_cache(_CACHED_TYPES)(_compile)

    @classmethod
    def default(cls) -> Codec:
        """The codec for the types that Flyte has: one per process, so that each type is compiled once."""
        return _default()

    def encode_inputs(
        self, values: Mapping[str, Any], parameters: Mapping[str, Parameter], *, fixed: Collection[str] = ()
    ) -> Encoded:
        """Encodes all inputs of a launch.

        Args:
            values: What the caller gave.
            parameters: What the entity declares: ``LaunchPlanClosure.expected_inputs.parameters``, or built from a task's
                interface with ``required=True``. An input that was not given takes its default; one that is not required
                and has none is left out.
            fixed: Names of the launch plan's fixed inputs, which nobody may give.

        Raises:
            LiteralError: One for all problems: unknown, missing and fixed inputs, and every wrong leaf.
        """
        job = Job()
        literals = LiteralMap()
        out = literals.literals
        for name in values:
            if name in fixed:
                job.note((_INPUTS, name), "is fixed by the launch plan and cannot be given")
            elif name not in parameters:
                known = ", ".join(sorted(parameters)) or "none"
                job.note((_INPUTS, name), f"unknown input{did_you_mean(name, parameters)}; known inputs: {known}")
        for name in sorted(parameters):  # a protobuf map has another order in every process: tokens must not
            if name in fixed:
                continue
            parameter = parameters[name]
            if name in values:
                self._fill(out[name], values[name], parameter.var.type, (_INPUTS, name), job)
            elif parameter.HasField("default"):
                out[name].CopyFrom(parameter.default)
            elif parameter.required:
                job.note((_INPUTS, name), f"missing; the entity requires {describe_type(parameter.var.type)}")
        raise_problems(job.problems, "inputs do not fit")
        return Encoded(literals, tuple(job.uploads), frozenset(values))

    def encode(self, value: Any, literal_type: LiteralType, *, path: str = "value") -> EncodedValue:
        """Encodes one value.

        Raises:
            LiteralError: One for all wrong leaves, their paths beginning with ``path``.
        """
        job, literal = Job(), Literal()
        self._fill(literal, value, literal_type, (None, path), job)
        raise_problems(job.problems)
        return EncodedValue(literal, tuple(job.uploads))

    def decode_map(
        self, literals: LiteralMap, types: Mapping[str, LiteralType] | None = None, *, path: str = "outputs"
    ) -> dict[str, Any]:
        """Decodes a map of literals; names without a type are read by what the literal says.

        Raises:
            LiteralError: A literal is damaged, offloaded, or not of its type.
        """
        types = types or {}
        root: Where = (None, path)
        found = literals.literals
        return {name: self._decode(found[name], types.get(name), (root, name)) for name in sorted(found)}

    def decode(self, literal: Literal, literal_type: LiteralType | None = None, *, path: str = "value") -> Any:
        """Decodes one literal into plain Python: references for files and frames, aware UTC datetimes, enums as texts.

        Raises:
            LiteralError: The literal is damaged, offloaded, or not of its type.
        """
        return self._decode(literal, literal_type, (None, path))

    def _fill(self, out: Literal, value: Any, literal_type: LiteralType, where: Where, job: Job) -> None:
        try:
            coder = self._compile(_wire(literal_type))
        except UnknownType as error:
            job.note(where, str(error))
        else:
            coder.fill(out, value, where, job)

    def _decode(self, literal: Literal, literal_type: LiteralType | None, where: Where) -> Any:
        if literal_type is None or literal_type.WhichOneof("type") is None:
            return read_any(literal, where)
        try:
            coder = self._compile(_wire(literal_type))
        except UnknownType as error:
            raise refusal(where, str(error)) from None
        return coder.read(literal, where)


@functools.cache
def _default() -> Codec:
    return Codec()


def _wire(literal_type: LiteralType) -> bytes:
    """The key of a type in the cache."""
    try:
        raw: bytes = literal_type.SerializeToString(deterministic=True)
    except EncodeError:
        raise UnknownType("its type is nested absurdly deep") from None
    return raw


def _compile(raw: bytes) -> Coder:
    try:
        return compile_type(LiteralType.FromString(raw))
    except DecodeError:  # protobuf writes deeper than it reads
        raise UnknownType("its type is nested absurdly deep") from None
