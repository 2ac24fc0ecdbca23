"""What a person sees in Dagster when it did not work: one message, links, and which rule says whether a retry can help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from bridge_core import ErrorClass, InvalidRequest, NextTry, classify

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from bridge_core import BridgeError, Explanation, RunRef, RunSnapshot

__all__ = ["BY_REAPER", "RETRIED", "error_classes", "failure_of_error", "failure_of_run", "is_final"]

RETRIED = frozenset(kind for kind in ErrorClass if kind.rule.run_ended and kind.rule.next_try is NextTry.LAUNCH)
"""Ends of a run after which a `RetryPolicy` launches again: what the table of errors says, here as everywhere. Who aborts a run
in Flyte means it to end, so that an asset which is to be tried again even then says so (``retry_on=``)."""
BY_REAPER = "(Dagster's Flyte reaper sensor)"
"""How the reason of an abort ends that was nobody's wish: its Dagster run was over, and nobody had tried it again for long."""
_MOST_LINKS = 10


def error_classes(given: Collection[ErrorClass | str] | None) -> frozenset[ErrorClass] | None:
    """Classes by their names, ``"out of memory"`` for instance; None stays None.

    Raises:
        InvalidRequest: No such class, or one that is not about a run that ended.
    """
    if given is None:
        return None
    known = {kind.value: kind for kind in ErrorClass if kind.rule.run_ended}
    found: set[ErrorClass] = set()
    for item in [given] if isinstance(given, str) else given:
        value = item.value if isinstance(item, ErrorClass) else item
        if value not in known:
            raise InvalidRequest(
                f"retry_on: {value!r} is no class of ended runs; wanted some of {', '.join(sorted(known))}"
            )
        found.add(known[value])
    return frozenset(found)


def is_final(snapshot: RunSnapshot, retry_on: Collection[ErrorClass] | None, asked: datetime | None) -> bool:
    """Whether a run that an automatic try finds, and that ended badly, is the end of it: nobody else has looked at it yet.

    Args:
        snapshot: Of the run.
        retry_on: Classes after which an automatic try launches again; None for `RETRIED`.
        asked: When somebody last asked for this work. What had ended by then is no reason not to do it; None: that is now.
    """
    if asked is None or snapshot.ended_at is None or snapshot.ended_at < asked:
        return False
    if (snapshot.abort_reason or "").endswith(BY_REAPER):
        return False
    return classify(snapshot).error_class not in (RETRIED if retry_on is None else retry_on)


def failure_of_run(
    snapshot: RunSnapshot,
    *,
    retry_on: Collection[ErrorClass] | None = None,
    why: Explanation | None = None,
    log: dg.DagsterLogManager | None = None,
) -> dg.Failure:
    """The failure of a step whose run ended badly.

    Args:
        snapshot: How it ended.
        retry_on: Classes after which a `RetryPolicy` launches again; None for `RETRIED`.
        why: What is known of the cause; None when Flyte could not be asked.
        log: Is told which rule applied.
    """
    from .results import run_metadata

    found = classify(snapshot)
    again = found.error_class in (RETRIED if retry_on is None else retry_on)
    rule = f"{found}: a RetryPolicy {'launches a new run' if again else 'does not try this again'}"
    metadata = run_metadata(snapshot)
    metadata["flyte/error_class"] = dg.MetadataValue.text(found.error_class.value)
    metadata["flyte/retry_rule"] = dg.MetadataValue.text(
        rule if retry_on is None else f"{rule} (retry_on of this asset)"
    )
    error = snapshot.error
    if error is not None:
        metadata["flyte/error_code"] = dg.MetadataValue.text(error.code)
        metadata["flyte/error_kind"] = dg.MetadataValue.text(error.kind)
        metadata["flyte/error"] = dg.MetadataValue.text(error.message)
    if why is not None:
        metadata |= _explained(why)
    if log is not None:
        log.warning("end of run %s: %s", snapshot.ref, metadata["flyte/retry_rule"].value)
    return dg.Failure(description=snapshot.describe(), metadata=metadata, allow_retries=again)


def _explained(why: Explanation) -> dict[str, dg.MetadataValue]:
    """The cause as metadata: what a person reads, what alerts are filtered by, and where the logs are."""
    metadata: dict[str, dg.MetadataValue] = {
        "flyte/explanation": dg.MetadataValue.text(why.text),
        "flyte/failure_kind": dg.MetadataValue.text(why.kind.value),
        "flyte/advice": dg.MetadataValue.text(why.advice),
    }
    if why.node is not None:
        metadata["flyte/node"] = dg.MetadataValue.text(why.node)
    for link in why.logs[:_MOST_LINKS]:
        name = f"{link.node}[{link.attempt}] {link.name}".strip()
        metadata[f"flyte/log/{name}"] = dg.MetadataValue.url(link.uri)
    return metadata


def failure_of_error(error: BridgeError, ref: RunRef | None, *, console_url: str = "") -> dg.Failure:
    """The failure of a step that could not ask Flyte, or asked for something impossible.

    Args:
        error: What happened.
        ref: The run it was about, when that much is known. It is shown only where it may exist.
        console_url: Where to look at that run.
    """
    found = classify(error)
    may_help = found.next_try is not NextTry.NEVER
    may_exist = may_help and found.error_class is not ErrorClass.LIMIT
    if ref is None or not may_exist:
        return dg.Failure(description=str(error), allow_retries=may_help)
    metadata: dict[str, dg.MetadataValue] = {"flyte/execution": dg.MetadataValue.text(str(ref))}
    if console_url:
        metadata["flyte/console"] = dg.MetadataValue.url(console_url)
    text = f"{error} A retry or re-execution of this step attaches to run {ref} if it exists; it is not launched twice."
    return dg.Failure(description=text, metadata=metadata, allow_retries=may_help)
