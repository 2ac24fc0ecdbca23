"""One question about runs that are waited for, and what follows from its answer: the same for both drivers of `RunWatcher`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..model.errors import BridgeError, Unauthenticated
from ..model.ids import RunRef
from ..model.phases import RunPhase
from ..model.retry_policy import may_pass

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..model.runs import RunSnapshot
    from .watcher import RunWatcher

__all__ = ["ask"]


async def ask(
    backend: Backend,
    watcher: RunWatcher,
    place: tuple[str, str],
    names: tuple[str, ...],
    settle: Callable[[str, RunSnapshot | BridgeError], None],
    *,
    now: Callable[[], float],
    chance: float,
    left: Callable[[], float | None] = lambda: None,
) -> BridgeError | None:
    """Asks about all of them in one call, then about each that failed, or that lists do not show, in one of its own.

    Args:
        backend: Where the runs are.
        watcher: Is told the answers.
        place: Project and domain.
        names: What `RunWatcher.due` returned.
        settle: Called with the end of a run, or with the error that is the answer to it.
        now: Monotonic seconds.
        chance: A random number from 0 to 1, for jitter.
        left: Seconds that the next call may take. None: no limit but that of every call.

    Returns:
        None, or the error for which somebody could not be asked, when it may pass: these runs are postponed. What was settled
        before stays settled.

    Raises:
        BridgeError: Asking again would not help: the credentials were refused, for instance.
    """
    try:
        await _ask(backend, watcher, place, names, settle, now=now, chance=chance, left=left)
    except BridgeError as error:
        if not may_pass(error):
            raise
        watcher.postpone_all(names, now(), chance)
        return error
    return None


async def _ask(
    backend: Backend,
    watcher: RunWatcher,
    place: tuple[str, str],
    names: tuple[str, ...],
    settle: Callable[[str, RunSnapshot | BridgeError], None],
    *,
    now: Callable[[], float],
    chance: float,
    left: Callable[[], float | None],
) -> None:
    found = await backend.listed(*place, names, timeout=left())
    verdict = watcher.apply(names, found, now(), chance)
    told = {name for name in verdict.finished if _says_all(found[name])}
    for name in verdict.finished:
        if name in told:
            settle(name, found[name])
    for name in (*(name for name in verdict.finished if name not in told), *verdict.missing):
        try:
            snapshot = await backend.describe(RunRef(*place, name), timeout=left())
        except BridgeError as error:
            if may_pass(error) or isinstance(error, Unauthenticated):
                raise
            settle(name, error)
        else:
            watcher.record(name, snapshot)
            if snapshot.phase.is_terminal:
                settle(name, snapshot)


def _says_all(snapshot: RunSnapshot) -> bool:
    """Whether a list shows all of an end: Flyte 1's cut the text of errors and do not name the node, Flyte 2's have neither."""
    if snapshot.error is not None:
        return False
    return snapshot.phase.is_success or snapshot.phase is RunPhase.TIMED_OUT or snapshot.abort_reason is not None
