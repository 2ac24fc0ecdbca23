"""Messages as Go prints them: FlyteAdmin's texts hold protobuf messages and Go's own values, and people and tests read them.

``project:"flytesnacks" domain:"development"``: protobuf-go's text form on one line. (It puts a second blank in by chance, so that
nobody relies on it; here there is one.)
"""

from __future__ import annotations

import json
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

__all__ = ["go_quoted", "go_text", "is_repeated"]

_TEXTS = (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES)
_PLAIN = frozenset(range(ord(" "), ord("~") + 1)) - frozenset(b'"\\')
_REALS = (FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT)


def go_text(message: Any) -> str:
    """One message, without its outer braces; ``<nil>`` for None."""
    if message is None:
        return "<nil>"
    return " ".join(part for field, value in message.ListFields() for part in _parts(field, value))


def go_quoted(text: str) -> str:
    """A text as Go's ``%q`` and its protobuf text form quote it."""
    return json.dumps(text, ensure_ascii=False)


def is_repeated(field: Any) -> bool:
    """Whether the field holds several values; the property came with protobuf 6, and its label went out of use."""
    if hasattr(field, "is_repeated"):
        return bool(field.is_repeated)
    return bool(field.label == FieldDescriptor.LABEL_REPEATED)


def _parts(field: FieldDescriptor, value: Any) -> list[str]:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, item = field.message_type.fields
        return [
            f"{field.name}:{{{_parts(key, name)[0]} {' '.join(_parts(item, value[name]))}}}" for name in sorted(value)
        ]
    values = value if is_repeated(field) else [value]
    return [f"{field.name}:{_one(field, one)}" for one in values]


def _one(field: FieldDescriptor, value: Any) -> str:
    if field.message_type is not None:
        return f"{{{go_text(value)}}}"
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return known.name if known is not None else str(value)
    if field.type in _TEXTS:
        return go_quoted(value) if isinstance(value, str) else _quoted_bytes(value)
    if field.type == FieldDescriptor.TYPE_BOOL:
        return "true" if value else "false"
    if field.type in _REALS:
        return repr(float(value)).removesuffix(".0")
    return str(value)


def _quoted_bytes(value: bytes) -> str:
    return '"' + "".join(chr(byte) if byte in _PLAIN else f"\\x{byte:02x}" for byte in value) + '"'
