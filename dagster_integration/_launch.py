"""One Flyte run for one Dagster step: launch it once, wait for it, stop it when a person stops the step.

What happens when something dies:

* the step's process, or the whole worker: the retry has the same lineage, hence the same run name, and attaches;
* the Flyte run: the next try finds it FAILED or ABORTED under its name and launches the next attempt;
* a person stops the Dagster run: its status is CANCELING when the interrupt arrives, and the Flyte run is aborted;
* a person presses Ctrl-C on ``dagster job execute`` or a script: the signal is SIGINT, and the Flyte run is aborted;
* the pod is evicted (SIGTERM, status still STARTED): the Flyte run goes on, and a retry attaches.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import (
    AlreadyExists,
    BridgeError,
    ConfigError,
    Launched,
    LaunchRequest,
    RunNotFound,
    RunOptions,
    RunRef,
)

from ._compat import is_being_cancelled, is_stopped_by_hand
from ._failures import failure_of_error, failure_of_run
from ._labels import label_value
from ._lineage import Lineage

if TYPE_CHECKING:
    from datetime import timedelta

    from bridge_core import Client, EntityRef, RunSnapshot

__all__ = ["run_to_end", "tag_of"]

_ATTEMPTS = 100  # runs of one lineage that ended badly, before we stop counting
_DEAF = 4  # interrupts that an abort in progress outlives; whoever presses Ctrl-C more often means the process
_STOPPED = "flyte/stopped_by_hand"
"""Dagster run tag: the run that somebody stopped with Ctrl-C. With a RetryPolicy, Dagster would try such a step again."""
_ABORT_TRIES = 5  # an interrupted create may still be on its way: how often we look for the run, and …
_ABORT_PAUSE = 0.5  # … seconds between


def tag_of(step: str) -> str:
    """Name of the Dagster run tag that holds the Flyte run of a step, as ``project/domain/name``."""
    return f"flyte/execution/{step}"


def run_to_end(
    context: dg.AssetExecutionContext,
    client: Client,
    entity: EntityRef,
    inputs: Mapping[str, Any],
    *,
    options: RunOptions,
    timeout: float | timedelta | None = None,
    poll_interval: float | timedelta | None = None,
) -> RunSnapshot:
    """Launches or attaches, waits, and returns the snapshot of a run that succeeded.

    Raises:
        Failure: The run ended badly, or Flyte could not be asked, or what was asked for is impossible.
        DagsterExecutionInterruptedError: The step was interrupted.
    """
    lineage = Lineage.of(context)
    if is_being_cancelled(context.instance, context.run.run_id):
        # With a RetryPolicy, Dagster turns the interrupt of a cancelled step into one more try of it.
        raise dg.Failure("the Dagster run is being cancelled; nothing was launched", allow_retries=False)
    if _was_stopped_by_hand(context):
        raise dg.Failure("this Dagster run was stopped with Ctrl-C; nothing was launched", allow_retries=False)
    options = replace(options, labels={**(options.labels or {}), **_labels(context, lineage)})
    ref: RunRef | None = None
    try:
        placed = _placed(entity, client)
        for attempt in range(_ATTEMPTS):
            name = lineage.run_name(placed, attempt)
            ref = RunRef(placed.project or "", placed.domain or "", name)
            # Before the run exists: whoever cleans up after a worker that died right after this line can find the run.
            context.instance.add_run_tags(context.run.run_id, {tag_of(lineage.step_key): str(ref)})
            launched, differing = _launch(client, LaunchRequest(placed, inputs=inputs, name=name, options=options))
            if not launched.created and _ended_badly(launched.snapshot):
                context.log.warning(
                    "an earlier try ended badly, launching attempt %d: %s", attempt + 2, launched.snapshot.describe()
                )
                continue
            _announce(context, client, launched, differing)
            return _wait(context, client, launched, timeout, poll_interval)
    except BridgeError as error:
        console_url = client.console_url(ref) if ref is not None else ""
        raise failure_of_error(error, ref, console_url=console_url) from None
    except dg.DagsterExecutionInterruptedError as interrupt:
        by_hand = is_stopped_by_hand(interrupt, context.run)
        _undisturbed(lambda: _see_to(context, client, ref, by_hand=by_hand))
        raise
    raise dg.Failure(
        f"{_ATTEMPTS} runs of {placed} ended badly for step {lineage.step_key!r} of Dagster run {lineage.scope} and its "
        "re-executions; start a new Dagster run instead of re-executing this one",
        allow_retries=False,
    )


def _placed(entity: EntityRef, client: Client) -> EntityRef:
    placed = entity.within(client.config.project, client.config.domain)
    missing = [part for part in ("project", "domain") if not getattr(placed, part)]
    if missing:
        raise ConfigError(
            f"{entity}: no {' and no '.join(missing)}; name what is missing in the entity (project/domain/name), in "
            f"FlyteResource({', '.join(f'{part}=…' for part in missing)}), or in the environment "
            f"({' '.join(f'FLYTE_LOCAL_{part.upper()}' for part in missing)})"
        )
    return placed


def _labels(context: dg.AssetExecutionContext, lineage: Lineage) -> dict[str, str]:
    return {"dagster-run-id": label_value(context.run.run_id), "dagster-step": label_value(lineage.step_key)}


def _launch(client: Client, request: LaunchRequest) -> tuple[Launched, tuple[str, ...] | None]:
    """The run of that name, made now or found; with the names of the inputs that differ when it was launched with others."""
    try:
        return client.launch_or_attach(request), None
    except AlreadyExists as found:
        if not found.same_entity or found.ref is None or found.snapshot is None:
            raise
        return Launched(ref=found.ref, created=False, snapshot=found.snapshot), found.differing


def _announce(
    context: dg.AssetExecutionContext, client: Client, launched: Launched, differing: tuple[str, ...] | None
) -> None:
    what = "launched" if launched.created else "attached to"
    context.log.info("%s Flyte run %s. Console: %s", what, launched.ref, client.console_url(launched.ref))
    if differing is not None:  # inputs with now() in them, for instance
        context.log.warning(
            "run %s was launched by an earlier try of this step with other inputs (%s); its own inputs stay in force",
            launched.ref,
            ", ".join(differing) or "unknown ones",
        )


def _ended_badly(snapshot: RunSnapshot) -> bool:
    return snapshot.phase.is_terminal and not snapshot.phase.is_success


def _wait(
    context: dg.AssetExecutionContext,
    client: Client,
    launched: Launched,
    timeout: float | timedelta | None,
    poll_interval: float | timedelta | None,
) -> RunSnapshot:
    """Blocks in this thread, where Dagster's interrupt is raised at once; an ``async def`` body would never see it."""
    final = launched.snapshot
    for snapshot in client.watch(launched.ref, timeout=timeout, poll_interval=poll_interval):
        context.log.info("Flyte run %s: %s", launched.ref.name, snapshot.phase.value)
        final = snapshot
    if not final.phase.is_success:
        raise failure_of_run(final)
    return final


def _was_stopped_by_hand(context: dg.AssetExecutionContext) -> bool:
    run = context.instance.get_run_by_id(context.run.run_id)
    return run is not None and run.tags.get(_STOPPED) == run.run_id  # a re-execution inherits the tag, with another id


def _undisturbed(work: Callable[[], None]) -> None:
    """Does it in a thread, which no signal interrupts: Ctrl-C reaches a step twice, from the terminal and from the executor."""
    thread = threading.Thread(target=work, name="flyte-abort", daemon=True)
    thread.start()
    for _ in range(_DEAF):
        try:
            thread.join()
        except dg.DagsterExecutionInterruptedError:
            continue
        return


def _see_to(context: dg.AssetExecutionContext, client: Client, ref: RunRef | None, *, by_hand: bool) -> None:
    """What an interrupt means for the run."""
    if by_hand:
        context.instance.add_run_tags(context.run.run_id, {_STOPPED: context.run.run_id})
    if ref is not None:
        _abort_if_meant(context, client, ref)


def _abort_if_meant(context: dg.AssetExecutionContext, client: Client, ref: RunRef) -> None:
    """Aborts the run when a person asked Dagster to stop; otherwise (eviction, shutdown) leaves it to the next try."""
    run_id = context.run.run_id
    if is_being_cancelled(context.instance, run_id):
        why = "was cancelled"
    elif _was_stopped_by_hand(context):
        why = "was stopped with Ctrl-C"
    else:
        context.log.warning(
            "interrupted, but nobody cancelled this Dagster run: Flyte run %s goes on, and a retry or re-execution attaches "
            "to it. Console: %s",
            ref,
            client.console_url(ref),
        )
        return
    for _ in range(_ABORT_TRIES):
        try:
            client.abort(ref, reason=f"Dagster run {run_id} {why}")
        except RunNotFound:
            time.sleep(_ABORT_PAUSE)
            continue
        except BridgeError as error:
            context.log.error("Flyte run %s could not be aborted and may go on: %s", ref, error)  # noqa: TRY400
            return
        context.log.info("aborted Flyte run %s, because this Dagster run %s", ref, why)
        return
    context.log.info("Flyte run %s was not launched; nothing to abort", ref)
