"""How array nodes fail (flytepropeller ``pkg/controller/nodes/array/handler.go``)."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from flyteidl.core import execution_pb2

from ..model.outcome import Failure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["no_dynamic", "summary"]

_UNKNOWN = execution_pb2.ExecutionError.UNKNOWN
_LIMIT = 100 * 1024  # events/event_recorder.go: MaxErrorMessageLength
_MORE = "... and many more."


def summary(errors: Mapping[int, Failure]) -> Failure:
    """The failure of an array: messages of its items and who had them, without a code (array/errorcollector).

    Args:
        errors: By index; empty when there were too few items from the start.
    """
    if not errors:
        return Failure("ArrayNodeFailing", "Unknown reason", kind=_UNKNOWN)
    items: dict[str, list[int]] = {}
    for index in sorted(errors):
        items.setdefault(errors[index].message, []).append(index)
    text = ""
    for message in sorted(items):
        text += f"{_ranges(items[message])}: {message}\n"
        if len(text) >= _LIMIT - len(_MORE):
            text += _MORE
            break
    return Failure("", text, kind=_UNKNOWN)


def no_dynamic(task: str) -> Failure:
    """What an item ends with that made a workflow.

    FlytePropeller never gets to the end of such an item: it keeps no state of dynamic nodes for items
    (array/handler.go: buildArrayNodeContext, "if we want to support more complex subNodes (ie. dynamics / subworkflows)").
    flytekit refuses to map over them, in the words used here. flyteorg/flyte#5684 asks for it.
    """
    return Failure(
        "BadSpecificationError",
        f"task {task!r} made a dynamic workflow. Only PythonFunctionTask with default execution mode (not @dynamic or "
        "@eager) and PythonInstanceTask are supported in map tasks.",
    )


def _ranges(indices: Iterable[int]) -> str:
    """``[0][2-4]``."""
    runs = [[index for _, index in run] for _, run in groupby(enumerate(indices), lambda pair: pair[1] - pair[0])]
    return "".join(f"[{run[0]}]" if len(run) == 1 else f"[{run[0]}-{run[-1]}]" for run in runs)
