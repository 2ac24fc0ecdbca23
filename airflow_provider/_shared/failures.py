"""Which of our errors fails a task for good, which lets Airflow retry it, and what the task's log says.

The core's table of errors decides (`classify`). A retry re-attaches to the run of the try before it, so everything that may pass
is left to Airflow's retries; so is a run that failed, whosever fault it was: who writes ``retries`` asks for that. What cannot
change without somebody changing something fails at once. The messages are ours; the chain behind them is cut, because a
user who mistyped an input does not need three tracebacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowNotFoundException

from bridge_core import BridgeError

__all__ = ["airflow_failures"]


@contextmanager
def airflow_failures(*, final_user_errors: bool = False) -> Iterator[None]:
    """Turns errors of the bridge into failures that Airflow understands.

    Args:
        final_user_errors: Whether a run that failed by its author's fault is not tried again.
    """
    try:
        yield
    except AirflowNotFoundException as error:  # no such connection
        raise AirflowFailException(str(error)) from None
    except BridgeError as error:
        raise _translated(error, final_user_errors=final_user_errors) from None


def _translated(error: BridgeError, *, final_user_errors: bool) -> AirflowException:
    from bridge_core import AlreadyExists, NextTry, RunAborted, RunEnded, RunNotFound, classify

    if isinstance(error, AlreadyExists):
        if error.ref is None:  # a concurrency limit may answer so; it passes
            return AirflowException(error.message)
        return AirflowFailException(f"{error.message} For Airflow: clear the task, which gives its run a new name.")
    if isinstance(error, RunAborted):
        return AirflowFailException(_noted(error.message, "(not retried: somebody wanted it to end)"))
    if isinstance(error, RunEnded):
        found = classify(error)
        if final_user_errors and found.next_try is NextTry.NEVER:
            return AirflowFailException(
                _noted(error.message, f"({found.error_class.value}: not retried, user_errors='fail')")
            )
        return AirflowException(_noted(error.message, f"({found.error_class.value})"))
    if classify(error).next_try is NextTry.NEVER and not isinstance(error, RunNotFound):
        return AirflowFailException(error.message)
    return AirflowException(error.message)


def _noted(message: str, note: str) -> str:
    """With a note behind the first line: an explanation has several."""
    first, newline, rest = message.partition("\n")
    return f"{first} {note}{newline}{rest}"
