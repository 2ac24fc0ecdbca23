"""Credentials that Flyte refuses while runs are waited for are loaded again, once for everybody who was refused."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from ..model.errors import Unavailable

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..transport.aio import AioTransport

__all__ = ["Renewal", "being_cancelled"]


def being_cancelled() -> bool:
    """Whether a CancelledError seen now is meant for the current task."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class Renewal:
    """Loads the configuration again when Flyte refuses the credentials: once for everybody who was refused.

    Args:
        current: Returns the backend to ask now.
        replace: Puts a new configuration in place and returns the transport that it replaces.
    """

    def __init__(self, current: Callable[[], Backend], replace: Callable[[Config], AioTransport]) -> None:
        self._current = current
        self._replace = replace
        self._load: Callable[[], Awaitable[Config]] | None = None
        self._context = contextvars.Context()
        self._task: asyncio.Task[None] | None = None
        self._retired: dict[AioTransport, asyncio.Task[None]] = {}

    def load_with(self, load: Callable[[], Awaitable[Config]]) -> None:
        """What to load with, in the context of this caller: an Airflow connection is looked up through context variables."""
        self._load, self._context = load, contextvars.copy_context()

    async def renew(self, refused: Backend) -> bool:
        """Whether asking again makes sense, after ``refused`` was refused.

        Raises:
            Unavailable: The loading was cancelled.
            Exception: Whatever the loading raised.
        """
        if self._load is None:
            return False
        if self._current() is not refused:
            return True  # somebody else renewed meanwhile
        if self._task is None or self._task.done():
            # In a task of its own: the first caller may be cancelled, the others go on waiting for it.
            self._task = self._context.copy().run(asyncio.get_running_loop().create_task, self._run(self._load))
            self._task.add_done_callback(_retrieve_exception)
        task = self._task
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if being_cancelled() or not task.cancelled():
                raise
            raise Unavailable("loading the credentials again was cancelled") from None
        return True

    async def aclose(self) -> None:
        """Ends a renewal under way, and the calls on replaced channels."""
        task, self._task = self._task, None
        retired = dict(self._retired)
        tasks = [*retired.values(), *([task] if task is not None else [])]
        for one in tasks:
            one.cancel()
        for transport in retired:
            await transport.aclose()  # does nothing when its task has begun: that closes in its ``finally``
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, load: Callable[[], Awaitable[Config]]) -> None:
        old = self._replace(await load())
        # Calls under way on the old channel end in peace; none takes longer than `rpc_timeout`.
        closing = contextvars.Context().run(asyncio.get_running_loop().create_task, old.aclose(old.longest_call))
        self._retired[old] = closing
        closing.add_done_callback(lambda _: self._retired.pop(old, None))


def _retrieve_exception(task: asyncio.Task[None]) -> None:
    """The exception reached those who waited; nobody did when all were cancelled, and that is no news."""
    if not task.cancelled():
        task.exception()
