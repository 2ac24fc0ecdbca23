"""Any unary RPC of Flyte 2 by its name."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any

from ...transport.base import Method
from ..any_rpc import AnyRpc
from .methods import SERVICES, is_known, rpc

__all__ = ["any_rpc", "message_for"]

_READS = ("Get", "List", "Select", "Json", "TaskSpecTo", "Literals", "LaunchForm")


def _methods() -> Iterator[Any]:
    for package, file in SERVICES.values():
        try:
            module = importlib.import_module(f"flyteidl2.{package}.{file}_pb2")
        except ModuleNotFoundError:  # of another release
            continue
        for service in module.DESCRIPTOR.services_by_name.values():
            yield from (one for one in service.methods if not one.server_streaming and not one.client_streaming)


_RPCS = AnyRpc("Flyte 2", "flyteidl2", "unary RPC", _methods, reads=_READS)
message_for = _RPCS.message


def any_rpc(name: str) -> Method[Any, Any]:
    """How to call it. What is no read, and not in the table of `methods`, is sent once only."""
    return rpc(name) if is_known(name) else _RPCS.method(name)
