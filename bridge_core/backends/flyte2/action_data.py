"""GetActionData: values of an action, which are recorded by another call than its phase and may come a moment after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...model.errors import NotFound, Unavailable
from .methods import rpc

if TYPE_CHECKING:
    from ...calls import Calls

__all__ = ["LATE", "action_data"]

LATE = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0)
"""Seconds between looks for what a terminal phase promises and cannot be read yet: seen up to 220 ms, so 3.5 s are plenty."""
_NOT_YET = "outputs not available"  # run_service.go: the attempt's event has not come yet


async def action_data(calls: Calls, request: Any) -> Any:
    """The answer, asked for again for a moment while the server says that there are no outputs yet.

    Raises:
        NotFound: No such action.
        Unavailable: The outputs never came.
    """
    delays = iter(LATE)
    while True:
        try:
            return await calls.unary(rpc("GetActionData"), request)
        except NotFound as error:
            if _NOT_YET not in (error.details or ""):
                raise
            delay = next(delays, None)
            if delay is None:
                text = f"{request.action_id.run.name}/{request.action_id.name} has ended, and its outputs are not recorded yet"
                raise Unavailable(f"{text}: {error.details}. Ask again later", **error.data) from None
        await calls.transport.sleep(delay)
