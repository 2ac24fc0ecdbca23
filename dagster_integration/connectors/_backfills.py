"""Backfills: several partitions as one job of Flyte. Dagster's daemon does the work."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bridge_core import Unavailable
from bridge_core.connector import JobLog, JobNotFound, Resource, TaskPhase

from ._queries import BACKFILL, BACKFILLS, CANCEL_BACKFILL, LAUNCH_BACKFILL

if TYPE_CHECKING:
    from ._api import DagsterApi
    from ._settings import JobSettings

__all__ = ["Backfills"]

_PHASES = {
    "REQUESTED": TaskPhase.RUNNING,
    "CANCELING": TaskPhase.RUNNING,
    "FAILING": TaskPhase.RUNNING,
    "COMPLETED": TaskPhase.SUCCEEDED,
    "COMPLETED_SUCCESS": TaskPhase.SUCCEEDED,
    "COMPLETED_FAILED": TaskPhase.RETRYABLE_FAILED,
    "FAILED": TaskPhase.RETRYABLE_FAILED,
    "CANCELED": TaskPhase.ABORTED,
}
_PAGES = 10  # of 50: how far back a backfill is looked for
_SETTLE = 2.0


class Backfills:
    """Launches, finds and cancels them."""

    def __init__(self, api: DagsterApi) -> None:
        self._api = api

    def find(self, tag: str, key: str) -> dict[str, Any] | None:
        """The oldest one with this tag; Dagster cannot filter by it, so the newest ones are looked through."""
        cursor, found = None, []
        for _ in range(_PAGES):
            result = self._api.ask(BACKFILLS, cursor=cursor)
            self._api.did("look for a backfill", result, "PartitionBackfills")
            page = result["results"]
            found += [one for one in page if {"key": tag, "value": key} in _plain(one["tags"])]
            if not page:
                break
            cursor = page[-1]["id"]
        return min(found, key=lambda one: (one["timestamp"], one["id"]), default=None)

    def launch(
        self, settings: JobSettings, selector: Mapping[str, Any], tags: Mapping[str, str], tag: str, key: str
    ) -> dict[str, Any]:
        """Launches one."""
        params: dict[str, Any] = {
            "partitionNames": list(settings.partitions),
            "tags": [{"key": name, "value": value} for name, value in tags.items()],
            "title": f"Flyte {tags.get('flyte/run', '')}"[:100],
        }
        if settings.assets:
            params["assetSelection"] = selector["assetSelection"]
        else:
            place = {name: selector[name] for name in ("repositoryName", "repositoryLocationName")}
            params["selector"] = {"partitionSetName": f"{settings.job}_partition_set", "repositorySelector": place}
        if settings.run_config:
            params["runConfigData"] = settings.run_config
        try:
            result = self._api.ask(LAUNCH_BACKFILL, params=params)
        except Unavailable:
            time.sleep(_SETTLE)
            if (heard := self.find(tag, key)) is None:
                raise
            return heard
        self._api.did(f"backfill of {settings.job or settings.assets}", result, "LaunchBackfillSuccess")
        return {"id": result["backfillId"], "status": "REQUESTED"}

    @staticmethod
    def is_live(backfill: Mapping[str, Any]) -> bool:
        """Whether it has not ended."""
        return not _PHASES.get(backfill["status"], TaskPhase.RUNNING).is_terminal

    def state(self, backfill_id: str, ui: str) -> Resource:
        """How it is.

        Raises:
            JobNotFound: It is not there.
        """
        backfill = self._one(backfill_id)
        status = backfill["status"]
        error = (backfill.get("error") or {}).get("message")
        return Resource(
            _PHASES.get(status, TaskPhase.RUNNING),
            f"backfill {backfill_id} of {backfill['numPartitions']} partitions is {status}"
            + (f": {error}" if error else ""),
            [JobLog("Dagster", f"{ui}/runs/b/{backfill_id}")],
            None,
            {"backfill_id": backfill_id, "status": status},
        )

    def cancel(self, backfill_id: str) -> None:
        """Stops it, if it goes on."""
        try:
            if not self.is_live(self._one(backfill_id)):
                return
        except JobNotFound:
            return
        result = self._api.ask(CANCEL_BACKFILL, id=backfill_id)
        self._api.did(f"cancel backfill {backfill_id}", result, "CancelBackfillSuccess")

    def _one(self, backfill_id: str) -> dict[str, Any]:
        result = self._api.ask(BACKFILL, id=backfill_id)
        if result["__typename"] == "BackfillNotFoundError":
            raise JobNotFound(f"Dagster at {self._api.url} has no backfill {backfill_id}; it was deleted there")
        self._api.did(f"look at backfill {backfill_id}", result, "PartitionBackfill")
        return result


def _plain(tags: list[Mapping[str, str]]) -> list[dict[str, str]]:
    return [{"key": tag["key"], "value": tag["value"]} for tag in tags]
