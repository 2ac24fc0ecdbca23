"""Waiting for a run in the task's own process, through refusals that pass. Makes no Task SDK call: `_worker.kill` says why."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge_core import AuthError, RunPhase, Unavailable

from .._shared.progress import FIRST, Progress, pauses
from .._shared.refusals import Refusals

if TYPE_CHECKING:
    from bridge_core import Client, RunRef, RunSnapshot

    from .._shared.task_key import TaskKey

__all__ = ["told_what_a_retry_does", "watch_to_end"]

log = logging.getLogger("airflow.task.flyte")


def watch_to_end(
    client: Client,
    ref: RunRef,
    *,
    timeout: float | None,
    poll_interval: float | timedelta | None,
    progress: float = FIRST,
    show_log: Callable[[str], None],
) -> tuple[RunSnapshot, str]:
    """Waits until the run ends or the time is up; says which phases it sees, and what its nodes do.

    Args:
        client: Asks Flyte.
        ref: The run.
        timeout: Seconds. None: for ever.
        poll_interval: Seconds between questions. None: adapts.
        progress: Seconds after which it asks about nodes for the first time; then less and less often. 0: never.
        show_log: Called with the URL of the log of what runs now, or failed, whenever it is another one.

    Returns:
        What was seen last, and why that is not the end, when it is not.

    Raises:
        BridgeError: Flyte could not be asked, and it will not pass.
    """
    from bridge_core import RunSnapshot, WaitTimeout

    snapshot = RunSnapshot(ref=ref, phase=RunPhase.UNKNOWN)
    refusals, told = Refusals(), Progress(ref)
    begin = time.monotonic()
    end = None if timeout is None else begin + timeout
    rounds = iter(pauses(progress)) if progress else None
    while True:
        left = None if end is None else max(0.0, end - time.monotonic())
        pause = None if rounds is None else next(rounds)
        is_last = pause is None or (left is not None and left <= pause)
        interval = poll_interval
        if interval is None and time.monotonic() - begin > progress > 0:
            # The policy counts from the beginning of each `watch`: this one goes on where the last one was.
            interval = client.config.poll.delay(time.monotonic() - begin, 0.5)
        try:
            for seen in client.watch(ref, timeout=left if is_last else pause, poll_interval=interval):
                refusals.over()
                if seen.phase is not snapshot.phase:
                    log.info("run %s is %s", ref, seen.phase.value)
                snapshot = seen
        except WaitTimeout as error:
            if is_last:
                return snapshot, error.message
            shown = told.log_url
            for line in told.tell(client):
                log.info("run %s: %s", ref, line)
            if told.log_url is not None and told.log_url != shown:
                show_log(told.log_url)
        except AuthError as error:
            rest = refusals.bear(error, time.monotonic())
            log.warning("waiting for run %s: %s; asking again", ref, error)
            time.sleep(rest if left is None else min(rest, left))
        else:
            return snapshot, ""


@contextmanager
def told_what_a_retry_does(key: TaskKey) -> Iterator[None]:
    """Who cannot reach Flyte does not know whether an earlier try, or this one, has made the run."""
    try:
        yield
    except Unavailable as error:
        raise error.with_message(
            f"{error.message} Run {key.name(0)} may or may not exist: a retry of this task attaches to it if it does, "
            "and launches it if it does not."
        ) from None
