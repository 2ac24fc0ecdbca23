"""What operators do that act on a run of somebody else, or on a schedule: one call each, which a retry may make again."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from bridge_core import (
    Client,
    InvalidRequest,
    LiteralError,
    NotFound,
    RunNotFound,
    RunRef,
    Trigger,
    Unauthenticated,
    seconds,
)

from .._shared.failures import airflow_failures
from .._shared.refusals import LAUNCH_PATIENCE, patiently
from .._shared.run_argument import run_argument
from .._shared.values import from_xcom
from ..hooks.flyte import FlyteHook

if TYPE_CHECKING:
    from bridge_core import DeployedTrigger, RunSnapshot

__all__ = ["abort_run", "act_for", "deploy_trigger", "signal_run"]

log = logging.getLogger("airflow.task.flyte")

T = TypeVar("T")


def abort_run(operator: Any, context: Mapping[str, Any]) -> str | None:
    """See `FlyteAbortOperator.execute`."""
    if operator.missing_ok and operator.run in (None, "", "None"):
        operator.log.info("there is no run to abort")
        return None
    ti: Any = context["ti"]
    reason = operator.reason or f"Airflow task {ti.dag_id}.{ti.task_id} of {ti.run_id}"

    def abort(client: Client, ref: RunRef) -> RunSnapshot | None:
        try:
            client.abort(ref, reason=reason)
            return client.describe(ref)
        except RunNotFound as error:
            if not operator.missing_ok:
                raise AirflowFailException(error.message) from None
            return None

    with airflow_failures():
        snapshot = _act(operator, ti, abort)
    if snapshot is None:
        operator.log.info("there is no run to abort")
        return None
    operator.log.info("%s", snapshot.describe())
    return snapshot.phase.value


def signal_run(operator: Any, context: Mapping[str, Any]) -> None:
    """See `FlyteSignalOperator.execute`."""

    def signal(client: Client, ref: RunRef) -> None:
        value = from_xcom(operator.value)
        try:
            client.signal(ref, operator.signal_id, value, timeout=operator.gate_timeout)
        except LiteralError:
            if not isinstance(value, str):
                raise
            try:
                read = json.loads(value)  # what a template rendered is a text: "true" for a boolean
            except ValueError:
                read = value
            if read == value:
                raise
            client.signal(ref, operator.signal_id, read, timeout=operator.gate_timeout)

    with airflow_failures():
        seconds(operator.gate_timeout, "gate_timeout")
        try:
            _act(operator, context["ti"], signal)
        except RunNotFound:
            raise
        except NotFound as error:  # the run goes on, and may come to the gate yet
            if "has not reached" in error.message:
                raise AirflowException(error.message) from None
            raise
    operator.log.info("gate %s of run %s has its value", operator.signal_id, run_argument(operator.run))


def deploy_trigger(operator: Any) -> dict[str, Any]:
    """See `FlyteDeployTriggerOperator.execute`."""
    with airflow_failures():
        trigger = _trigger(operator.trigger)
        hook = FlyteHook(operator.flyte_conn_id)
        with hook.get_client() as client:
            trigger = replace(trigger, **_chosen(operator, trigger, client))
            hook.check_place(trigger.entity.project, trigger.entity.domain)
            if hook.limits is not None:
                hook.limits.check_options(trigger.options, f"trigger {trigger.name!r}")

            def deploy() -> DeployedTrigger:
                deployed = client.deploy_trigger(trigger)
                if operator.active is not False:
                    return deployed
                # Without its version: an older one may be the one that fires.
                return replace(client.deactivate(replace(deployed.ref, version=None)), created=deployed.created)

            deployed = patiently(
                deploy, f"deploying trigger {trigger.name!r}", patience=LAUNCH_PATIENCE, refusals=Unauthenticated
            )
    state = "active" if deployed.active else "inactive"
    operator.log.info("trigger %s: %s, %s (%s)", deployed.name, state, deployed.schedule or "no schedule", deployed.ref)
    return deployed.to_dict()


def _chosen(operator: Any, trigger: Trigger, client: Client) -> dict[str, Any]:
    """What the operator says instead of the trigger."""
    entity = trigger.entity.placed(client.config)
    out: dict[str, Any] = {"entity": entity.pinned(operator.version) if operator.version else entity}
    if operator.active is not None:
        out["auto_activate"] = operator.active
    return out


def _trigger(given: Any) -> Trigger:
    if isinstance(given, Trigger):
        return given
    if isinstance(given, Mapping):
        return Trigger.from_dict(given)
    raise InvalidRequest(f"trigger: wanted a Trigger, or a mapping as in triggers.yaml, got {given!r}")


def _act(operator: Any, ti: Any, act: Callable[[Client, RunRef], T]) -> T:
    ref = run_argument(operator.run)
    hook = FlyteHook(operator.flyte_conn_id)
    with hook.get_client() as client:
        hook.check_place(ref.project, ref.domain)
        operator.console_url = client.console_url(ref)
        ti.xcom_push(key="flyte_console_url", value=operator.console_url)
        return patiently(lambda: act(client, ref), f"run {ref}", patience=LAUNCH_PATIENCE, refusals=Unauthenticated)


def act_for(notifier: Any, context: Mapping[str, Any]) -> None:
    """See `FlyteRunsNotifier.notify`."""
    ti: Any = context["ti"]
    run = notifier.run or ti.xcom_pull(task_ids=ti.task_id, key="flyte_run", map_indexes=ti.map_index)
    if not run:
        log.info("task %s launched no run: there is nothing to %s", ti.task_id, notifier.action)
        return
    ref = run_argument(run)
    hook = FlyteHook(notifier.flyte_conn_id)
    with hook.get_client() as client:
        hook.check_place(ref.project, ref.domain)
        if notifier.action == "abort":
            client.abort(ref, reason=notifier.reason or f"Airflow task {ti.dag_id}.{ti.task_id} of {ti.run_id}")
        else:
            client.signal(ref, notifier.signal_id, from_xcom(notifier.value))
    log.info("%s of run %s: done", notifier.action, ref)
