"""Airflow's REST API, as far as the sweep needs it: for a command that runs where Airflow is not installed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from bridge_core import ConfigError, InvalidRequest, PermissionDenied, Unauthenticated, Unavailable

from .unattended import TaskId

__all__ = ["AirflowRest"]

_PAGE = 100
_PER_QUESTION = 100
_TIMEOUT = 60.0
_GONE = 404


class AirflowRest:
    """An Airflow behind its URL.

    Args:
        url: Base URL, ``https://airflow.example.com``.
        token: Sent as ``Authorization: Bearer``. None: nothing is sent.

    Raises:
        ConfigError: The URL is none.
    """

    def __init__(self, url: str, token: str | None) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"Airflow's URL must begin with http:// or https://, got {url!r}")
        self._base = f"{url.rstrip('/')}/api/v2"
        self._url = url
        self._token = token

    def variable(self, name: str) -> str | None:
        """A Variable, or None."""
        found = self._call("GET", f"/variables/{quote(name, safe='')}")
        return None if found is None else str(found["value"])

    def states(self, tasks: Iterable[TaskId]) -> dict[TaskId, str]:
        """What Airflow says about these; those it does not have are left out.

        A list shows what the token may see, and says nothing about the rest: what is not in it is asked for by itself.

        Raises:
            PermissionDenied: The token may not see one of them: nothing is known about it then.
        """
        wanted = sorted(tasks)
        out: dict[TaskId, str] = {}
        for begin in range(0, len(wanted), _PER_QUESTION):
            out.update(self._listed(wanted[begin : begin + _PER_QUESTION]))
        for task in wanted:
            if task not in out and (state := self._state(task)) is not None:
                out[task] = state
        return {task: out[task] for task in wanted if task in out}

    def waits_for(self, tasks: Iterable[TaskId]) -> dict[TaskId, str]:
        """Name of the run that each of these says it waits for."""
        out: dict[TaskId, str] = {}
        for task in tasks:
            path = f"{_path(task)}/xcomEntries/flyte_run?map_index={task.map_index}&deserialize=false&stringify=false"
            found = self._call("GET", path)
            value: Any = None if found is None else found.get("value")
            if isinstance(value, str):
                value = json.loads(value)
            if isinstance(value, Mapping) and isinstance(value.get("name"), str):
                out[task] = value["name"]
        return out

    def _listed(self, tasks: list[TaskId]) -> dict[TaskId, str]:
        body: dict[str, Any] = {
            "dag_ids": sorted({task.dag_id for task in tasks}),
            "dag_run_ids": sorted({task.run_id for task in tasks}),
            "task_ids": sorted({task.task_id for task in tasks}),
            "page_limit": _PAGE,
        }
        out: dict[TaskId, str] = {}
        offset = 0
        while True:
            found = self._call("POST", "/dags/~/dagRuns/~/taskInstances/list", {**body, "page_offset": offset}) or {}
            items = found.get("task_instances", [])
            for item in items:
                task = TaskId(item["dag_id"], item["dag_run_id"], item["task_id"], item["map_index"])
                out[task] = item["state"] or "none"
            offset += len(items)
            if not items or offset >= found.get("total_entries", 0):
                return out

    def _state(self, task: TaskId) -> str | None:
        mapped = f"/{task.map_index}" if task.map_index >= 0 else ""
        found = self._call("GET", f"{_path(task)}{mapped}")
        return None if found is None else str(found["state"] or "none")

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer; None when there is no such thing."""
        import httpx

        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        what = f"{method} {path}"
        try:
            answer = httpx.request(method, f"{self._base}{path}", json=body, headers=headers, timeout=_TIMEOUT)
            if answer.status_code == _GONE:
                return None
            if answer.is_success:
                return answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise Unavailable(f"Airflow at {self._url} could not be asked ({what}): {error!r}") from None
        raise _refused(answer.status_code, answer.text[:300], what, self._url)


def _path(task: TaskId) -> str:
    dag_id, run_id, task_id = (quote(text, safe="") for text in task[:3])
    return f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"


def _refused(status: int, said: str, what: str, url: str) -> Exception:
    kinds = {401: Unauthenticated, 403: PermissionDenied, 429: Unavailable}
    kind = kinds.get(status, Unavailable if status >= 500 else InvalidRequest)  # noqa: PLR2004
    hint = " AIRFLOW_API_TOKEN must hold a token that may read this." if status in (401, 403) else ""
    return kind(f"Airflow at {url} answered {what} with {status}: {said}.{hint}")
