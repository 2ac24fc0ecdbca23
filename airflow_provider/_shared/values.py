"""Flyte values as XComs, and back: plain JSON, because Airflow refuses bytes and NaN, and loses dataclasses on the way out.

References travel as ``{"flyte_ref": "file", "uri": …}``. What JSON has no form for, or would bring back as something else, is
wrapped: bytes as ``{"flyte_bytes": "<base64>"}``, NaN and the infinities as ``{"flyte_float": "NaN"}``, mappings whose keys are
not all texts, or that look like a wrapping themselves, as ``{"flyte_map": [[key, value], …]}``. All become themselves again when
they are given to a Flyte task as inputs: what one operator pushed, the next one sends unchanged.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any

from bridge_core import DirectoryRef, FileRef, FrameRef, InvalidRequest, RunRef

__all__ = ["from_xcom", "output_of", "reference_to_output", "to_xcom"]

_REFERENCES: Mapping[str, Any] = {"file": FileRef, "directory": DirectoryRef, "frame": FrameRef}
_REF = "flyte_ref"
_OUTPUT = "output"
_SCHEME = "flyte://"
_BYTES = "flyte_bytes"
_FLOAT = "flyte_float"
_MAP = "flyte_map"
_WRAPPINGS = frozenset({_BYTES, _FLOAT, _MAP})


def to_xcom(value: Any) -> Any:
    """The value as Airflow can store, show and hand on; datetimes and durations stay themselves.

    Raises:
        InvalidRequest: There is no such form.
    """
    if value is None or isinstance(value, str | bool | int):
        return value.value if isinstance(value, Enum) else value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_FLOAT: _name(value)}
    if isinstance(value, datetime | date | timedelta):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return {_BYTES: base64.b64encode(bytes(value)).decode("ascii")}
    if isinstance(value, FileRef | DirectoryRef | FrameRef):
        return value.to_dict()
    if isinstance(value, Enum):
        return to_xcom(value.value)
    if isinstance(value, Mapping):
        if _is_plain(value):
            return {key: to_xcom(item) for key, item in value.items()}
        return {_MAP: [[to_xcom(key), to_xcom(item)] for key, item in value.items()]}
    if isinstance(value, list | tuple | set | frozenset):
        return [to_xcom(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_xcom(getattr(value, field.name)) for field in fields(value)}
    raise InvalidRequest(
        f"a value of type {type(value).__name__} has no XCom form; set do_xcom_push=False on the task and fetch it with "
        "FlyteHook().get_client().outputs(…)"
    )


def from_xcom(value: Any, load: Callable[[RunRef, str], Any] | None = None) -> Any:
    """Inputs as given to an operator, with what was wrapped or left in Flyte restored.

    Args:
        value: What a task was given.
        load: Fetches an output of a run that was too big for an XCom. None: it stays the reference.
    """
    if isinstance(value, Mapping):
        kind = value.get(_REF)
        if isinstance(kind, str) and kind in _REFERENCES:
            return _REFERENCES[kind].from_dict(value)
        if load is not None and (output := output_of(value)) is not None:
            return load(*output)
        if len(value) == 1 and (wrapped := next(iter(value))) in _WRAPPINGS:
            return _unwrapped(wrapped, value, load)
        return {key: from_xcom(item, load) for key, item in value.items()}
    if isinstance(value, list):
        return [from_xcom(item, load) for item in value]
    if isinstance(value, tuple):
        return tuple(from_xcom(item, load) for item in value)
    return value


def reference_to_output(run: RunRef, name: str) -> dict[str, str]:
    """Stands in an XCom for an output that is too big for it: Flyte keeps it."""
    return {_REF: _OUTPUT, "uri": f"{_SCHEME}{run}/{name}"}


def output_of(value: Any) -> tuple[RunRef, str] | None:
    """Run and name of the output that a reference means; None when it is no such reference."""
    if not isinstance(value, Mapping) or value.get(_REF) != _OUTPUT or not isinstance(value.get("uri"), str):
        return None
    run, _, name = value["uri"].removeprefix(_SCHEME).rpartition("/")
    return RunRef.parse(run), name


def _is_plain(value: Mapping[Any, Any]) -> bool:
    if not all(isinstance(key, str) and not isinstance(key, Enum) for key in value):
        return False
    return _REF not in value and not (len(value) == 1 and next(iter(value)) in _WRAPPINGS)


def _name(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _unwrapped(wrapped: str, value: Mapping[str, Any], load: Callable[[RunRef, str], Any] | None) -> Any:
    held = value[wrapped]
    if wrapped == _BYTES and isinstance(held, str):
        return base64.b64decode(held)
    if wrapped == _FLOAT and held in ("NaN", "Infinity", "-Infinity"):
        return float(held)
    if wrapped == _MAP and isinstance(held, list) and all(isinstance(pair, list | tuple) for pair in held):
        return {from_xcom(key, load): from_xcom(item, load) for key, item in held}
    return {wrapped: from_xcom(held, load)}
