"""What node and task events carry of values, stored alike for both: inputs once, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model.times import seconds_between

if TYPE_CHECKING:
    from .context import Admin

__all__ = ["store_end", "store_inputs"]


def store_inputs(admin: Admin, record: Any, event: Any, keys: tuple[str, ...]) -> Any:
    """Keeps the first inputs that an event brings; returns them when they came as data."""
    if record.input_uri:
        return None
    kind = event.WhichOneof("input_value")
    if kind == "input_uri":
        record.input_uri = event.input_uri
    elif kind == "input_data":
        record.input_uri = admin.offloaded.write(event.input_data, *keys, "offloaded_inputs")
        return event.input_data
    return None


def store_end(admin: Admin, closure: Any, event: Any, keys: tuple[str, ...]) -> Any:
    """Duration, outputs or error of what ended; returns outputs that came as data."""
    if closure.HasField("started_at"):
        closure.duration.FromNanoseconds(int(seconds_between(closure.started_at, event.occurred_at) * 1e9))
    kind = event.WhichOneof("output_result")
    if kind == "output_uri" and event.output_uri:
        closure.output_uri = event.output_uri
    elif kind == "output_data":
        closure.output_uri = admin.offloaded.write(event.output_data, *keys, "offloaded_outputs")
        return event.output_data
    elif kind == "error":
        closure.error.CopyFrom(event.error)
    return None
