"""The codec: remote types compiled once, then values in both directions.

Everything follows the remote `LiteralType`; Python type hints are never asked. No I/O happens here: what must be uploaded
is listed, what was offloaded must be fetched first (`offloading.py`).
"""

from __future__ import annotations

import copy
import datetime as dt
import functools
import hashlib
from typing import TYPE_CHECKING, Any, TypeVar

from flyteidl.core.literals_pb2 import Literal, LiteralMap
from flyteidl.core.types_pb2 import STRUCT, LiteralType
from google.protobuf.message import DecodeError, EncodeError

from ..model.errors import ConfigError, LiteralError
from ..model.public import public
from .coder import Coder, Job
from .coercion import coerced, parsed_json
from .compiler import UnknownType, compile_type
from .describe import describe_type
from .encoded import Encoded, EncodedValue
from .fingerprints import fingerprint
from .hash_and_metadata import Hashed, annotate
from .problems import Where, did_you_mean, raise_problems, refusal, show
from .to_classes import as_type
from .untyped import read_any
from .usertypes import TypeCodec, UserTypes, installed_types

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from flyteidl.core.interface_pb2 import Parameter

__all__ = ["Codec"]

T = TypeVar("T")

_CACHED_TYPES = 1024
_PLAIN = frozenset((type(None), bool, int, float, str, bytes, dt.datetime, dt.date, dt.timedelta))
_INPUTS: Where = (None, "inputs")


@public
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

    def __init__(self, *, enums: str = "value", types: UserTypes | None = None) -> None:
        if enums not in ("value", "name"):
            raise ConfigError(f"enums must be 'value' (Flyte 1) or 'name' (Flyte 2), got {enums!r}")
        self._installed = False
        if types is not None:
            vars(self)["_types"] = types
        self._compile = functools.lru_cache(_CACHED_TYPES)(functools.partial(_compile, names=enums == "name"))

    @classmethod
    def default(cls, *, enums: str = "value") -> Codec:
        """The codec for the types that Flyte has, and those of installed packages (entry points ``flyte_bridge.types``).

        One per process, so that each type is compiled once.

        Args:
            enums: What Python enum members are on the wire: their ``"value"`` (Flyte 1) or their ``"name"`` (Flyte 2).
        """
        return _default(enums)

    def with_type(
        self,
        python_type: type | TypeCodec,
        *,
        to_literal: Callable[[Any], Any] | None = None,
        from_literal: Callable[[Any], Any] | None = None,
        override: bool = False,
    ) -> Codec:
        """A codec that also knows a class of your own; this one stays as it is.

        Args:
            python_type: The class; or a ready `TypeCodec`.
            to_literal: See `TypeCodec`.
            from_literal: See `TypeCodec`.
            override: Whether it may replace one that is there, or a conversion of ours.

        Raises:
            ConfigError: The class is converted already, and ``override`` was not given.

        Example:
            >>> codec = Codec.default().with_type(complex, to_literal=str, from_literal=complex)
            >>> codec.as_type("(1+2j)", complex)
            (1+2j)
        """
        if not isinstance(python_type, TypeCodec):
            if to_literal is None or from_literal is None:
                raise ConfigError(f"with_type({python_type.__qualname__}): give to_literal and from_literal")
            python_type = TypeCodec(python_type, to_literal, from_literal)
        return self._with(self._types.adding(python_type, override=override, origin="with_type()"))

    @functools.cached_property
    def _types(self) -> UserTypes:
        """Looked for when a value needs them: finding out what is installed reads the metadata of every package."""
        return installed_types() if self._installed else UserTypes()

    def _with(self, types: UserTypes) -> Codec:
        out = copy.copy(self)  # compiled types are shared
        vars(out).update(_types=types)
        return out

    def as_type(self, value: Any, target: type[T]) -> T:
        """A decoded value as the given type, of your own included; see `as_type`.

        Raises:
            LiteralError: The value does not have that shape.
        """
        return as_type(value, target, types=self._types)

    def hash(self, value: Any, literal_type: LiteralType | None = None) -> str:
        """A hash of the value: the same for equal values, in every process, whatever their order of keys.

        For `Hashed`, which tells Flyte's cache what to compare; what ``TypeEngine.calculate_hash`` gives in flytekit.

        Args:
            value: What an input takes; of a `Hashed` the hash it has. References count by their URI, bytes for a file by
                content.
            literal_type: The type that decides what the value means: an int and a float of one number are the same FLOAT.
                None: the value counts as plain data.

        Raises:
            LiteralError: The value does not fit the type, or holds files or frames of this machine: nothing is read here, so
                give `Hashed` a hash of your own.

        Example:
            >>> codec = Codec.default()
            >>> codec.hash({"a": 1, "b": 2}) == codec.hash({"b": 2, "a": 1})
            True
        """
        if isinstance(value, Hashed) and value.hash:
            return value.hash
        if isinstance(value, Hashed):
            value = value.value
        kind = literal_type if literal_type is not None else LiteralType(simple=STRUCT)
        encoded = self.encode(value if literal_type is not None else {"value": value}, kind)
        unread = [upload.path for upload in encoded.uploads if not isinstance(upload.source, bytes)]
        if unread:
            raise LiteralError(
                f"{', '.join(unread)}: files and frames of this machine have no hash before they are uploaded; give "
                "Hashed(value, hash) one of your own"
            )
        md5s = {
            upload.token: hashlib.md5(upload.source, usedforsecurity=False).hexdigest() for upload in encoded.uploads
        }
        return fingerprint(LiteralMap(literals={"value": encoded.literal}), md5s)

    def to_html(self, value: Any) -> str:
        """A decoded value, or one to be sent, as a piece of HTML, escaped; frames as a table of their first rows.

        What ``TypeEngine.to_html`` gives in flytekit's decks. Classes with a `TypeCodec` are shown by what it makes of them.

        Example:
            >>> Codec.default().to_html("a < b")
            '<pre>a &lt; b</pre>'
        """
        if isinstance(value, Hashed):
            value = value.value
        from .html import to_html

        return to_html(self._types.lowered(value, (None, "value")) if self._types else value)

    @property
    def types(self) -> tuple[type, ...]:
        """The classes that have a `TypeCodec` here; what Flyte has types for is converted without one."""
        return self._types.classes

    def encode_inputs(
        self,
        values: Mapping[str, Any],
        parameters: Mapping[str, Parameter],
        *,
        fixed: Collection[str] = (),
        coerce_json: bool = False,
    ) -> Encoded:
        """Encodes all inputs of a launch.

        Args:
            values: What the caller gave.
            parameters: What the entity declares: ``LaunchPlanClosure.expected_inputs.parameters``, or built from a task's
                interface with ``required=True``. An input that was not given takes its default; one that is not required
                and has none is left out.
            fixed: Names of the launch plan's fixed inputs, which nobody may give.
            coerce_json: True for texts from a command line or a template, see `coercion`.

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
                self._fill(out[name], values[name], parameter.var.type, (_INPUTS, name), job, coerce_json=coerce_json)
            elif parameter.HasField("default"):
                out[name].CopyFrom(parameter.default)
            elif parameter.required:
                job.note((_INPUTS, name), f"missing; the entity requires {describe_type(parameter.var.type)}")
        raise_problems(job.problems, "inputs do not fit")
        return Encoded(literals, tuple(job.uploads), frozenset(values))

    def encode(
        self, value: Any, literal_type: LiteralType, *, path: str = "value", coerce_json: bool = False
    ) -> EncodedValue:
        """Encodes one value; see `encode_inputs`.

        Raises:
            LiteralError: One for all wrong leaves, their paths beginning with ``path``.
        """
        job, literal = Job(), Literal()
        self._fill(literal, value, literal_type, (None, path), job, coerce_json=coerce_json)
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

    def _fill(
        self, out: Literal, value: Any, literal_type: LiteralType, where: Where, job: Job, *, coerce_json: bool = False
    ) -> None:
        try:
            coder = self._compile(_wire(literal_type))
        except UnknownType as error:
            job.note(where, str(error))
            return
        hashed = value if isinstance(value, Hashed) else None
        if hashed is not None:
            value = hashed.value
        # Installed types are never for plain values, whose conversion is Flyte's own.
        known = "_types" in vars(self) or type(value) not in _PLAIN
        if known and self._types:
            try:
                value = self._types.lowered(value, where)
            except LiteralError as error:
                job.problems += error.problems
                return
        if isinstance(value, Literal):  # a TypeCodec's own, or one that came from Flyte
            out.CopyFrom(value)
        else:
            before = len(job.problems)
            try:
                coder.fill(out, coerced(value, literal_type) if coerce_json else value, where, job)
            except UnicodeEncodeError:  # in a URI, say
                job.note(where, "holds characters that UTF-8 cannot carry (lone surrogates)")
            if len(job.problems) > before and isinstance(value, str):
                job.problems[-1] += _about_text(value, literal_type, coerce_json=coerce_json)
        if hashed is not None:
            annotate(out, hashed)

    def _decode(self, literal: Literal, literal_type: LiteralType | None, where: Where) -> Any:
        if literal_type is None or literal_type.WhichOneof("type") is None:
            return read_any(literal, where)
        try:
            coder = self._compile(_wire(literal_type))
        except UnknownType as error:
            raise refusal(where, str(error)) from None
        return coder.read(literal, where)


def _about_text(value: str, literal_type: LiteralType, *, coerce_json: bool) -> str:
    """What else to say about a text that was refused: it would be taken as JSON, or is none though it begins like it."""
    if not coerce_json:
        meant = coerced(value, literal_type)
        return f"; only coerce_json=True reads texts by type, here as {show(meant)}" if meant != value else ""
    if not value.lstrip().startswith(("{", "[")):
        return ""
    try:
        parsed_json(value)
    except (ValueError, RecursionError) as error:
        return f"; it is no JSON: {error}"
    return ""


@functools.cache
def _default(enums: str) -> Codec:
    found = Codec(enums=enums)
    vars(found).update(_installed=True)
    return found


def _wire(literal_type: LiteralType) -> bytes:
    """The key of a type in the cache."""
    try:
        raw: bytes = literal_type.SerializeToString(deterministic=True)
    except EncodeError:
        raise UnknownType("its type is nested absurdly deep") from None
    return raw


def _compile(raw: bytes, *, names: bool) -> Coder:
    try:
        return compile_type(LiteralType.FromString(raw), names=names)
    except DecodeError:  # protobuf writes deeper than it reads
        raise UnknownType("its type is nested absurdly deep") from None
