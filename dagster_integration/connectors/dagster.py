"""`DagsterJobConnector`: Flyte tasks of type ``dagster_job``, each a Dagster run or a backfill.

Dagster lets nobody name a run, so a run is known by a tag with the key of the attempt that wants it: look for it, launch if there
is none, and look again. Of two that were launched at the same moment by two services the older one counts, and the other is
canceled by whoever sees both. A launch that got no answer is looked for before anything else is done. A run that failed and that
Dagster will start again by itself goes on, under the id of the next run.
"""

from __future__ import annotations

import os
import threading
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge_core import Unavailable
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
    job_key,
)

from ._api import DagsterApi
from ._backfills import Backfills
from ._outputs import NO_OUTPUT, outputs_of
from ._places import execution_params, selector_of
from ._queries import LAUNCH, RUN, RUNS, TERMINATE
from ._settings import JobSettings

__all__ = ["DagsterJob", "DagsterJobConnector"]

_TAG = "flyte/task-execution"
_PHASES = {
    "QUEUED": TaskPhase.QUEUED,
    "NOT_STARTED": TaskPhase.QUEUED,
    "MANAGED": TaskPhase.QUEUED,
    "STARTING": TaskPhase.INITIALIZING,
    "SUCCESS": TaskPhase.SUCCEEDED,
    "FAILURE": TaskPhase.RETRYABLE_FAILED,
    "CANCELED": TaskPhase.ABORTED,
}
_ENDED = frozenset({"SUCCESS", "FAILURE", "CANCELED"})
_SETTLE = 2.0  # seconds until a launch that got no answer is looked for
_CHAIN = 50  # automatic retries that are followed
_LOCKS = 64
_TERMINATE_WITHIN = 8.0  # seconds: FlytePropeller waits 10 for an answer
_PAUSE = 0.5


@dataclass(frozen=True)
class DagsterJob(ResourceMeta):
    """What a run or a backfill is found by."""

    run_id: str
    outputs: dict[str, str] = field(default_factory=dict)
    """Output of the Flyte task -> ``asset/key:label``; see `outputs_of`."""
    is_backfill: bool = False


class DagsterJobConnector(AsyncConnector[DagsterJob]):
    """Runs Dagster jobs, assets and backfills for Flyte.

    A task's ``custom`` names a ``job`` or ``assets`` (keys like ``"raw/orders"``); optionally ``partition`` (one run) or
    ``partitions`` (a backfill), ``run_config``, ``tags``, ``repository`` and ``location`` (found by the name where it is the only
    one), and ``outputs``, output name -> ``asset/key:label`` of a materialisation's metadata. ``{{inputs.NAME}}`` in any of them
    stands for an input.

    Args:
        url: Base URL of the webserver. None: ``FLYTE_BRIDGE_DAGSTER_URL``.
        ui_url: Where people open Dagster. None: ``FLYTE_BRIDGE_DAGSTER_UI_URL``, else the base URL.

    Raises:
        ConfigError: No URL.
    """

    name = "Dagster job"
    task_type_name = "dagster_job"
    metadata_type = DagsterJob

    def __init__(self, url: str | None = None, *, ui_url: str | None = None) -> None:
        super().__init__()
        self._api = DagsterApi(url or os.environ.get("FLYTE_BRIDGE_DAGSTER_URL", ""))
        self._ui = (ui_url or os.environ.get("FLYTE_BRIDGE_DAGSTER_UI_URL") or self._api.url).rstrip("/")
        self._backfills = Backfills(self._api)
        self._one_at_a_time = [threading.Lock() for _ in range(_LOCKS)]

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
    ) -> DagsterJob:
        """Launches the run, or finds the one that was launched for this attempt."""
        settings = JobSettings.of(task_template, inputs)
        selector = selector_of(self._api, settings)
        # Looking and launching are two steps; in this process nobody gets in between.
        key = job_key(task_execution_metadata)
        with self._one_at_a_time[zlib.crc32(key.encode()) % _LOCKS]:
            return self._launched(settings, selector, task_execution_metadata)

    def _launched(self, settings: JobSettings, selector: Mapping[str, Any], whose: TaskExecutionMetadata) -> DagsterJob:
        def tags(key: str) -> dict[str, str]:
            return {**settings.tags, _TAG: key, "flyte/run": str(whose.task_execution_id)}

        if settings.partitions:
            found = create_once_blocking(
                whose,
                find=lambda key: self._backfills.find(_TAG, key),
                create=lambda key: self._backfills.launch(settings, selector, tags(key), _TAG, key),
                is_live=self._backfills.is_live,
            )
            return DagsterJob(found["id"], {}, is_backfill=True)

        def launch(key: str) -> dict[str, Any]:
            try:
                result = self._api.ask(LAUNCH, params=execution_params(settings, selector, tags(key)))
            except Unavailable:
                time.sleep(_SETTLE)  # perhaps it was heard, and is being written
                if (heard := self._find(key)) is None:
                    raise
                return heard
            self._api.did(f"launch of {settings.job or settings.assets}", result, "LaunchRunSuccess")
            return self._find(key) or dict(result["run"])

        run = create_once_blocking(
            whose, find=self._find, create=launch, is_live=lambda run: self._last(run)["status"] not in _ENDED
        )
        return DagsterJob(run["runId"], dict(settings.outputs))

    def get(self, resource_meta: DagsterJob, **_: Any) -> Resource:
        """The state of the run, or of the last of its automatic retries; its outputs when it succeeded."""
        if resource_meta.is_backfill:
            return self._backfills.state(resource_meta.run_id, self._ui)
        run = self._last(self._run(resource_meta.run_id))
        run_id, status = run["runId"], run["status"]
        links = [JobLog("Dagster", f"{self._ui}/runs/{run_id}")]
        info = {"run_id": run_id, "status": status}
        if status == "FAILURE" and _will_retry(run):
            return Resource(
                TaskPhase.RUNNING, f"run {run_id} failed, and Dagster will start it again", links, None, info
            )
        if status == "SUCCESS":
            return self._succeeded(run, resource_meta, links, info)
        message = f"run {run_id} is {status}"
        if status == "FAILURE":
            failed = [one["stepKey"] for one in run.get("stepStats", ()) if one["status"] == "FAILURE"]
            message = f"run {run_id} failed" + (f" in {', '.join(failed)}" if failed else "")
        return Resource(_PHASES.get(status, TaskPhase.RUNNING), message, links, None, info)

    def delete(self, resource_meta: DagsterJob, **_: Any) -> None:
        """Has the run, or the retry of it that goes on, terminated.

        One that was queued is looked at again: the daemon may have been starting it, and starting overwrites the end.
        """
        if resource_meta.is_backfill:
            self._backfills.cancel(resource_meta.run_id)
            return
        try:
            run = self._last(self._run(resource_meta.run_id))
        except JobNotFound:
            return
        end = time.monotonic() + _TERMINATE_WITHIN
        while run["status"] not in _ENDED:
            result = self._api.ask(TERMINATE, id=run["runId"], policy="SAFE_TERMINATE")
            done = result["__typename"] == "TerminateRunSuccess"
            if done and run["status"] != "QUEUED":
                return
            if not done and time.monotonic() > end:
                text = result.get("message") or result["__typename"]
                raise JobStillRunning(f"Dagster at {self._api.url}: run {run['runId']} could not be terminated: {text}")
            time.sleep(_PAUSE)  # a run that is STARTING cannot be terminated yet
            run = self._last(self._run(run["runId"]))
        if run["status"] == "FAILURE" and _will_retry(run):
            raise JobStillRunning(f"run {run['runId']} failed and is about to be started again by Dagster; ask again")

    def _succeeded(self, run: dict[str, Any], meta: DagsterJob, links: list[JobLog], info: dict[str, Any]) -> Resource:
        outputs = outputs_of(run, meta.outputs)
        missing = [name for name, value in outputs.items() if value is NO_OUTPUT]
        if missing:
            wanted = ", ".join(repr(meta.outputs[name] or name) for name in missing)
            text = (
                f"run {run['runId']} succeeded without output {', '.join(missing)}: no materialisation has metadata {wanted}; "
                "add it (MaterializeResult(metadata=…)), or say where it is: outputs={name: 'asset/key:label'}"
            )
            return Resource(TaskPhase.FAILED, text, links, None, info)
        return Resource(TaskPhase.SUCCEEDED, f"run {run['runId']} succeeded", links, outputs or None, info)

    def _find(self, key: str) -> dict[str, Any] | None:
        """The oldest run with this key; younger ones are canceled."""
        result = self._api.ask(RUNS, filter={"tags": [{"key": _TAG, "value": key}]})
        self._api.did("look for a run", result, "Runs")
        own = [run for run in result["results"] if "dagster/parent_run_id" not in _tags(run)]  # no automatic retries
        runs = sorted(own, key=lambda run: (run["creationTime"], run["runId"]))
        for loser in runs[1:]:
            if loser["status"] not in _ENDED:
                stopped = self._api.ask(TERMINATE, id=loser["runId"], policy="SAFE_TERMINATE")
                if stopped["__typename"] != "TerminateRunSuccess":
                    self._api.ask(TERMINATE, id=loser["runId"], policy="MARK_AS_CANCELED_IMMEDIATELY")
        return dict(runs[0]) if runs else None

    def _run(self, run_id: str) -> dict[str, Any]:
        result = self._api.ask(RUN, id=run_id)
        if result["__typename"] == "RunNotFoundError":
            raise JobNotFound(f"Dagster at {self._api.url} has no run {run_id}; it was deleted there")
        self._api.did(f"look at run {run_id}", result, "Run")
        return result

    def _last(self, run: dict[str, Any]) -> dict[str, Any]:
        """The run, or the last of those that Dagster started because it failed."""
        for _ in range(_CHAIN):
            following = _tags(run).get("dagster/auto_retry_run_id")
            if run["status"] != "FAILURE" or not following:
                break
            run = self._run(following)
        return run


def _tags(run: Mapping[str, Any]) -> dict[str, str]:
    return {tag["key"]: tag["value"] for tag in run["tags"]}


def _will_retry(run: Mapping[str, Any]) -> bool:
    return _tags(run).get("dagster/will_retry") == "true"
