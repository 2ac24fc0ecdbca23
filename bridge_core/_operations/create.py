"""A create whose answer may be lost: who made the run that has the name now?

An earlier attempt of the same call may have made the run, its answer lost. What Flyte says to the repetition is then about
that very run: FlyteAdmin counts it against the launch plan's concurrency limit before it looks at the name
(execution_manager.go). So no refusal is believed before a look; and an error that leaves it open carries the run's name.

"Already exists" is believed least. FlyteAdmin stores the labels of a run first and the run itself second, without a transaction
(gormimpl/execution_repo.go): between the two, and for ever when it dies there, a name is taken that no run has. So one looks for
a while. A name that is then still taken by labels alone is asked for once more without labels: what keeps a name at one run is
the key of the runs, not that of the labels.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ..model.errors import BridgeError, Unavailable
from ..model.retry_policy import may_pass
from ..model.run_errors import AlreadyExists

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..backends.base import Backend
    from ..backends.values import Existing
    from ..model.ids import RunRef
    from ..transport.base import Transport

__all__ = ["created"]

log = logging.getLogger("bridge_core")

_PATIENCE = 60.0
"""Seconds for which a run is looked for whose name is taken. FlyteAdmin's own requests end after 15 s by default."""
_FIRST_DELAY, _LONGEST_DELAY = 0.05, 5.0
_LABELS_ALONE = "execution_tags_pkey"
"""The key that is violated when the labels of a run are there already (PostgreSQL names it in FlyteAdmin's answer)."""


async def created(
    backend: Backend,
    transport: Transport,
    ref: RunRef,
    create: Awaitable[None],
    verb: str,
    *,
    unlabelled: Callable[[], Awaitable[None]] | None = None,
) -> Existing | None:
    """Awaits a create.

    Args:
        backend: Whom to ask afterwards.
        transport: Clock, sleep and chance.
        ref: The run that it makes.
        create: The call.
        verb: What to do again, for messages.
        unlabelled: The same create without labels, for a name that labels alone have taken. None: there is no such thing.

    Returns:
        None when Flyte made the run and said so. Else the run that has the name, whoever made it.

    Raises:
        AlreadyExists: With ``burnt``: the name is taken, and no run has it or can get it.
        BridgeError: Refused, and no run has that name; or, with ``ref``, nobody knows whether the run exists.
    """
    try:
        await create
    except BridgeError as error:
        failure = error
    else:
        return None
    if not isinstance(failure, Unavailable):
        taken = isinstance(failure, AlreadyExists)
        try:
            found = await (_looked_for(backend, transport, ref) if taken else backend.find(ref))
        except BridgeError as problem:
            log.info("whether run %s exists could not be asked: %s", ref, problem)
            # Whose run has the name is not known then: no verdict, and asking again helps.
            if taken:
                failure = problem
        else:
            if found is not None:
                return found
            if taken and unlabelled is not None and _LABELS_ALONE in (failure.details or ""):
                log.warning(
                    "the name of run %s is taken by labels of a run that Flyte never stored; it is sent without labels",
                    ref,
                )
                return await created(backend, transport, ref, unlabelled(), verb)
            raise _refused(failure, ref)
    way_out = f"{verb} again with name={ref.name!r}, which finds it or makes it"
    raise type(failure)(f"{failure.message} Run {ref} may or may not exist: {way_out}.", **{**failure.data, "ref": ref})


async def _looked_for(backend: Backend, transport: Transport, ref: RunRef) -> Existing | None:
    """The run, once it can be seen; None when it cannot for as long as a create may take.

    Raises:
        BridgeError: The last look failed.
    """
    end, delay = transport.now() + _PATIENCE, _FIRST_DELAY
    while True:
        problem = None
        try:
            if (found := await backend.find(ref)) is not None:
                return found
        except BridgeError as error:
            if not may_pass(error):
                raise
            problem = error
        left = end - transport.now()
        if left <= 0:
            if problem is not None:
                raise problem
            return None
        await transport.sleep(min(left, delay * (0.5 + transport.chance())))
        delay = min(2 * delay, _LONGEST_DELAY)


def _refused(error: BridgeError, ref: RunRef) -> BridgeError:
    if not isinstance(error, AlreadyExists):
        return error
    return AlreadyExists(
        f"Flyte says that run {ref} exists, and does not find it for {_PATIENCE:g} s: {error.details}. Launch under another "
        "name.",
        **{**error.data, "ref": ref, "burnt": True},
    )
