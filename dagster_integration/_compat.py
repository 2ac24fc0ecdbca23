"""What differs, or may come to differ, between Dagster releases: one place to look when Dagster moves on.

Everything here works on 1.13 without underscore imports; it is collected because it is outside Dagster's documented API.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from dagster import DagsterInstance

__all__ = ["is_being_cancelled", "is_stopped_by_hand", "step_key"]

_CANCELLED = (dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED)


def step_key(context: dg.AssetExecutionContext) -> str:
    """Key of the step that runs now, mapping key included.

    Raises:
        Failure: The asset function was called directly, outside a run: there is nothing to name a Flyte run after.
    """
    try:
        return context.op_execution_context.get_step_execution_context().step.key
    except dg.DagsterError:  # DagsterInvalidPropertyError, which is not public
        raise dg.Failure(
            "a Flyte asset was called outside a Dagster run, so a Flyte run could not be named after it; in a test, use "
            "dagster.materialize([the_asset], resources={'flyte': FlyteResource(…)})",
            allow_retries=False,
        ) from None


def is_being_cancelled(instance: DagsterInstance, run_id: str) -> bool:
    """Whether somebody asked Dagster to stop this run (UI, API). A SIGTERM from elsewhere leaves the status STARTED.

    CANCELED counts too: "force termination" in the UI sets it at once and signals the worker afterwards.
    ``DagsterInstance.run_will_resume`` does not tell the two apart: it is configuration only (dagster#33923).
    """
    run = instance.get_run_by_id(run_id)
    return run is not None and run.status in _CANCELLED


def is_stopped_by_hand(interrupt: BaseException, run: dg.DagsterRun) -> bool:
    """Whether somebody pressed Ctrl-C (or a notebook's stop button) on the process that executes this run.

    Dagster makes one error of SIGINT and SIGTERM, and only its handler's frame knows which it was. A run that the webserver or
    the daemon launched is stopped through Dagster, never by a signal of a person's. A step process of the multiprocess executor
    gets SIGINT for whatever its parent got; there, only the foreground of a terminal tells.
    """
    if run.remote_job_origin is not None or _signal_of(interrupt) != signal.SIGINT:
        return False
    return multiprocessing.parent_process() is None or _in_foreground()


def _signal_of(interrupt: BaseException) -> int | None:
    """What made Dagster's handler (`dagster._utils.interrupts`) raise this; None when it was raised elsewhere."""
    traceback, number = interrupt.__traceback__, None
    while traceback is not None:
        number = traceback.tb_frame.f_locals.get("_signo") if traceback.tb_next is None else None
        traceback = traceback.tb_next
    return number


def _in_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:  # cron, systemd, a container
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)
