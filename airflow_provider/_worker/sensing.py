"""What a `FlyteRunSensor` does on a worker. Apart from the sensor, so that a DAG file pays for its arguments only."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    PokeReturnValue,
)

from bridge_core import RunPhase, RunRef, Unauthenticated, Unavailable

from .._compat import first_event_floor
from .._shared.event import EventError, RunEvent, raise_for_failed_search
from .._shared.failures import airflow_failures
from .._shared.refusals import LAUNCH_PATIENCE, patiently
from .._shared.run_search import RunSearch
from .._shared.sensor_arguments import trigger_arguments
from ..hooks.flyte import FlyteHook
from .run_ended import explained

if TYPE_CHECKING:
    from bridge_core import Client, RunSnapshot

__all__ = ["Sensing"]


class Sensing:
    """One leg of a sensor.

    Args:
        sensor: A `FlyteRunSensor`, its fields rendered.
        context: Airflow's.
    """

    def __init__(self, sensor: Any, context: Mapping[str, Any]) -> None:
        self.sensor = sensor
        self.ti: Any = context["ti"]
        self.log = sensor.log

    def poke(self) -> PokeReturnValue:
        """See `FlyteRunSensor.poke`."""
        sensor = self.sensor
        with airflow_failures():
            search = RunSearch.read(
                run=sensor.run_ref,
                entity=sensor.entity,
                query=sensor.query,
                project=sensor.project,
                domain=sensor.domain,
                if_failed=sensor.if_failed,
            )
            hook = FlyteHook(sensor.flyte_conn_id)
            with hook.get_client() as client:
                hook.check_place(*search.place(client.config))
                try:
                    snapshot = patiently(
                        lambda: search.look(client), str(search), patience=LAUNCH_PATIENCE, refusals=Unauthenticated
                    )
                except Unavailable as error:
                    self.log.warning("waiting for %s: %s; asking again", search, error)
                    return PokeReturnValue(is_done=False)
                if snapshot is None:
                    self.log.info("%s: there is none yet", search)
                    return PokeReturnValue(is_done=False)
                if not search.is_over(snapshot):
                    self.log.info("%s", snapshot.describe())
                    return PokeReturnValue(is_done=False)
                return PokeReturnValue(is_done=True, xcom_value=self._end(client, snapshot))

    def poke_or_defer(self) -> Any:
        """See `FlyteRunSensor.execute`, of a deferrable sensor."""
        from ..triggers.sensor import FlyteRunSensorTrigger

        sensor = self.sensor
        try:
            seen = self.poke()
        except AirflowFailException:
            if sensor.soft_fail or sensor.never_fail:  # as the base class does for the other modes
                raise AirflowSkipException("the run ended badly, and this sensor is told to skip then") from None
            raise
        if seen.is_done:
            return seen.xcom_value
        now = time.time()
        sensor.defer(
            trigger=FlyteRunSensorTrigger(
                **trigger_arguments(sensor), not_before=now + first_event_floor(), deferred_at=now
            ),
            method_name="execute_complete",
            timeout=timedelta(seconds=sensor.timeout),
        )
        return None

    def complete(self, event: Any) -> dict[str, str]:
        """See `FlyteRunSensor.execute_complete`."""
        sensor = self.sensor
        with airflow_failures():
            try:
                raise_for_failed_search(event)
                news = RunEvent.from_dict(event)
            except EventError as error:
                raise AirflowException(f"{error} A retry looks again.") from None
            if news.phase is RunPhase.UNKNOWN:
                raise AirflowException(f"{news.message} A retry looks again.")
            client = FlyteHook(sensor.flyte_conn_id).get_client()
            with client:
                url = client.console_url(news.ref)
                found = None if news.phase.is_success else explained(client, news.ref)
            return self._finish(news.ref, news.phase, news.message if found is None else found.text, url)

    def _end(self, client: Client, snapshot: RunSnapshot) -> dict[str, str]:
        found = None if snapshot.phase.is_success else explained(client, snapshot)
        message = snapshot.describe() if found is None else found.text
        return self._finish(snapshot.ref, snapshot.phase, message, client.console_url(snapshot.ref))

    def _finish(self, ref: RunRef, phase: RunPhase, message: str, url: str) -> dict[str, str]:
        self.sensor.console_url = url
        self.ti.xcom_push(key="flyte_run", value=ref.to_dict())
        self.ti.xcom_push(key="flyte_console_url", value=url)
        if not phase.is_success:
            raise AirflowFailException(message)
        self.log.info("%s", message)
        return ref.to_dict()
