"""Items of an array that ended before a restart.

They have no records of their own: the array's one task execution tells their phases, and the files they wrote the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import errors_pb2, execution_pb2, literals_pb2

from ..model.outcome import Done, Failure, Outcome
from .task import task_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .node import NodeRun

__all__ = ["ended_items", "next_attempt"]

_Task = execution_pb2.TaskExecution


def next_attempt(array: NodeRun, index: int) -> int:
    """The number of an item's next attempt: each has a directory of its own, the interrupted one too."""
    return _last_attempt(array, index) + 1


def ended_items(array: NodeRun, record: Any) -> Iterator[tuple[int, Outcome]]:
    """How each item ended that did. Items that left no file, such as echoes and cache hits, are not told: they cost nothing.

    Args:
        array: The array node.
        record: Its task execution from before the restart.
    """
    has_outputs = bool(task_of(array, array.node.array_node.node).interface.outputs.variables)
    for resource in record.closure.metadata.external_resources:
        attempt = _last_attempt(array, resource.index)
        if resource.retry_attempt != attempt and attempt >= 0:
            continue  # not its last
        prefix = array.output_prefix / str(resource.index) / str(attempt)
        if resource.phase == _Task.SUCCEEDED:
            if (prefix / "outputs.pb").exists():
                yield resource.index, Done(literals_pb2.LiteralMap.FromString((prefix / "outputs.pb").read_bytes()))
            elif not has_outputs:
                yield resource.index, Done(literals_pb2.LiteralMap())
        elif resource.phase == _Task.FAILED:
            if (prefix / "error.pb").exists():
                error = errors_pb2.ErrorDocument.FromString((prefix / "error.pb").read_bytes()).error
                yield resource.index, Failure(error.code, error.message, kind=error.origin)
            else:
                message = f"the item failed before the sandbox was restarted; its log is {prefix / 'task.log'}"
                yield resource.index, Failure("RetriesExhausted|Interrupted", message)


def _last_attempt(array: NodeRun, index: int) -> int:
    directory = array.output_prefix / str(index)
    return max((int(path.name) for path in directory.glob("[0-9]*") if path.name.isdecimal()), default=-1)
