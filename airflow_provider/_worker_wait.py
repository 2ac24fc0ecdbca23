"""Waiting for a run in the task's own process, through refusals that pass. Makes no Task SDK call: `_kill` says why."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from bridge_core import AuthError, RunPhase, Unavailable

from ._refusals import Refusals

if TYPE_CHECKING:
    from bridge_core import Client, RunRef, RunSnapshot

    from ._task_key import TaskKey

__all__ = ["told_what_a_retry_does", "watch_to_end"]

log = logging.getLogger("airflow.task.flyte")


def watch_to_end(
    client: Client, ref: RunRef, *, timeout: float | None, poll_interval: float | timedelta | None
) -> tuple[RunSnapshot, str]:
    """Waits until the run ends or the time is up; says which phases it sees.

    Args:
        client: Asks Flyte.
        ref: The run.
        timeout: Seconds. None: for ever.
        poll_interval: Seconds between questions. None: adapts.

    Returns:
        What was seen last, and why that is not the end, when it is not.

    Raises:
        BridgeError: Flyte could not be asked, and it will not pass.
    """
    from bridge_core import RunSnapshot, WaitTimeout

    snapshot = RunSnapshot(ref=ref, phase=RunPhase.UNKNOWN)
    refusals = Refusals()
    end = None if timeout is None else time.monotonic() + timeout
    while True:
        left = None if end is None else max(0.0, end - time.monotonic())
        try:
            for snapshot in client.watch(ref, timeout=left, poll_interval=poll_interval):
                refusals.over()
                log.info("run %s is %s", ref, snapshot.phase.value)
        except WaitTimeout as error:
            return snapshot, error.message
        except AuthError as error:
            pause = refusals.bear(error, time.monotonic())
            log.warning("waiting for run %s: %s; asking again", ref, error)
        else:
            return snapshot, ""
        time.sleep(pause if left is None else min(pause, left))


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
