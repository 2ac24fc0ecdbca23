"""Any RPC of FlyteAdmin by its name."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from ...transport.base import Method
from ..any_rpc import AnyRpc
from .methods import is_known, rpc

__all__ = ["any_rpc", "message_for"]

_FILES = ("admin", "dataproxy", "signal", "identity", "auth")


def _methods() -> Iterator[Any]:
    for name in _FILES:
        module = importlib.import_module(f"flyteidl.service.{name}_pb2")
        for service in module.DESCRIPTOR.services_by_name.values():
            yield from service.methods


_RPCS = AnyRpc("FlyteAdmin", "flyteidl", "RPC", _methods, reads=("Get", "List"))
message_for = _RPCS.message


def any_rpc(name: str) -> Method[Any, Any]:
    """How to call it. What is no read, and not in the table of `methods`, is sent once only."""
    return rpc(name) if is_known(name) else _RPCS.method(name)
