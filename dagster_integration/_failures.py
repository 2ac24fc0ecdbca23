"""What a person sees in Dagster when it did not work: one message, a link, and whether a retry can help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from bridge_core import AuthError, LimitExceeded, Unavailable, WaitTimeout

if TYPE_CHECKING:
    from bridge_core import BridgeError, RunRef, RunSnapshot

__all__ = ["failure_of_error", "failure_of_run"]


def failure_of_run(snapshot: RunSnapshot) -> dg.Failure:
    """The failure of a step whose run ended badly. A `RetryPolicy` launches again unless Flyte says it was the user's error."""
    from .results import run_metadata

    metadata = run_metadata(snapshot)
    error = snapshot.error
    if error is not None:
        metadata["flyte/error_code"] = dg.MetadataValue.text(error.code)
        metadata["flyte/error_kind"] = dg.MetadataValue.text(error.kind)
        metadata["flyte/error"] = dg.MetadataValue.text(error.message)
    user = error is not None and error.kind == "USER"
    return dg.Failure(description=snapshot.describe(), metadata=metadata, allow_retries=not user)


def failure_of_error(error: BridgeError, ref: RunRef | None, *, console_url: str = "") -> dg.Failure:
    """The failure of a step that could not ask Flyte, or asked for something impossible.

    Args:
        error: What happened.
        ref: The run it was about, when that much is known. It is shown only where it may exist.
        console_url: Where to look at that run.
    """
    # Everything else breaks a rule: the same step would break it again, and nothing was launched. A refused login may be a
    # token that expired while the run went on.
    may_exist = isinstance(error, Unavailable | WaitTimeout | AuthError)
    may_help = may_exist or isinstance(error, LimitExceeded)
    if ref is None or not may_exist:
        return dg.Failure(description=str(error), allow_retries=may_help)
    metadata: dict[str, dg.MetadataValue] = {"flyte/execution": dg.MetadataValue.text(str(ref))}
    if console_url:
        metadata["flyte/console"] = dg.MetadataValue.url(console_url)
    text = f"{error} A retry or re-execution of this step attaches to run {ref} if it exists; it is not launched twice."
    return dg.Failure(description=text, metadata=metadata, allow_retries=may_help)
