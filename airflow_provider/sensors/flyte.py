"""`FlyteRunSensor`: waits for a run that something else launched, and leaves it alone whatever happens to the sensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import BaseSensorOperator, PokeReturnValue, conf
from airflow.triggers.base import StartTriggerArgs

from ..links import FlyteConsoleLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from bridge_core import EntityRef, RunQuery, RunRef

__all__ = ["FlyteRunSensor"]

_TRIGGER = "airflow_provider.triggers.sensor.FlyteRunSensorTrigger"


class FlyteRunSensor(BaseSensorOperator):
    """Waits until a Flyte run has ended: one that is named, or the newest that a query finds.

    XComs: ``return_value`` and ``flyte_run`` (`RunRef` as a dict), ``flyte_console_url``. Stopping the sensor aborts nothing. A
    Flyte that cannot be reached is asked again until ``timeout``; a run that ended badly fails the sensor for good.

    Args:
        run: The run: a `RunRef`, its dict (``task.output["flyte_run"]``) or its text ``project/domain/name``. Templated.
        entity: Instead of ``run``: the newest run of this launch plan (``"workflow:…"``, ``"task:…"``). Templated.
        query: Which runs besides: a `RunQuery`, or a mapping with its fields (``labels``, ``created_after``, …). A mapping is
            templated: ``{"created_after": "{{ data_interval_start }}"}``. Without a window, a run of last year may be the
            newest.
        project: Where to look; default: the entity's, the connection's. Templated.
        domain: The same. Templated.
        if_failed: What a run means that ended badly: ``"fail"``, or ``"wait"`` for a newer one that succeeds.
        flyte_conn_id: Connection of type ``flyte``. Templated.
        deferrable: Wait in the triggerer. Default: ``[operators] default_deferrable``.
        start_from_trigger: With ``deferrable``: begin there, too, and take no worker at all before the run has ended. Not for
            mapped tasks, which Airflow lets begin on a worker, and on Airflow 2 not with templates, which only a worker renders.
        **kwargs: Of every Airflow sensor: ``poke_interval``, ``timeout``, ``mode``, ``soft_fail``, …

    Example:
        >>> from airflow_provider.sensors.flyte import FlyteRunSensor
        >>> FlyteRunSensor(
        ...     task_id="nightly",
        ...     entity="ml.train",
        ...     query={"created_after": "{{ data_interval_start }}"},
        ...     deferrable=True,
        ... )  # doctest: +SKIP
    """

    template_fields: Sequence[str] = ("run_ref", "entity", "query", "project", "domain", "flyte_conn_id")
    template_fields_renderers = {"query": "json"}
    operator_extra_links = (FlyteConsoleLink(),)
    ui_color = "#e6dcff"
    start_trigger_args = StartTriggerArgs(trigger_cls=_TRIGGER, next_method="execute_complete")
    start_from_trigger = False

    def __init__(
        self,
        *,
        run: str | RunRef | Mapping[str, str] | None = None,
        entity: str | EntityRef | None = None,
        query: RunQuery | Mapping[str, Any] | None = None,
        project: str | None = None,
        domain: str | None = None,
        if_failed: Literal["fail", "wait"] = "fail",
        flyte_conn_id: str = "flyte_default",
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        start_from_trigger: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.run_ref = run  # a trigger has a method `run`, and Airflow renders its fields by the sensor's names
        self.entity = entity
        self.query = query
        self.project = project
        self.domain = domain
        self.if_failed = if_failed
        self.flyte_conn_id = flyte_conn_id
        self.deferrable = deferrable
        self.console_url: str | None = None
        self.start_from_trigger = deferrable and start_from_trigger
        if self.start_from_trigger:
            from .._compat import leaves_templates
            from .._shared.sensor_arguments import trigger_arguments

            arguments = trigger_arguments(self)
            self.start_from_trigger = not leaves_templates(arguments)  # else it begins on a worker, which renders them
            self.start_trigger_args = StartTriggerArgs(
                trigger_cls=_TRIGGER,
                next_method="execute_complete",
                trigger_kwargs=arguments,
                timeout=timedelta(seconds=self.timeout),
            )

    def poke(self, context: Context) -> PokeReturnValue:
        """Looks once.

        Raises:
            AirflowFailException: The run ended badly or does not exist, or the arguments are wrong.
            AirflowException: Our credentials are refused.
        """
        from .._worker.sensing import Sensing

        return Sensing(self, context).poke()

    def execute(self, context: Context) -> Any:
        """Looks once, then waits: here, in turns, or in the triggerer.

        Raises:
            AirflowFailException: See `poke`.
            AirflowSensorTimeout: Too late.
            TaskDeferred: Waiting goes on in the triggerer.
        """
        if not self.deferrable:
            if self.reschedule:  # Airflow fails a task that is queued again before its scheduler has seen it end
                from .._compat import first_event_floor

                self.poke_interval = max(self.poke_interval, first_event_floor())
            return super().execute(context)
        from .._worker.sensing import Sensing

        return Sensing(self, context).poke_or_defer()

    def execute_complete(self, context: Context, event: Any = None) -> dict[str, str]:
        """The waiting ended: called by Airflow with what the trigger said.

        Raises:
            AirflowFailException: See `poke`.
            AirflowException: The event cannot be trusted, or Flyte could not be asked.
        """
        from .._worker.sensing import Sensing

        return Sensing(self, context).complete(event)
