"""Any unary RPC of a Flyte by its name: for what this library has no verb for. Found in the descriptors that its stubs bring."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest
from ..transport.base import Method

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AnyRpc"]


class AnyRpc:
    """The RPCs of one generation of Flyte.

    Args:
        flyte: What lacks an RPC, in messages: ``"FlyteAdmin"``.
        stubs: The library whose names count: ``"flyteidl"``.
        kind: Which RPCs there are, in messages: ``"RPC"`` or ``"unary RPC"``.
        methods: Gives the descriptors of all methods.
        reads: What the names of reads begin with; anything else is sent once only.
    """

    def __init__(
        self, flyte: str, stubs: str, kind: str, methods: Callable[[], Iterable[Any]], reads: tuple[str, ...]
    ) -> None:
        self._flyte = flyte
        self._stubs = stubs
        self._kind = kind
        self._methods = methods
        self._reads = reads

    def method(self, name: str) -> Method[Any, Any]:
        """How to call it.

        Args:
            name: ``"GetVersion"``, or with its service, ``"AdminService/GetVersion"``.

        Raises:
            InvalidRequest: There is no such RPC.
        """
        from google.protobuf.message_factory import GetMessageClass

        method = self._descriptor(name)
        return Method(
            f"/{method.containing_service.full_name}/{method.name}",
            GetMessageClass(method.input_type).SerializeToString,
            GetMessageClass(method.output_type).FromString,
            safe=method.name.startswith(self._reads),
        )

    def message(self, name: str, request: Any) -> Any:
        """The request as the message that the RPC takes.

        Raises:
            InvalidRequest: It is another message, or a mapping that does not describe this one.
        """
        from google.protobuf import json_format
        from google.protobuf.message import Message
        from google.protobuf.message_factory import GetMessageClass

        kind = GetMessageClass(self._descriptor(name).input_type)
        if isinstance(request, kind):
            return request
        if isinstance(request, Mapping):
            try:
                return json_format.ParseDict(dict(request), kind())
            except (json_format.ParseError, TypeError) as error:
                text = f"call({name!r}): the mapping is no {kind.DESCRIPTOR.full_name}: {error}"
                raise InvalidRequest(text) from None
        got = request.DESCRIPTOR.full_name if isinstance(request, Message) else type(request).__name__
        raise InvalidRequest(f"call({name!r}): wanted a {kind.DESCRIPTOR.full_name} or a mapping, got a {got}")

    @functools.cached_property
    def _by_name(self) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for method in self._methods():
            found.setdefault(method.name, method)
            found[f"{method.containing_service.name}/{method.name}"] = method
        return found

    def _descriptor(self, name: str) -> Any:
        found = self._by_name.get(name) if isinstance(name, str) else None
        if found is None:
            from difflib import get_close_matches

            near = get_close_matches(str(name), self._by_name, n=3)
            hint = (
                f"did you mean {' or '.join(map(repr, near))}?"
                if near
                else f"names are those of {self._stubs}'s services"
            )
            raise InvalidRequest(f"call({name!r}): {self._flyte} has no such {self._kind}; {hint}")
        return found
