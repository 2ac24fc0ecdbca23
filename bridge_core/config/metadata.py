"""What gRPC takes as metadata: a pair that breaks a rule fails in gRPC's own words, call by call, as if Flyte were away."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..model.errors import ConfigError
from ..model.masking import Hidden, HiddenBytes

__all__ = ["as_sent", "check_value", "clean_metadata"]

_KEY = re.compile(r"[0-9a-z_.-]+")
_VALUE = re.compile(r"[\x20-\x7e]*")


def clean_metadata(pairs: Any) -> tuple[tuple[str, Any], ...]:
    """The pairs with keys in lower case and without white space around values.

    Raises:
        ConfigError: One cannot be sent. Names the key, never the value.
    """
    if isinstance(pairs, str) or not isinstance(pairs, Iterable):
        raise ConfigError(f"metadata must be a list of (key, value) pairs of texts, got {type(pairs).__name__}")
    out: list[tuple[str, Any]] = []
    for number, pair in enumerate(pairs.items() if isinstance(pairs, Mapping) else pairs):
        if isinstance(pair, str) or not isinstance(pair, list | tuple) or len(pair) != 2:  # noqa: PLR2004
            raise ConfigError(f"metadata[{number}] must be a (key, value) pair of texts")
        key, value = pair
        folded = key.strip().lower() if isinstance(key, str) else ""
        if not _KEY.fullmatch(folded) or folded.startswith("grpc-"):
            raise ConfigError(
                f"metadata key {key!r} cannot be sent: wanted letters, digits, '_', '-' and '.', and not gRPC's own 'grpc-'"
            )
        if folded.endswith("-bin") and isinstance(value, bytes | str):
            out.append(
                (folded, HiddenBytes(value.encode() if isinstance(value, str) else value))
            )  # gRPC wants bytes there
            continue
        if not isinstance(value, str):
            raise ConfigError(f"metadata key {key!r}: its value must be a text, got {type(value).__name__}")
        out.append((folded, Hidden(check_value(f"metadata key {key!r}", value))))
    return tuple(out)


def as_sent(pairs: Iterable[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    """The pairs as plain texts and bytes: gRPC takes no subclass of the latter."""
    return tuple((key, bytes(value) if isinstance(value, bytes) else str(value)) for key, value in pairs)


def check_value(name: str, value: str) -> str:
    """A value without white space around it.

    Raises:
        ConfigError: It cannot be sent. Says `name`, never the value.
    """
    stripped = value.strip()
    if not _VALUE.fullmatch(stripped):
        raise ConfigError(
            f"{name}: its value holds a line break or a character that is not printable ASCII, which cannot be sent; "
            "is it the right file or variable, and only one line?"
        )
    return stripped
