"""Metadata of the caller's own, for the calls made inside a ``with`` block: `Client.auth_metadata`, auth mode Passthrough.

For services that act for their own callers and pass their callers' credentials on. Bound to one client, so that a token
never travels to another Flyte, and to the context, so that two threads or tasks do not see each other's.
"""

from __future__ import annotations

import contextlib
from contextvars import ContextVar
from typing import TYPE_CHECKING

from ..config.metadata import check_value
from ..model.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..transport.base import Metadata

__all__ = ["passing", "passthrough"]

_passed: ContextVar[tuple[tuple[object, Metadata], ...]] = ContextVar("flyte_bridge_auth_metadata", default=())


@contextlib.contextmanager
def passthrough(owner: object, *pairs: tuple[str, str]) -> Iterator[None]:
    """Sends these pairs with every call that ``owner`` makes inside the block, instead of a token of its own.

    Raises:
        ConfigError: A pair is not made of two texts, a key is not one that gRPC carries, or a value
            cannot be sent: the error never shows it.
    """
    for pair in pairs:
        if len(pair) != 2 or not all(isinstance(item, str) for item in pair) or not pair[0].isascii():  # noqa: PLR2004
            raise ConfigError("auth_metadata takes (key, value) pairs of texts; keys are ASCII")
        if not pair[0].lower().endswith("-bin"):
            check_value(f"auth_metadata key {pair[0]!r}", pair[1])
    lowered = tuple((key.lower(), value) for key, value in pairs)
    mark = _passed.set((*_passed.get(), (owner, lowered)))
    try:
        yield
    finally:
        _passed.reset(mark)


def passing(owner: object) -> Metadata:
    """What the caller passes now; the innermost block wins per key."""
    merged = {key: value for one, pairs in _passed.get() if one is owner for key, value in pairs}
    return tuple(merged.items())
