"""Any unary RPC of Flyte 2 by its name: for what this library has no verb for. Found in the descriptors that flyteidl2 brings."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from ...model.errors import InvalidRequest
from ...transport.base import Method
from .methods import SERVICES, is_known, rpc

__all__ = ["any_rpc", "message_for"]

_READS = ("Get", "List", "Select", "Json", "TaskSpecTo", "Literals", "LaunchForm")


@functools.cache
def _methods() -> Mapping[str, Any]:
    found: dict[str, Any] = {}
    for package, file in SERVICES.values():
        try:
            module = importlib.import_module(f"flyteidl2.{package}.{file}_pb2")
        except ModuleNotFoundError:  # of another release
            continue
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                if not method.server_streaming and not method.client_streaming:
                    found.setdefault(method.name, method)
                    found[f"{service.name}/{method.name}"] = method
    return found


def any_rpc(name: str) -> Method[Any, Any]:
    """How to call it. What is no read, and not in the table of `methods`, is sent once only.

    Raises:
        InvalidRequest: Flyte 2 has no such RPC.
    """
    if is_known(name):
        return rpc(name)
    method = _descriptor(name)
    return Method(
        f"/{method.containing_service.full_name}/{method.name}",
        GetMessageClass(method.input_type).SerializeToString,
        GetMessageClass(method.output_type).FromString,
        safe=method.name.startswith(_READS),
    )


def message_for(name: str, request: Any) -> Any:
    """The request as the message that the RPC takes.

    Raises:
        InvalidRequest: It is another message, or a mapping that does not describe this one.
    """
    kind = GetMessageClass(_descriptor(name).input_type)
    if isinstance(request, kind):
        return request
    if isinstance(request, Mapping):
        try:
            return json_format.ParseDict(dict(request), kind())
        except (json_format.ParseError, TypeError) as error:
            raise InvalidRequest(f"call({name!r}): the mapping is no {kind.DESCRIPTOR.full_name}: {error}") from None
    got = request.DESCRIPTOR.full_name if isinstance(request, Message) else type(request).__name__
    raise InvalidRequest(f"call({name!r}): wanted a {kind.DESCRIPTOR.full_name} or a mapping, got a {got}")


def _descriptor(name: str) -> Any:
    found = _methods().get(name) if isinstance(name, str) else None
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(str(name), _methods(), n=3)
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "names are those of flyteidl2's services"
        raise InvalidRequest(f"call({name!r}): Flyte 2 has no such unary RPC; {hint}")
    return found
