"""How two registrations of one version differ, in the words of FlyteAdmin: a JSON diff in both directions, joined by path.

flyteadmin ``pkg/errors/errors.go`` (compareJsons). Its JSON is that of Go's structs, not of protobuf: names in snake case,
what a oneof holds wrapped in the name of its field, null when it holds nothing.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf import json_format

from ...model.go_text import is_repeated

__all__ = ["differences"]

_JSON = frozenset(f"google.protobuf.{name}" for name in ("Struct", "Value", "ListValue"))  # these write themselves


def differences(older: Any, newer: Any) -> list[str]:
    """Lines with the path, the older value and the newer one. Items that only one of two lists has are not told of."""
    found: list[str] = []
    _walk("", _plain(older), _plain(newer), found)
    return found


def _walk(path: str, older: Any, newer: Any, found: list[str]) -> None:
    if older == newer:
        return
    if isinstance(older, dict) and isinstance(newer, dict):
        for name in sorted({*older, *newer}):
            _walk(f"{path}/{name.replace('~', '~0').replace('/', '~1')}", older.get(name), newer.get(name), found)
    elif isinstance(older, list) and isinstance(newer, list):
        for index, (one, other) in enumerate(zip(older, newer, strict=False)):
            _walk(f"{path}/{index}", one, other, found)
    else:
        found.append(f"{path}:\n\t- {_shown(older)} \n\t+ {_shown(newer)}")


def _plain(message: Any) -> Any:
    """As encoding/json writes Go's structs of protobuf: empty fields are left out, a oneof is an object under its name."""
    if message.DESCRIPTOR.full_name in _JSON:
        return json_format.MessageToDict(message)
    plain: dict[str, Any] = {
        _camel(one.name): None
        for one in message.DESCRIPTOR.oneofs
        if not one.name.startswith("_") and message.WhichOneof(one.name) is None  # but not those of optional fields
    }
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            item = field.message_type.fields_by_name["value"]
            shown: Any = {str(key): _value(item, value[key]) for key in value}
        elif is_repeated(field):
            shown = [_value(field, one) for one in value]
        else:
            shown = _value(field, value)
        oneof = field.containing_oneof
        if oneof is not None:
            plain[_camel(oneof.name)] = {_camel(field.name): shown}
        else:
            plain[field.name] = shown
    return plain


def _value(field: Any, value: Any) -> Any:
    if field.message_type is not None:
        return _plain(value)
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def _shown(value: Any) -> str:
    """As Go's ``%v`` prints what it has read from JSON."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{name}:{_shown(value[name])}' for name in sorted(value))}]"
    if isinstance(value, list):
        return f"[{' '.join(map(_shown, value))}]"
    if value is None:
        return "<nil>"
    return json.dumps(value) if isinstance(value, bool) else str(value)
