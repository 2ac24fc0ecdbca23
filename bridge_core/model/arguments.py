"""Checks of what verbs are given: one per kind and one wording, so that a slip is told before anything is sent or asked.

Names of the keyword arguments are those of the verb: ``texts(project=project, domain=domain)``.
"""

from __future__ import annotations

import os
from typing import Any

from .errors import InvalidRequest

__all__ = ["count", "either", "flags", "instance", "need", "need_text", "paths", "texts", "wrong"]


def wrong(name: str, wanted: str, got: object) -> InvalidRequest:
    """The error for an argument of the wrong kind. Says its type and not all of it: it may be large, or secret."""
    shown = repr(got) if isinstance(got, str | int | float | bool | None) else ""
    kind = f"({type(got).__name__})" if shown else f"a {type(got).__name__}"
    return InvalidRequest(f"{name}: wanted {wanted}, got {' '.join(part for part in (shown, kind) if part)}")


def texts(**values: object) -> None:
    """Each is None or a text that is not empty.

    Raises:
        InvalidRequest: One is not.
    """
    for name, value in values.items():
        if value is not None and (not isinstance(value, str) or not value):
            raise wrong(name, "a text that is not empty, or None", value)


def paths(**values: object) -> None:
    """Each is a path or URI: a text or `os.PathLike` of text, not empty.

    Raises:
        InvalidRequest: One is not.
    """
    for name, value in values.items():
        found = os.fspath(value) if isinstance(value, str | os.PathLike) else None
        if not isinstance(found, str) or not found or "\0" in found:
            raise wrong(name, "a path or URI that is not empty and holds no NUL", value)


def either(name: str, value: Any, alias: str, other: Any) -> Any:
    """What was given under one of two names of the same argument.

    Raises:
        InvalidRequest: Both or neither.
    """
    if (value is None) == (other is None):
        given = "neither" if value is None else "both"
        raise InvalidRequest(f"{name}: wanted once, as {name}= or as {alias}=; {given} was given")
    return other if value is None else value


def flags(**values: object) -> None:
    """Each is True or False: a text such as ``"false"`` would count as true.

    Raises:
        InvalidRequest: One is not.
    """
    for name, value in values.items():
        if not isinstance(value, bool):
            raise wrong(name, "True or False", value)


def count(**values: object) -> None:
    """Each is a whole number from 0 on.

    Raises:
        InvalidRequest: One is not.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise wrong(name, "a whole number from 0 on", value)


def need_text(name: str, value: object, wanted: str) -> None:
    """It is a text.

    Raises:
        InvalidRequest: It is not.
    """
    need(name, value, str, wanted)


def need(name: str, value: Any, kind: Any, wanted: str) -> None:
    """It is of this class, or one of these (``A | B``).

    Raises:
        InvalidRequest: It is not.
    """
    if not isinstance(value, kind):
        raise wrong(name, wanted, value)


def instance(name: str, value: Any, kind: type, wanted: str) -> None:
    """It is None or of this class.

    Raises:
        InvalidRequest: It is not.
    """
    if value is not None:
        need(name, value, kind, wanted)
