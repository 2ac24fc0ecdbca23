"""Flyte values as XComs, and back: plain JSON, because Airflow refuses bytes and NaN, and loses dataclasses on the way out.

References travel as ``{"flyte_ref": "file", "uri": …}`` and bytes as ``{"flyte_bytes": "<base64>"}``; both become themselves
again when they are given to a Flyte task as inputs, so that ``inputs={"data": first.output["o0"]}`` passes a file on.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

from bridge_core import DirectoryRef, FileRef, FrameRef, InvalidRequest

__all__ = ["from_xcom", "to_xcom"]

_REFERENCES: Mapping[str, Any] = {"file": FileRef, "directory": DirectoryRef, "frame": FrameRef}
_BYTES = "flyte_bytes"


def to_xcom(value: Any) -> Any:
    """The value as Airflow can store, show and hand on; datetimes and durations stay themselves.

    Raises:
        InvalidRequest: There is no such form.
    """
    if value is None or isinstance(value, str | bool | int):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, datetime | date | timedelta):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return {_BYTES: base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, FileRef | DirectoryRef | FrameRef):
        return value.to_dict()
    if isinstance(value, Enum):
        return to_xcom(value.value)
    if isinstance(value, Mapping):
        return {str(key): to_xcom(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_xcom(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_xcom(getattr(value, field.name)) for field in fields(value)}
    raise InvalidRequest(
        f"a value of type {type(value).__name__} has no XCom form; set do_xcom_push=False on the task and fetch it with "
        "FlyteHook().get_client().outputs(…)"
    )


def from_xcom(value: Any) -> Any:
    """Inputs as given to an operator, with references and bytes that came out of an XCom restored."""
    if isinstance(value, Mapping):
        kind = value.get("flyte_ref")
        if isinstance(kind, str) and kind in _REFERENCES:
            return _REFERENCES[kind].from_dict(value)
        if set(value) == {_BYTES} and isinstance(value[_BYTES], str):
            return base64.b64decode(value[_BYTES])
        return {key: from_xcom(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_xcom(item) for item in value]
    if isinstance(value, tuple):
        return tuple(from_xcom(item) for item in value)
    return value
