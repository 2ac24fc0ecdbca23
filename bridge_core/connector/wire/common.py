"""What both wires share: how a request that fails is answered, how lines of logs are sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import grpc

from ...model.errors import BridgeError, InvalidRequest
from ..dispatcher import Refusal
from ..errors import status_of
from ..masks import masked, masked_data, secrets_are_known
from ..values import LogLine, LogToken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["LINES_AT_ONCE", "fingerprint", "line_of", "pages", "refuse", "refusing"]

LINES_AT_ONCE = 500


def refusing(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Answers a unary call with a status when it is refused."""

    async def handler(self: Any, request: Any, context: Any) -> Any:
        try:
            return await method(self, request)
        except (Refusal, BridgeError) as error:
            await refuse(context, error)

    return handler


async def refuse(context: Any, error: Refusal | BridgeError) -> None:
    """Ends a call with the status of an error."""
    code = error.code if isinstance(error, Refusal) else status_of(error)
    await context.abort(getattr(grpc.StatusCode, str(code)), masked(error.message))


def fingerprint(request: Any, *, known: bool) -> bytes | None:
    """What is equal for equal requests; None when their run is not known, so that equal ones may be different tasks."""
    import hashlib

    return hashlib.sha256(request.SerializeToString(deterministic=True)).digest() if known else None


def line_of(item: Any) -> LogLine:
    """One line of a log, as a connector yields it, without secrets.

    Raises:
        InvalidRequest: It is none.
    """
    if isinstance(item, LogLine):
        return replace(item, message=masked(item.message)) if secrets_are_known() else item
    if isinstance(item, str):
        return LogLine(masked(item))
    raise InvalidRequest(f"get_logs: wanted texts, LogLine or LogToken, got {type(item).__name__}")


async def pages(items: AsyncIterator[Any]) -> AsyncIterator[list[LogLine] | LogToken | Any]:
    """Lines in pages, tokens and ready messages of the wire in between.

    A page is sent when it is full or when something else comes: the lines of a job that goes on are waited for one by one.
    """
    page: list[LogLine] = []
    async for item in items:
        if isinstance(item, LogToken) or hasattr(item, "DESCRIPTOR"):
            if page:
                yield page
                page = []
            yield item
            continue
        page.append(line_of(item))
        if len(page) >= LINES_AT_ONCE:
            yield page
            page = []
    if page:
        yield page


def metric_pairs(given: Any) -> Iterator[tuple[str, Any]]:
    """Name and data of each metric of a mapping, without secrets.

    Raises:
        InvalidRequest: It is no mapping.
    """
    if not hasattr(given, "items"):
        raise InvalidRequest(f"get_metrics: wanted a mapping of names to plain data, got {type(given).__name__}")
    yield from (masked_data(given) if secrets_are_known() else given).items()
