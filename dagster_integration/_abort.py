"""What an interrupt means for the Flyte run: a person's wish ends it, everything else leaves it to the next try."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from bridge_core import BridgeError, RunNotFound

from ._compat import is_being_cancelled
from ._notes import note_stop
from ._turns import away, current_turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bridge_core import Client, RunRef

    from ._compat import StepContext
    from ._metrics import Metrics

__all__ = ["abort_if_meant", "abort_run"]

_TRIES = 5  # an interrupted create may still be on its way: how often we look for the run, and …
_PAUSE = 0.5  # … seconds between
_AT_ONCE = 8  # aborts


def abort_if_meant(
    context: StepContext, client: Client, refs: Sequence[RunRef], step: str, *, by_hand: bool, metrics: Metrics
) -> None:
    """Aborts the runs when a person asked Dagster to stop; otherwise (eviction, shutdown) leaves them to the next try.

    Args:
        context: Of the interrupted step.
        client: Of its Flyte.
        refs: Its runs; none when none was named yet.
        step: Its key.
        by_hand: Whether somebody pressed Ctrl-C.
        metrics: Of the step.
    """
    run_id = context.run.run_id
    if by_hand:
        note_stop(context, step)
    if is_being_cancelled(context.instance, run_id):
        why = "was cancelled"
    elif by_hand:
        why = "was stopped with Ctrl-C"
    else:
        for ref in refs:
            context.log.warning(
                "interrupted, but nobody cancelled this Dagster run: Flyte run %s goes on, and a retry or re-execution "
                "attaches to it. Console: %s",
                ref,
                client.console_url(ref),
            )
        return
    if not refs:
        return
    turn = current_turn()
    done = turn.turns.aborted if turn is not None else {}
    left = [ref for ref in refs if ref not in done]
    with away(), ThreadPoolExecutor(max(min(len(left), _AT_ONCE), 1), thread_name_prefix="flyte-abort") as pool:
        found = pool.map(lambda ref: abort_run(client, ref, f"Dagster run {run_id} {why}"), left)
        ends = {**done, **dict(zip(left, found, strict=True))}
    for ref in refs:
        end = ends[ref]
        if end is None:
            metrics.count("aborted")
            context.log.info("aborted Flyte run %s, because this Dagster run %s", ref, why)
        elif isinstance(end, RunNotFound):
            context.log.info("Flyte run %s was not launched; nothing to abort", ref)
        else:
            context.log.error(
                "Flyte run %s could not be aborted and may go on; a sensor made by build_flyte_reaper_sensor aborts it as soon "
                "as Flyte answers, and without one it must be aborted by hand: %s. Console: %s",
                ref,
                end,
                client.console_url(ref),
            )


def abort_run(client: Client, ref: RunRef, reason: str) -> BridgeError | None:
    """What kept it from being aborted."""
    for last in range(_TRIES - 1, -1, -1):
        try:
            client.abort(ref, reason=reason)
        except RunNotFound as error:
            if not last:
                return error
            time.sleep(_PAUSE)
        except BridgeError as error:
            return error
        else:
            return None
    return None
