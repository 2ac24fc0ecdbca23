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

from bridge_core import AlreadyExists, BridgeError, RunAborted, RunEnded, RunNotFound

__all__ = ["airflow_failures"]


@contextmanager
def airflow_failures() -> Iterator[None]:
    """Turns errors of the bridge into failures that Airflow understands."""
    try:
        yield
    except AirflowNotFoundException as error:  # no such connection
        raise AirflowFailException(str(error)) from None
    except AlreadyExists as error:
        if error.ref is None:  # a concurrency limit may answer so; it passes
            raise AirflowException(error.message) from None
        raise AirflowFailException(
            f"{error.message} For Airflow: clear the task, which gives its run a new name."
        ) from None
    except RunAborted as error:
        raise AirflowFailException(f"{error.message} (not retried: somebody wanted it to end)") from None
    except RunEnded as error:
        from bridge_core import classify

        raise AirflowException(f"{error.message} ({classify(error).error_class.value})") from None
    except BridgeError as error:
        from bridge_core import NextTry, classify

        if classify(error).next_try is NextTry.NEVER and not isinstance(error, RunNotFound):
            raise AirflowFailException(error.message) from None
        raise AirflowException(error.message) from None
