"""`FlyteAbortOperator`: ends a run that another task launched. Import it from `airflow_provider.operators.flyte`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseOperator

from ..links import FlyteConsoleLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from bridge_core import RunRef

__all__ = ["FlyteAbortOperator"]


class FlyteAbortOperator(BaseOperator):
    """Aborts a run. One that has ended stays as it is, and that is success.

    As a teardown it ends what ``wait_for_completion=False`` left behind:
    ``FlyteAbortOperator(task_id="stop", run=start.output["flyte_run"], missing_ok=True).as_teardown(setups=start)``.

    Args:
        run: The run: a `RunRef`, its dict (``task.output["flyte_run"]``) or its text. Templated.
        reason: What Flyte records. None: which task it was. Templated.
        missing_ok: Whether it is success, too, when there is no run: the task it is taken from launched none.
        flyte_conn_id: Connection of type ``flyte``. Templated.
        **kwargs: Of every Airflow operator.

    Example:
        >>> from airflow_provider.operators.flyte import FlyteAbortOperator
        >>> FlyteAbortOperator(task_id="stop", run="ml/production/nightly-7")  # doctest: +SKIP
    """

    template_fields: Sequence[str] = ("run", "reason", "flyte_conn_id")
    operator_extra_links = (FlyteConsoleLink(),)
    ui_color = "#e6dcff"

    def __init__(
        self,
        *,
        run: str | RunRef | Mapping[str, str],
        reason: str | None = None,
        missing_ok: bool = False,
        flyte_conn_id: str = "flyte_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run = run
        self.reason = reason
        self.missing_ok = missing_ok
        self.flyte_conn_id = flyte_conn_id
        self.console_url: str | None = None

    def execute(self, context: Context) -> str | None:
        """Aborts it.

        Returns:
            The run's phase afterwards; None when there is no run.

        Raises:
            AirflowFailException: There is no such run, or we may not abort it.
            AirflowException: Flyte could not be asked.
        """
        from .._worker.verbs import abort_run

        return abort_run(self, context)
