"""Airflow's REST API v2, as far as the connector needs it, and the ways to log in. Airflow need not be installed."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import quote

from bridge_core import (
    AlreadyExists,
    ConfigError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from bridge_core.connector import connector_secret

__all__ = ["AirflowApi"]

_TIMEOUT = 20.0
_WAYS = ("jwt", "basic", "token")
_UNAUTHORIZED, _FORBIDDEN, _MISSING, _CONFLICT = 401, 403, 404, 409
_BAD_REQUEST, _UNPROCESSABLE = 400, 422


class AirflowApi:
    """An Airflow behind its URL. Safe to share between threads; opens nothing before the first call.

    Args:
        url: Base URL.
        auth: ``jwt``: user name and password buy a token at ``/auth/token``, again when it has expired. ``basic``: they are sent
            with every request. ``token``: a token is sent as it is.

    Secrets are looked up at each login, in group ``airflow`` (`connector_secret`): ``username`` and ``password``, or ``token``.

    Raises:
        ConfigError: No URL, or no such way.
    """

    def __init__(self, url: str, auth: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"Airflow's URL must begin with http:// or https://, got {url!r}")
        if auth not in _WAYS:
            raise ConfigError(f"auth at Airflow must be one of {', '.join(_WAYS)}, got {auth!r}")
        self.url = url.rstrip("/")
        self._auth = auth
        self._lock = threading.Lock()
        self._client: Any = None
        self._header: str | None = None

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any], note: str) -> dict[str, Any]:
        """Makes a DAG run.

        Raises:
            AlreadyExists: There is one of this name.
            NotFound: There is no such DAG.
        """
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf, "note": note}
        found = self._call("POST", f"/dags/{_quoted(dag_id)}/dagRuns", body)
        if found is None:
            raise NotFound(f"Airflow at {self.url} has no DAG {dag_id!r}; deploy it, or correct dag_id in the task")
        return dict(found)

    def dag_run(self, dag_id: str, run_id: str) -> dict[str, Any] | None:
        """A DAG run, or None."""
        return self._found(f"/dags/{_quoted(dag_id)}/dagRuns/{_quoted(run_id)}")

    def fail(self, dag_id: str, run_id: str, note: str) -> None:
        """Marks a DAG run as failed, which ends its tasks. One that is gone is no error."""
        self._call("PATCH", f"/dags/{_quoted(dag_id)}/dagRuns/{_quoted(run_id)}", {"state": "failed", "note": note})

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """A DAG, or None."""
        return self._found(f"/dags/{_quoted(dag_id)}")

    def failed_tasks(self, dag_id: str, run_id: str) -> list[str]:
        """Which tasks of a run failed."""
        path = f"/dags/{_quoted(dag_id)}/dagRuns/{_quoted(run_id)}/taskInstances?state=failed&limit=10"
        return [item["task_id"] for item in (self._call("GET", path) or {}).get("task_instances", [])]

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str) -> tuple[bool, Any]:
        """Whether there is such an XCom, and its value."""
        run = f"/dags/{_quoted(dag_id)}/dagRuns/{_quoted(run_id)}"
        path = f"{run}/taskInstances/{_quoted(task_id)}/xcomEntries/{_quoted(key)}?deserialize=false&stringify=false"
        found = self._call("GET", path)
        return (False, None) if found is None else (True, found.get("value"))

    def tasks_with_xcom(self, dag_id: str, run_id: str, key: str) -> list[str]:
        """Tasks of a run that pushed an XCom of this key."""
        path = f"/dags/{_quoted(dag_id)}/dagRuns/{_quoted(run_id)}/taskInstances/~/xcomEntries?limit=100&xcom_key={_quoted(key)}"
        entries = (self._call("GET", path) or {}).get("xcom_entries", [])
        return [item["task_id"] for item in entries if item.get("key") == key]

    def close(self) -> None:
        """Closes connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _found(self, path: str) -> dict[str, Any] | None:
        found = self._call("GET", path)
        return None if found is None else dict(found)

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        """The answer; None when there is no such thing."""
        answer = self._send(method, f"/api/v2{path}", body)
        if _is_unauthenticated(answer) and self._auth == "jwt":
            self._header = None  # it has expired, or Airflow signs with another secret now
            answer = self._send(method, f"/api/v2{path}", body)
        if answer.status_code == _MISSING:
            return None
        if not answer.is_success:
            raise self._refused(answer, f"{method} {path}")
        try:
            return answer.json()
        except ValueError:
            raise Unavailable(
                f"Airflow at {self.url} answered {method} {path} with something that is no JSON"
            ) from None

    def _send(self, method: str, path: str, body: Any, *, login: bool = True) -> Any:
        import httpx

        with self._lock:
            if self._client is None:
                self._client = httpx.Client(timeout=_TIMEOUT)
            client = self._client
        try:
            headers = {"Authorization": self._authorization()} if login else {}
            return client.request(method, f"{self.url}{path}", json=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable(
                f"Airflow at {self.url} could not be asked ({method} {path}): {type(error).__name__}: {error}"
            ) from None

    def _authorization(self) -> str:
        import base64

        if self._auth == "token":
            return f"Bearer {connector_secret('token', 'airflow')}"
        if self._header is not None:
            return self._header
        user, password = connector_secret("username", "airflow"), connector_secret("password", "airflow")
        if self._auth == "basic":
            return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        answer = self._send("POST", "/auth/token", {"username": user, "password": password}, login=False)
        if not answer.is_success:
            raise self._refused(answer, "POST /auth/token")
        self._header = f"Bearer {answer.json()['access_token']}"
        return self._header

    def _refused(self, answer: Any, what: str) -> Exception:
        code, text = (
            answer.status_code,
            f"Airflow at {self.url} refused {what}: {answer.status_code}: {_detail(answer)}",
        )
        kinds: dict[int, type[Exception]] = {
            _FORBIDDEN: PermissionDenied,
            _CONFLICT: AlreadyExists,
            _BAD_REQUEST: InvalidRequest,
            _UNPROCESSABLE: InvalidRequest,
        }
        kind = Unauthenticated if _is_unauthenticated(answer) else kinds.get(code, Unavailable)
        return kind(text)


def _is_unauthenticated(answer: Any) -> bool:
    """Whether it is the token that Airflow does not take: 401, or 403 for one that it cannot read (``core_api/security.py``)."""
    if answer.status_code == _FORBIDDEN:
        return "Invalid JWT token" in _detail(answer)
    return bool(answer.status_code == _UNAUTHORIZED)


def _detail(answer: Any) -> str:
    try:
        return str(answer.json().get("detail", ""))[:300]
    except (ValueError, AttributeError):
        return str(answer.text)[:300]


def _quoted(text: str) -> str:
    return quote(text, safe="")
