"""msgpack, in which Flyte keeps dataclasses and dicts: bytes to plain data and back, never nested deeper than is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgpack

from .problems import MAX_DEPTH, Where, refusal
from .to_plain import as_fields, to_plain

__all__ = ["KEYS", "PACKED", "is_too_deep", "odd_key", "pack", "unpack"]

PACKED = 4096
"""Bytes that the packer begins with; its own 256 KiB are more than a hundred dataclasses of a map together."""
_HEADS = bytes([*range(0x80, 0xA0), 0xDC, 0xDD, 0xDE, 0xDF])
"""Bytes that can begin a msgpack array or map; a value nested n deep contains at least n of them."""
KEYS = frozenset({str, int, float, bool, bytes, type(None)})
"""Types of keys that are the same when they are read back."""
_CONTAINERS = frozenset({dict, list, tuple})


def pack(value: Any, default: Callable[[Any], Any] = to_plain) -> bytes:
    """Msgpack of plain data, and of the objects that `default` makes plain.

    Raises:
        TypeError: Something in it is not known.
        OverflowError: An int beyond 64 bits.
        RecursionError: Nested too deep, or it contains itself.
    """
    try:
        return bytes(msgpack.packb(value, default=default, buf_size=PACKED))
    except ValueError as error:
        if "recursion limit" in str(error):
            raise RecursionError from None
        raise


def unpack(raw: bytes, where: Where) -> Any:
    """Plain data from msgpack, of any key types.

    Raises:
        LiteralError: Truncated, malformed, or nested deeper than `MAX_DEPTH`.
    """
    try:
        value = msgpack.unpackb(raw, strict_map_key=False, timestamp=3, ext_hook=_no_extension)
    except (ValueError, TypeError, OverflowError, msgpack.UnpackException) as error:
        raise refusal(
            where, f"not readable as msgpack ({len(raw)} bytes): {str(error) or type(error).__name__}"
        ) from error
    if is_too_deep(value, raw):
        raise refusal(where, f"nested deeper than {MAX_DEPTH} levels")
    return value


def _no_extension(code: int, data: bytes) -> Any:  # noqa: ARG001 - msgpack's signature
    raise ValueError(f"extension type {code} means nothing in Flyte")


def is_too_deep(value: Any, raw: bytes) -> bool:
    """Whether a value is nested deeper than `MAX_DEPTH`.

    Args:
        value: The value.
        raw: The same as msgpack. It is asked first: counting bytes is cheap, and only ever says "maybe" too often.
    """
    if len(raw) <= MAX_DEPTH or len(raw) - len(raw.translate(None, _HEADS)) <= MAX_DEPTH:
        return False
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, (dict, list, tuple))
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, (dict, list, tuple))
        ]
        if not level:
            return False
    return True


def odd_key(value: Any) -> Any:
    """A key that msgpack writes as an array or map, which nobody can read back as a key; None without one."""
    stack = [value] if type(value) in _CONTAINERS else []
    while stack:
        node = stack.pop()
        if type(node) is dict:
            if not KEYS.issuperset(map(type, node)):
                for key in node:
                    if isinstance(key, (tuple, frozenset)) or as_fields(key) is not None:
                        return key
            stack += [item for item in node.values() if type(item) in _CONTAINERS]
        else:
            stack += [item for item in node if type(item) in _CONTAINERS]
    return None
