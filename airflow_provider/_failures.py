"""Which of our errors fails a task for good, which lets Airflow retry it, and what the task's log says.

A retry re-attaches to the run of the try before it, so everything that may pass is left to Airflow's retries. What cannot
change without somebody changing something fails at once. The messages are ours; the chain behind them is cut, because a
user who mistyped an input does not need three tracebacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from bridge_core import (
    AlreadyExists,
    BridgeError,
    ConfigError,
    EntityNotFound,
    InvalidRequest,
    RunAborted,
    Unsupported,
)

__all__ = ["airflow_failures"]

_FINAL = (ConfigError, EntityNotFound, InvalidRequest, Unsupported)


@contextmanager
def airflow_failures() -> Iterator[None]:
    """Turns errors of the bridge into failures that Airflow understands."""
    try:
        yield
    except _FINAL as error:
        raise AirflowFailException(error.message) from None
    except AlreadyExists as error:
        if error.ref is None:  # a concurrency limit may answer so; it passes
            raise AirflowException(error.message) from None
        raise AirflowFailException(
            f"{error.message} For Airflow: clear the task, which gives its run a new name."
        ) from None
    except RunAborted as error:
        raise AirflowFailException(f"{error.message} (not retried: somebody wanted it to end)") from None
    except BridgeError as error:
        raise AirflowException(error.message) from None
