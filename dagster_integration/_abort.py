"""What an interrupt means for the Flyte run: a person's wish ends it, everything else leaves it to the next try."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bridge_core import BridgeError, RunNotFound

from ._compat import is_being_cancelled
from ._notes import note_stop

if TYPE_CHECKING:
    from bridge_core import Client, RunRef

    from ._compat import StepContext

__all__ = ["abort_if_meant"]

_TRIES = 5  # an interrupted create may still be on its way: how often we look for the run, and …
_PAUSE = 0.5  # … seconds between


def abort_if_meant(context: StepContext, client: Client, ref: RunRef | None, step: str, *, by_hand: bool) -> None:
    """Aborts the run when a person asked Dagster to stop; otherwise (eviction, shutdown) leaves it to the next try.

    Args:
        context: Of the interrupted step.
        client: Of its Flyte.
        ref: Its run; None when none was named yet.
        step: Its key.
        by_hand: Whether somebody pressed Ctrl-C.
    """
    run_id = context.run.run_id
    if by_hand:
        note_stop(context, step)
    if ref is None:
        return
    if is_being_cancelled(context.instance, run_id):
        why = "was cancelled"
    elif by_hand:
        why = "was stopped with Ctrl-C"
    else:
        context.log.warning(
            "interrupted, but nobody cancelled this Dagster run: Flyte run %s goes on, and a retry or re-execution attaches "
            "to it. Console: %s",
            ref,
            client.console_url(ref),
        )
        return
    for _ in range(_TRIES):
        try:
            client.abort(ref, reason=f"Dagster run {run_id} {why}")
        except RunNotFound:
            time.sleep(_PAUSE)
            continue
        except BridgeError as error:
            context.log.error(  # noqa: TRY400  # what people need is in the text
                "Flyte run %s could not be aborted and may go on; a sensor made by build_flyte_reaper_sensor aborts it as soon "
                "as Flyte answers, and without one it must be aborted by hand: %s. Console: %s",
                ref,
                error,
                client.console_url(ref),
            )
            return
        context.log.info("aborted Flyte run %s, because this Dagster run %s", ref, why)
        return
    context.log.info("Flyte run %s was not launched; nothing to abort", ref)
