"""`FlyteRunsNotifier`: a callback that aborts a run, or answers its gate, when something happened to a task or a DAG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.notifier import BaseNotifier

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from bridge_core import RunRef

__all__ = ["FlyteRunsNotifier"]


class FlyteRunsNotifier(BaseNotifier):
    """Aborts or signals a run: ``on_failure_callback=FlyteRunsNotifier()`` ends what a failed task left behind.

    Args:
        action: ``"abort"`` or ``"signal"``.
        run: The run: a `RunRef`, its dict or its text. None: the one that the task launched whose callback this is; none of
            those is nothing to do. Templated.
        reason: What Flyte records of an abort. None: which task it was. Templated.
        signal_id: The gate's name. Templated.
        value: What the gate gets. Templated.
        flyte_conn_id: Connection of type ``flyte``. Templated.

    Raises:
        ValueError: There is no such action, or no gate to signal.

    Example:
        >>> from airflow_provider.notifications.flyte import FlyteRunsNotifier
        >>> FlyteRunsNotifier(reason="{{ dag.dag_id }} failed").action
        'abort'
    """

    template_fields: Sequence[str] = ("run", "reason", "signal_id", "value", "flyte_conn_id")

    def __init__(
        self,
        *,
        action: Literal["abort", "signal"] = "abort",
        run: str | RunRef | Mapping[str, str] | None = None,
        reason: str | None = None,
        signal_id: str | None = None,
        value: Any = True,
        flyte_conn_id: str = "flyte_default",
    ) -> None:
        super().__init__()
        if action not in ("abort", "signal"):
            raise ValueError(f"action must be 'abort' or 'signal', got {action!r}")
        if action == "signal" and not signal_id:
            raise ValueError("signal_id must name the gate that is signalled")
        self.action = action
        self.run = run
        self.reason = reason
        self.signal_id = signal_id
        self.value = value
        self.flyte_conn_id = flyte_conn_id

    def notify(self, context: Context) -> None:
        """Called by Airflow, in the process of the task."""
        from .._worker.verbs import act_for

        act_for(self, context)
