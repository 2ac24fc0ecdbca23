"""What every Flyte type can do here: write Python values into literals and read them back.

One `Coder` exists per `LiteralType`, compiled once (`compiler.py`) and cached by the codec. Coders of collections do not
dispatch per element: they hand the whole list to their element's coder, whose bulk methods check and copy it in one loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .encoded import Upload, new_token
from .packing import unpack
from .problems import MAX_DEPTH, Where, refusal, render, show

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping, Sequence

    from flyteidl.core.literals_pb2 import Literal

__all__ = ["Coder", "Job", "kind_of"]


class Job:
    """What one encoding gathers on its way: problems, uploads, and whether a value had to be converted.

    Attributes:
        problems: One line per wrong leaf.
        uploads: What has to be uploaded before the literals can be sent.
        coerced: Set when a value was taken though its Python type is not the one the Flyte type stands for; unions prefer
            variants that take a value as it is.
    """

    __slots__ = ("_first_token", "coerced", "problems", "uploads")

    def __init__(self, first_token: int = 0) -> None:
        self._first_token = first_token
        self.problems: list[str] = []
        self.uploads: list[Upload] = []
        self.coerced = False

    def wrong(self, where: Where, wanted: str, value: Any) -> None:
        """Notes that a value is not what was wanted."""
        self.problems.append(f"{render(where)}: expected {wanted}, got {show(value)}")

    def note(self, where: Where, text: str) -> None:
        """Notes any other problem."""
        self.problems.append(f"{render(where)}: {text}")

    def upload(self, where: Where, source: Any, kind: str, file_name: str, *, parent: bool = False) -> str:
        """Asks for an upload.

        Returns:
            The token that stands for its URI.
        """
        token = new_token(self._first_token + len(self.uploads))
        path = render(where)
        self.uploads.append(
            Upload(token=token, path=path, source=source, kind=kind, file_name=file_name, parent=parent)
        )
        return token

    def attempt(self) -> Job:
        """A job of its own for trying one variant of a union."""
        return Job(self._first_token + len(self.uploads))

    def adopt(self, attempt: Job) -> None:
        """Takes over what a chosen attempt gathered."""
        self.problems += attempt.problems
        self.uploads += attempt.uploads
        self.coerced = self.coerced or attempt.coerced


class Coder:
    """One Flyte type, both ways.

    Attributes:
        wanted: The type in words, for messages.
    """

    __slots__ = ("wanted",)

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted

    # --- encoding ---------------------------------------------------------------------------------------------------

    def fill(self, out: Literal, value: Any, where: Where, job: Job) -> None:
        """Writes one value into an empty literal; problems go to the job."""
        raise NotImplementedError

    def fill_many(self, out: Any, values: Sequence[Any], where: Where, job: Job) -> None:
        """Appends one literal per value to a repeated field."""
        fill, add = self.fill, out.add
        for index, value in enumerate(values):
            fill(add(), value, (where, index), job)

    def fill_items(self, out: MutableMapping[str, Literal], values: Mapping[str, Any], where: Where, job: Job) -> None:
        """Writes one literal per key into a map field."""
        fill = self.fill
        for key, value in values.items():
            fill(out[key], value, (where, key), job)

    # --- decoding ---------------------------------------------------------------------------------------------------

    def read(self, literal: Literal, where: Where) -> Any:
        """The value of one literal.

        Raises:
            LiteralError: The literal is not of this type, or damaged.
        """
        raise NotImplementedError

    def read_many(self, literals: Sequence[Literal], where: Where) -> list[Any]:
        """The values of a repeated field."""
        read = self.read
        return [read(literal, (where, index)) for index, literal in enumerate(literals)]

    def read_items(self, literals: Mapping[str, Literal], where: Where) -> dict[str, Any]:
        """The values of a map field."""
        read = self.read
        return {key: read(literal, (where, key)) for key, literal in literals.items()}

    def plain(self, value: Any, where: Where) -> Any:  # noqa: ARG002 - the general case takes the value as it is
        """The value when it arrives as msgpack instead of as a literal of this type.

        FlytePropeller does that to what a workflow picks out of a dataclass (``model.width``), so every type may meet it.
        """
        return value

    def read_other(self, literal: Literal, where: Where) -> Any:
        """Reads a literal of another shape than this type's, as far as Flyte itself produces such.

        Those are: msgpack instead of a literal (see `plain`), a union around a value that needs none, and nothing, where an
        element of a mapped task failed within its allowed failures.
        """
        kind = kind_of(literal)
        if kind == "binary" and literal.scalar.binary.tag == "msgpack":
            return self.plain(unpack(literal.scalar.binary.value, where), where)
        if kind == "union":
            return self._unwrapped(literal, where)
        if kind == "none_type":
            return None
        if kind == "offloaded":
            raise refusal(
                where, f"is offloaded to {literal.offloaded_metadata.uri}; fetch it and use replace_offloaded() first"
            )
        raise refusal(where, f"expected {self.wanted}, got a {kind} literal")

    def _unwrapped(self, literal: Literal, where: Where) -> Any:
        for _ in range(MAX_DEPTH):
            literal = literal.scalar.union.value
            if kind_of(literal) != "union":
                return self.read(literal, where)
        raise refusal(where, f"unions nested deeper than {MAX_DEPTH}")


def kind_of(literal: Literal) -> str:
    """What a literal holds: ``collection``, ``map``, ``offloaded``, ``empty``, a scalar's or a primitive's field name."""
    kind = literal.WhichOneof("value")
    if kind == "scalar":
        kind = literal.scalar.WhichOneof("value")
        if kind == "primitive":
            kind = literal.scalar.primitive.WhichOneof("value")
    if kind == "offloaded_metadata":
        return "offloaded"
    return kind or "empty"
