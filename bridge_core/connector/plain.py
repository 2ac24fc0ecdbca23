"""`plain_data`: inputs of a Flyte task as JSON has them, for job services that take nothing else."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from ..model.errors import InvalidRequest
from ..model.references import DirectoryRef, FileRef, FrameRef
from .public import public

__all__ = ["plain_data"]


@public
def plain_data(value: Any, path: str) -> Any:
    """A value as JSON has it: times in ISO form, durations in seconds, files and frames by their URI.

    Raises:
        InvalidRequest: JSON has no such value.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, FileRef | DirectoryRef | FrameRef):
        return value.uri
    if isinstance(value, Mapping):
        return {str(key): plain_data(item, f"{path}.{key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_data(item, f"{path}[{number}]") for number, item in enumerate(value)]
    raise InvalidRequest(f"input {path}: {value!r} has no form in JSON, which is what the job service takes")
