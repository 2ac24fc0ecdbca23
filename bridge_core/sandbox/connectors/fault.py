"""How a call to a connector goes wrong."""

from __future__ import annotations

__all__ = ["ConnectorFault"]

_UNREACHABLE = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"})


class ConnectorFault(Exception):
    """A connector did not do what it was asked.

    Args:
        code: gRPC status name.
        message: What happened, with the endpoint and the call.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def unreachable(self) -> bool:
        """Whether it was not even heard: no fault of the task."""
        return self.code in _UNREACHABLE

    @property
    def heard(self) -> bool:
        """Whether the connector is there, and said that it did not do it."""
        return not self.unreachable
