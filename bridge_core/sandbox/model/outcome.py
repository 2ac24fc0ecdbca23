"""How a node, a graph or an attempt can end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flyteidl.core import execution_pb2

__all__ = ["CANCELLED", "RETRYABLE_FAILED", "Cancelled", "Done", "Dynamic", "Failure", "Outcome", "unsupported"]

_USER = execution_pb2.ExecutionError.USER

RETRYABLE_FAILED = 8
"""A ``TaskExecution.Phase`` that flyteidl names from 1.15 on; services may say it whatever is installed here."""


@dataclass(frozen=True, slots=True)
class Done:
    """It succeeded with these outputs (a LiteralMap)."""

    outputs: Any
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Dynamic:
    """A task succeeded by writing a workflow to run (``futures.pb``)."""

    spec: Any
    uri: str
    attempt: int


@dataclass(eq=False)
class Failure(Exception):
    """It failed. Also raised where a step of a node finds that it cannot go on.

    Attributes:
        code: ``"USER:ValueError"``.
        message: What happened, for people.
        kind: ExecutionError.ErrorKind: whose fault it is.
        recoverable: Whether another attempt may help.
        node_id: The node that failed first.
        timestamp: When the task says that it failed, a Timestamp or None.
    """

    code: str
    message: str
    kind: int = _USER
    recoverable: bool = False
    node_id: str = ""
    timestamp: Any = None

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"

    def to_error(self) -> Any:
        """The wire form."""
        error = execution_pb2.ExecutionError(code=self.code, message=self.message, kind=self.kind)
        if self.timestamp is not None and "timestamp" in error.DESCRIPTOR.fields_by_name:  # flyteidl 1.14
            error.timestamp.CopyFrom(self.timestamp)
        return error


@dataclass(frozen=True, slots=True)
class Cancelled:
    """It was stopped before it ended."""

    reason: str = ""
    """Why, for the record."""


CANCELLED = Cancelled()
Outcome = Done | Failure | Cancelled


def unsupported(what: str) -> Failure:
    """The failure of something that a Flyte cluster can do and the sandbox cannot."""
    return Failure(
        "UnsupportedBySandbox",
        f"not supported by the sandbox: {what}. Run it on a Flyte cluster.",
        kind=execution_pb2.ExecutionError.SYSTEM,
    )
