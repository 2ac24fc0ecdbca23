"""How a handler says no: a gRPC status by name, so that no room but the gRPC server needs grpc to refuse something."""

from __future__ import annotations

from typing import Any

__all__ = ["Rejected"]


class Rejected(Exception):
    """The request is answered with this status.

    Args:
        code: gRPC status name, ``"NOT_FOUND"``.
        message: What FlyteAdmin would say, in its words where clients read them.
        details: Protobuf messages for ``google.rpc.Status.details``.
    """

    def __init__(self, code: str, message: str, *details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
