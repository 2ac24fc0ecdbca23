"""`FlyteSignalOperator`: answers a gate of a run from Airflow. Import it from `airflow_provider.operators.flyte`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from ..links import FlyteConsoleLink

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from bridge_core import RunRef

__all__ = ["FlyteSignalOperator"]


class FlyteSignalOperator(BaseOperator):
    """Gives a gate (``approve``, ``wait_for_input``) its value, once the run has come that far.

    With Airflow's human-in-the-loop operators before it, a person answers in Airflow what a workflow asks in Flyte.

    Args:
        run: The run: a `RunRef`, its dict (``task.output["flyte_run"]``) or its text. Templated.
        signal_id: The gate's name. Templated.
        value: What it gets, encoded by the type that the gate wants; ``True`` approves. Templated.
        gate_timeout: Seconds (or timedelta) to wait until the run reaches the gate.
        flyte_conn_id: Connection of type ``flyte``. Templated.
        **kwargs: Of every Airflow operator.

    Example:
        >>> from airflow_provider.operators.flyte import FlyteSignalOperator
        >>> FlyteSignalOperator(
        ...     task_id="approve", run="ml/production/nightly-7", signal_id="approve", value=True
        ... )  # doctest: +SKIP
    """

    template_fields: Sequence[str] = ("run", "signal_id", "value", "flyte_conn_id")
    operator_extra_links = (FlyteConsoleLink(),)
    ui_color = "#e6dcff"

    def __init__(
        self,
        *,
        run: str | RunRef | Mapping[str, str],
        signal_id: str,
        value: Any = True,
        gate_timeout: float | timedelta | None = 60.0,
        flyte_conn_id: str = "flyte_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.signal_id = signal_id
        self.value = value
        self.gate_timeout = gate_timeout
        self.flyte_conn_id = flyte_conn_id
        self.console_url: str | None = None

    def execute(self, context: Context) -> None:
        """Waits for the gate, and answers.

        Raises:
            AirflowFailException: There is no such run, it ended, or the gate wants another type.
            AirflowException: The run has not reached the gate, or Flyte could not be asked.
        """
        from .._worker.verbs import signal_run

        signal_run(self, context)
