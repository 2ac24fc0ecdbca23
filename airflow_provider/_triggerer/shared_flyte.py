"""What triggers of ours have in common: one client for all of a connection, and patience with a Flyte that is away.

An unreachable Flyte is asked again until the deadline, refused credentials for a while: neither says anything about a run.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from bridge_core import AuthError, BridgeError, ConfigError, InvalidRequest, NotFound, Unsupported, WaitTimeout

from .._shared.metrics import count
from .._shared.refusals import Refusals
from .poll_age import polled_by
from .scheduler_lag import scheduler_has_seen

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from bridge_core import AsyncClient, Config

    from .._connection.limits import ConnectionLimits
    from .._shared.run_search import RunSearch

__all__ = ["SharedFlyte", "hold_back", "left_until"]

_CERTAIN = (ConfigError, InvalidRequest, NotFound, Unsupported, WaitTimeout)
"""Asking again cannot help."""
_MOST_ERRORS = 10
"""In a row, of kinds we do not know: a bug must not keep a task waiting for ever."""
_LONGEST_PAUSE = 30.0
_LONGEST_HOLD = 60.0
"""Seconds; the worker's clock may be far ahead of ours."""

T = TypeVar("T")
_limits: dict[str, ConnectionLimits] = {}


class SharedFlyte:
    """One Flyte, as all triggers of a triggerer share it that reach it in the same way.

    Args:
        conn_id: Connection of type ``flyte``.
        place: Where the run was launched (`_connection.config.place_of`): the connection may be edited meanwhile. None: where the
            connection says now.
    """

    def __init__(self, conn_id: str, place: Mapping[str, Any] | None = None) -> None:
        self._conn_id = conn_id
        self._place = place

    def client(self) -> AbstractAsyncContextManager[AsyncClient]:
        """Shared by all that were launched through the same connection while it meant the same."""
        from bridge_core import AsyncClient

        place = self._place or {}
        return AsyncClient.shared((self._conn_id, place.get("key"), place.get("endpoint")), self._config)

    async def _config(self) -> Config:
        from .._connection.config import at_place
        from ..hooks.flyte import FlyteHook

        hook = FlyteHook(self._conn_id)
        config = at_place(await hook.aget_config(), self._place)
        if hook.limits is not None:
            _limits[self._conn_id] = hook.limits  # with the client, so that a thousand triggers look them up once
        return config

    def check_place(self, search: RunSearch, client: AsyncClient) -> None:
        """Nothing, if the connection allows to look there.

        Raises:
            ConfigError: It does not.
        """
        if self._conn_id in _limits:
            _limits[self._conn_id].check_place(*search.place(client.config))

    async def ask(
        self,
        question: Callable[[AsyncClient], Awaitable[T]],
        *,
        what: str,
        log: Any,
        deadline: float | None = None,
    ) -> T:
        """The answer, whatever it takes to get it.

        Args:
            question: Asked again after every error that may pass.
            what: What waits for the answer; for the log.
            log: Of the trigger.
            deadline: Unix time in seconds at which nobody wants it any more. None: never.

        Raises:
            BridgeError: Asking again cannot help.
            WaitTimeout: The deadline passed.
            Exception: Of a kind that we do not know, again and again.
        """
        errors = 0
        refusals = Refusals()
        while True:
            try:
                async with self.client() as flyte:
                    polled_by(flyte)
                    return await question(flyte)
            except _CERTAIN:
                raise
            except AuthError as error:  # says nothing about the run, and must not cost a try
                refusals.bear(error, time.monotonic())
                count("could_not_ask")
                log.warning("%s: %s; asking again", what, error)
            except Exception as error:
                refusals.over()
                count("could_not_ask")
                # A connection lookup may fail while Airflow's API restarts; a client may be closed under us.
                errors = 0 if isinstance(error, BridgeError) and error.transient else errors + 1
                if errors > _MOST_ERRORS:
                    log.exception("gave up: %s", what)
                    raise
                log.warning("%s: %r; asking again", what, error)
            left = left_until(deadline)
            if left == 0.0:
                raise WaitTimeout(f"{what}: Flyte could not be asked")
            await asyncio.sleep(min(_LONGEST_PAUSE, 2.0**errors, *(() if left is None else (left,))))


def left_until(deadline: float | None) -> float | None:
    """Seconds until a Unix time, 0 when it passed; None for none."""
    return None if deadline is None else max(0.0, deadline - time.time())


async def hold_back(not_before: float, deferred_at: float | None) -> None:
    """Until Airflow can take the event: see `_triggerer.scheduler_lag`.

    Args:
        not_before: Unix time in seconds before which nothing is fired.
        deferred_at: Unix time in seconds at which the task deferred. None: ``not_before`` alone decides.
    """
    early = min(not_before - time.time(), _LONGEST_HOLD)
    if early > 0:
        await asyncio.sleep(early)
    if deferred_at is not None:
        await scheduler_has_seen(deferred_at, patience=_LONGEST_HOLD)
