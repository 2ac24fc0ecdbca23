"""What goes wrong between Flyte and a connector, and the gRPC status that Flyte is told.

FlytePropeller tries again after any status of GetTask and DeleteTask, and takes any of CreateTask as a failure that may be tried
again (flyteplugins ``internal/webapi``); codes are for people and for `bridge_core`'s own clients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.errors import (
    BridgeError,
    DeadlineExceeded,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from ..model.run_errors import AlreadyExists
from .public import public

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ConnectorNotFound", "JobNotFound", "JobStillRunning", "status_of"]


@public
class ConnectorNotFound(NotFound):
    """No connector runs tasks of this type and version, or none has this name."""


@public
class JobNotFound(NotFound):
    """The job service knows no such job: what a connector's ``get`` raises when it was removed behind our back."""


@public
class JobStillRunning(BridgeError):
    """The job service was told to end the job, and does not do so yet: what a connector's ``delete`` raises to be asked again.

    Another thing than `Unavailable`: the service answered, and it is worth asking on.
    """


_STATUS: Mapping[type[BridgeError], str] = {
    DeadlineExceeded: "DEADLINE_EXCEEDED",
    Unavailable: "UNAVAILABLE",
    InvalidRequest: "INVALID_ARGUMENT",
    NotFound: "NOT_FOUND",
    AlreadyExists: "ALREADY_EXISTS",
    PermissionDenied: "PERMISSION_DENIED",
    Unauthenticated: "UNAUTHENTICATED",
    LimitExceeded: "RESOURCE_EXHAUSTED",
    Unsupported: "UNIMPLEMENTED",
    JobStillRunning: "FAILED_PRECONDITION",
}


def status_of(error: BaseException) -> str:
    """The gRPC status name for an error of a connector; INTERNAL for what nobody foresaw."""
    for kind, code in _STATUS.items():
        if isinstance(error, kind):
            return code
    return "UNIMPLEMENTED" if isinstance(error, NotImplementedError) else "INTERNAL"
