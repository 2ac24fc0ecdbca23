"""How an attempt ended, by the files below its output prefix (flyteplugins ``ioutils/remote_file_output_reader.go``).

error.pb comes before futures.pb, and that before outputs.pb (flytepropeller ``nodes/task/handler.go``: invokePlugin,
ValidateOutput).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import dynamic_job_pb2, errors_pb2, execution_pb2, literals_pb2
from google.protobuf.message import DecodeError

from ..model.outcome import Done, Dynamic, Failure

if TYPE_CHECKING:
    from pathlib import Path

    from .paths import AttemptPaths

__all__ = ["failure_in", "outcome_in"]

_SYSTEM = execution_pb2.ExecutionError.SYSTEM
_UNKNOWN = execution_pb2.ExecutionError.UNKNOWN


def failure_in(prefix: Path) -> Failure | None:
    """What the task itself says went wrong."""
    try:
        document = _read(prefix / "error.pb", errors_pb2.ErrorDocument)
    except Failure as failure:
        return failure
    if document is None:
        return None
    error = document.error
    recoverable = error.kind == errors_pb2.ContainerError.RECOVERABLE
    when = error.timestamp if "timestamp" in error.DESCRIPTOR.fields_by_name and error.HasField("timestamp") else None
    return Failure(error.code, error.message, kind=error.origin, recoverable=recoverable, timestamp=when)


def outcome_in(paths: AttemptPaths, missing: str) -> Done | Dynamic | Failure:
    """How an attempt ended that did not crash.

    Args:
        paths: Where it wrote.
        missing: What to say when outputs were declared and none written.
    """
    try:
        failure = failure_in(paths.output)
        if failure is not None:
            return failure
        futures = _read(paths.output / "futures.pb", dynamic_job_pb2.DynamicJobSpec)
        if futures is not None:
            return Dynamic(futures, paths.layout.native(paths.output / "futures.pb"), paths.order.attempt)
        outputs = _read(paths.output / "outputs.pb", literals_pb2.LiteralMap)
    except Failure as failure:
        return failure
    if outputs is not None:
        return Done(outputs)
    if paths.order.task.interface.outputs.variables:
        # Of kind UNKNOWN, as by ValidateOutput: it takes the task's own retries, not those of system failures.
        return Failure("OutputsNotFound", missing, kind=_UNKNOWN, recoverable=True)
    return Done(literals_pb2.LiteralMap())


def _read(path: Path, message: Any) -> Any | None:
    if not path.exists():
        return None
    try:
        return message.FromString(path.read_bytes())
    except DecodeError as error:
        text = f"what the task wrote to {path.name} is no protobuf: {error}"
        raise Failure("OutputsNotReadable", text, kind=_SYSTEM) from None
