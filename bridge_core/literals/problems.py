"""Where in a value something is wrong, and how that is said.

A path is a linked tuple ``(parent, key)`` that costs nothing until it is printed, because encoders make one per element of
every list they cannot take in bulk. All problems of one launch are collected before one `LiteralError` is raised, so that
people correct their inputs once.
"""

from __future__ import annotations

import enum
import reprlib
from typing import TYPE_CHECKING, Any

from ..model.errors import LiteralError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["MAX_DEPTH", "Where", "did_you_mean", "raise_problems", "refusal", "render", "show"]

Where = tuple[Any, Any]
"""``(parent path or None, key)``: a text key is a field or map key, an int an index; the root's key is printed as it is."""

MAX_DEPTH = 100
"""Nesting allowed in values, types and literals: protobuf parses no deeper than that either."""

_SHOWN = 50  # problems listed in one error; a list of 10,000 wrong elements needs no 10,000 lines

_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = 60
_brief.maxlist = _brief.maxtuple = _brief.maxdict = 4
_brief.maxlevel = 2
_PLAIN = (str, bytes, int, float, bool, list, tuple, dict, set, frozenset, type(None))
_SCALARS = frozenset({"datetime", "decimal", "fractions", "numpy", "pandas", "pathlib", "pendulum", "uuid"})
"""Modules whose scalars are shown by value; what else they have (arrays, frames) by type."""


def render(where: Where) -> str:
    """The path as people write it: ``inputs.model.layers[2].width``."""
    keys: list[Any] = []
    node: Where | None = where
    while node is not None:
        node, key = node
        keys.append(key)
    keys.reverse()
    rest = [f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{key!r}]" for key in keys[1:]]
    return str(keys[0]) + "".join(rest)


def show(value: Any) -> str:
    """A value as it appears in a message: shortened, with its type; objects of foreign classes by type only."""
    kind = type(value)
    if value is None:
        return "None"
    if kind in _PLAIN:
        return f"{' '.join(_brief.repr(value).split())} ({kind.__name__})"
    module = kind.__module__.partition(".")[0]
    if module in _SCALARS and not hasattr(value, "__len__") and not getattr(value, "shape", ()):
        return f"{' '.join(str(value).split())[:60]} ({module} {kind.__qualname__})"
    if isinstance(value, enum.Enum):
        return f"{kind.__qualname__}.{value.name}"
    return f"a {kind.__qualname__}" if module in {"builtins", "__main__"} else f"a {module} {kind.__qualname__}"


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """``; did you mean 'epochs'?`` or nothing."""
    folded = {one.casefold(): one for one in known}
    from difflib import get_close_matches

    close = get_close_matches(str(name).casefold(), list(folded), n=1)
    return f"; did you mean {folded[close[0]]!r}?" if close else ""


def refusal(where: Where, text: str) -> LiteralError:
    """The error for one place, to be raised: decoding stops at the first, since what follows cannot be trusted."""
    problem = f"{render(where)}: {text}"
    return LiteralError(problem, problems=(problem,))


def raise_problems(problems: Sequence[str], summary: str = "") -> None:
    """Raises one `LiteralError` for all problems, or does nothing when there are none."""
    if not problems:
        return
    if len(problems) == 1:
        raise LiteralError(problems[0], problems=tuple(problems))
    lines = list(problems[:_SHOWN])
    if len(problems) > _SHOWN:
        lines.append(f"… and {len(problems) - _SHOWN} more")
    head = summary or "values do not fit their Flyte types"
    raise LiteralError(f"{head} ({len(problems)} problems):\n  " + "\n  ".join(lines), problems=tuple(problems))
