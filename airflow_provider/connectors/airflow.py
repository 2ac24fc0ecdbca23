"""`AirflowDagConnector`: Flyte tasks of type ``airflow_dag``, each a run of an Airflow DAG.

The run is named after the attempt that wants it, so creating twice, or again after a lost answer, gives one DAG run: Airflow
refuses a second one of the name. What Airflow retries within the run is Airflow's matter; a run that failed is a failure that
Flyte may try again, and ``retries`` of the Flyte task says how often: each try is a new DAG run.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from bridge_core import InvalidRequest, Unavailable
from bridge_core.connector import (
    AsyncConnector,
    JobLog,
    JobNotFound,
    JobStillRunning,
    Resource,
    ResourceMeta,
    TaskExecutionMetadata,
    TaskPhase,
    TaskTemplate,
    create_once_blocking,
    plain_data,
)

from ._api import AirflowApi
from ._xcom import decoded

__all__ = ["AirflowDagConnector", "AirflowDagRun"]

_PHASES = {
    "queued": TaskPhase.QUEUED,
    "running": TaskPhase.RUNNING,
    "success": TaskPhase.SUCCEEDED,
    "failed": TaskPhase.RETRYABLE_FAILED,
}
_ENDED = frozenset({"success", "failed"})
_ABORTED = "Aborted by Flyte"
_LOOKS = 4  # at a run that was marked: together longer than a round of the scheduler
_PAUSE = 0.5  # seconds between them
_KNOWN = frozenset({"dag_id", "conf", "outputs"})


@dataclass(frozen=True)
class AirflowDagRun(ResourceMeta):
    """What a DAG run is found by."""

    dag_id: str
    dag_run_id: str
    outputs: dict[str, str] = field(default_factory=dict)
    """Output of the Flyte task -> ``task_id``, ``task_id:key``, or nothing: the task that pushed an XCom of its name."""


class AirflowDagConnector(AsyncConnector[AirflowDagRun]):
    """Runs Airflow DAGs for Flyte.

    A task's ``custom`` says ``dag_id``; optionally ``conf`` (added to the inputs, which become the run's conf by their names) and
    ``outputs``, output name -> ``task_id`` or ``task_id:xcom_key``. An output that is not in it is the XCom of its name.

    Args:
        url: Base URL of Airflow. None: ``FLYTE_BRIDGE_AIRFLOW_URL``.
        auth: ``jwt``, ``basic`` or ``token``. None: ``FLYTE_BRIDGE_AIRFLOW_AUTH``, else ``jwt``. Secrets: group ``airflow``,
            ``username`` and ``password``, or ``token``; see `bridge_core.connector.connector_secret`.
        ui_url: Where people open Airflow. None: ``FLYTE_BRIDGE_AIRFLOW_UI_URL``, else the base URL.

    Raises:
        ConfigError: No URL, or no such way to log in.
    """

    name = "Airflow DAG"
    task_type_name = "airflow_dag"
    metadata_type = AirflowDagRun

    def __init__(self, url: str | None = None, *, auth: str | None = None, ui_url: str | None = None) -> None:
        super().__init__()
        env = os.environ.get
        self._api = AirflowApi(
            url or env("FLYTE_BRIDGE_AIRFLOW_URL", ""), auth or env("FLYTE_BRIDGE_AIRFLOW_AUTH", "jwt")
        )
        self._ui = (ui_url or env("FLYTE_BRIDGE_AIRFLOW_UI_URL") or self._api.url).rstrip("/")

    def close(self) -> None:
        """Closes connections."""
        self._api.close()

    def create(
        self,
        task_template: TaskTemplate,
        output_prefix: str,
        inputs: Mapping[str, Any],
        task_execution_metadata: TaskExecutionMetadata,
        **_: Any,
    ) -> AirflowDagRun:
        """Triggers the DAG, or finds the run that was triggered for this attempt."""
        dag_id, outputs = _settings(task_template)
        conf = {
            **task_template.custom.get("conf", {}),
            **{name: plain_data(value, name) for name, value in inputs.items()},
        }

        def find(key: str) -> dict[str, Any] | None:
            return self._api.dag_run(dag_id, f"flyte__{key}")

        def trigger(key: str) -> dict[str, Any]:
            note = f"Flyte: {task_execution_metadata.task_execution_id}"
            try:
                return self._api.trigger(dag_id, f"flyte__{key}", conf, note)
            except Unavailable:  # perhaps it was heard: the name makes a second try harmless
                return self._api.trigger(dag_id, f"flyte__{key}", conf, note)

        found = create_once_blocking(
            task_execution_metadata, find=find, create=trigger, is_live=lambda run: run["state"] not in _ENDED
        )
        return AirflowDagRun(dag_id, found["dag_run_id"], outputs)

    def get(self, resource_meta: AirflowDagRun, **_: Any) -> Resource:
        """The state of the run; its outputs when it succeeded."""
        dag_id, run_id = resource_meta.dag_id, resource_meta.dag_run_id
        run = self._api.dag_run(dag_id, run_id)
        if run is None:
            raise JobNotFound(
                f"Airflow at {self._api.url} has no run {run_id!r} of DAG {dag_id!r}; it was deleted there"
            )
        state = str(run["state"])
        phase = _PHASES.get(state, TaskPhase.RUNNING)
        links = [JobLog("Airflow", f"{self._ui}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}")]
        info = {"dag_id": dag_id, "dag_run_id": run_id, "state": state}
        if state == "success":
            return self._succeeded(resource_meta, links, info)
        message = f"DAG run {run_id} of {dag_id} is {state}"
        if state == "failed":
            if str(run.get("note") or "").startswith(_ABORTED):
                return Resource(
                    TaskPhase.ABORTED, f"DAG run {run_id} of {dag_id} was aborted by Flyte", links, None, info
                )
            failed = self._api.failed_tasks(dag_id, run_id)
            message = f"DAG run {run_id} of {dag_id} failed" + (f" in {', '.join(failed)}" if failed else "")
        elif state == "queued" and (self._api.dag(dag_id) or {}).get("is_paused"):
            message = f"DAG {dag_id} is paused in Airflow, so its run waits; unpause it there"
        return Resource(phase, message, links, None, info)

    def delete(self, resource_meta: AirflowDagRun, **_: Any) -> None:
        """Marks the run as failed, which ends its tasks.

        Whether it stays so is looked at for some seconds: a scheduler that is about to start the run overwrites the mark where
        the database locks no rows (SQLite; airflow ``jobs/scheduler_job_runner.py``: _start_queued_dagruns), and one that looks
        at a run whose tasks were all skipped by the mark calls it a success (``models/dagrun.py``: update_state).
        """
        dag_id, run_id = resource_meta.dag_id, resource_meta.dag_run_id
        run = self._api.dag_run(dag_id, run_id)
        if run is None or run["state"] in _ENDED:
            return
        note = f"{_ABORTED}. {run.get('note') or ''}"
        for _look in range(_LOOKS):
            if run["state"] != "failed":
                self._api.fail(dag_id, run_id, note)
            time.sleep(_PAUSE)
            run = self._api.dag_run(dag_id, run_id)
            if run is None:
                return
        if run["state"] not in _ENDED:
            raise JobStillRunning(
                f"Airflow at {self._api.url}: run {run_id} of DAG {dag_id} was marked as failed, and is {run['state']} "
                "nevertheless"
            )

    def _succeeded(self, meta: AirflowDagRun, links: list[JobLog], info: dict[str, Any]) -> Resource:
        outputs: dict[str, Any] = {}
        for name, where in meta.outputs.items():
            task_id, _, key = where.partition(":")
            if not task_id:
                tasks = self._api.tasks_with_xcom(meta.dag_id, meta.dag_run_id, name)
                if len(set(tasks)) != 1:
                    by = f"several tasks pushed one: {', '.join(sorted(set(tasks)))}" if tasks else "no task pushed one"
                    return self._no_output(meta, name, f"wanted an XCom {name!r}, and {by}", links, info)
                task_id, key = tasks[0], name
            there, value = self._api.xcom(meta.dag_id, meta.dag_run_id, task_id, key or "return_value")
            if not there:
                missing = f"task {task_id!r} pushed no XCom {key or 'return_value'!r}"
                return self._no_output(meta, name, missing, links, info)
            outputs[name] = decoded(value)
        return Resource(TaskPhase.SUCCEEDED, f"DAG run {meta.dag_run_id} succeeded", links, outputs or None, info)

    @staticmethod
    def _no_output(meta: AirflowDagRun, name: str, why: str, links: list[JobLog], info: dict[str, Any]) -> Resource:
        text = (
            f"DAG run {meta.dag_run_id} of {meta.dag_id} succeeded without output {name!r}: {why}; push it "
            f"(ti.xcom_push(key={name!r}, value=…)), or say which task gives it: outputs={{{name!r}: 'task_id:key'}}"
        )
        return Resource(TaskPhase.FAILED, text, links, None, info)


def _settings(template: TaskTemplate) -> tuple[str, dict[str, str]]:
    custom = template.custom
    dag_id = custom.get("dag_id")
    if not isinstance(dag_id, str) or not dag_id:
        raise InvalidRequest(f"task {template.name}: custom must name the DAG, as dag_id; got {dag_id!r}")
    unknown = sorted(set(custom) - _KNOWN)
    if unknown:
        raise InvalidRequest(
            f"task {template.name}: custom has {', '.join(unknown)}, which airflow_dag does not know; it knows "
            f"{', '.join(sorted(_KNOWN))}"
        )
    conf, given = custom.get("conf", {}), custom.get("outputs", {})
    if not isinstance(conf, Mapping) or not isinstance(given, Mapping):
        raise InvalidRequest(
            f"task {template.name}: conf and outputs of custom must be mappings, got {conf!r}, {given!r}"
        )
    strange = sorted(set(given) - set(template.outputs))
    if strange:
        raise InvalidRequest(
            f"task {template.name}: custom.outputs names {', '.join(strange)}, which the task does not declare"
        )
    return dag_id, {name: str(given.get(name, "")) for name in sorted(template.outputs)}
