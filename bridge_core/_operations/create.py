"""A create whose answer may be lost: who made the run that has the name now?

An earlier attempt of the same call may have made the run, its answer lost. What Flyte says to the repetition is then about
that very run: FlyteAdmin counts it against the launch plan's concurrency limit before it looks at the name
(execution_manager.go). So no refusal is believed before a look; and an error that leaves it open carries the run's name.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..model.errors import BridgeError, Unavailable
from ..model.run_errors import AlreadyExists

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from ..backends.base import Backend
    from ..backends.values import Existing
    from ..model.ids import RunRef

__all__ = ["created"]

log = logging.getLogger("bridge_core")


async def created(backend: Backend, ref: RunRef, create: Awaitable[None], verb: str) -> Existing | None:
    """Awaits a create.

    Args:
        backend: Whom to ask afterwards.
        ref: The run that it makes.
        create: The call.
        verb: What to do again, for messages.

    Returns:
        None when Flyte made the run and said so. Else the run that has the name, whoever made it.

    Raises:
        BridgeError: Refused, and no run has that name; or, with ``ref``, nobody knows whether the run exists.
    """
    try:
        await create
    except BridgeError as error:
        failure = error
    else:
        return None
    if not isinstance(failure, Unavailable):
        try:
            found = await backend.find(ref)
        except BridgeError as problem:
            log.info("whether run %s exists could not be asked: %s", ref, problem)
            # Whose run has the name is not known then: no verdict, and asking again helps.
            if isinstance(failure, AlreadyExists):
                failure = problem
        else:
            if found is None:
                raise _refused(failure, ref)
            return found
    way_out = f"{verb} again with name={ref.name!r}, which finds it or makes it"
    raise type(failure)(f"{failure.message} Run {ref} may or may not exist: {way_out}.", **{**failure.data, "ref": ref})


def _refused(error: BridgeError, ref: RunRef) -> BridgeError:
    if not isinstance(error, AlreadyExists):
        return error
    return error.with_message(
        f"Flyte says that run {ref} exists, and does not find it: {error.details}. Launch under another name."
    )
