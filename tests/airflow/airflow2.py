"""Airflow 2.11 where the tests know Airflow 3: other processes and REST API; PostgreSQL, as SQLite allows one task at a time.

Goes with the line 2.11.
"""

from __future__ import annotations

from typing import Any

import httpx
from airflow_home import PostgresHome
from airflow_stack import AirflowStack

__all__ = ["LEFT_OUT", "Airflow2Home", "Airflow2Stack"]

_UI = "the pages of Airflow 2 are others; tried in words only (test_airflow_pieces.py)"
LEFT_OUT = {
    "test_airflow_alerts": "not tried",
    "test_airflow_browser": _UI,
    "test_airflow_cases": "its `dags test` tries a task that failed in its trigger for ever",
    "test_airflow_connector": "the connector speaks the API of Airflow 3",
    "test_airflow_dags_test": "its `dags test` tries a task that failed in its trigger for ever",
    "test_airflow_events": "it has no asset watchers",
    "test_airflow_examples": "the examples are written for Airflow 3",
    "test_airflow_identity": "it has no backfills; a DAG run's own row is the identity (test_airflow_values.py)",
    "test_airflow_lineage": "its DAGs are written for Airflow 3",
    "test_airflow_many": "rows are written as Airflow 3 writes them",
    "test_airflow_native": "its DAG is run by `dags test`",
    "test_airflow_register": "it keeps no state of tasks: a retry registers again",
    "test_airflow_scale": "rows are written as Airflow 3 writes them",
    "test_airflow_secrets": "looks where Airflow 3 keeps things",
    "test_airflow_trace": "not tried",
    "test_airflow_verbs": "its DAG is run by `dags test`",
}
"""What does not run on Airflow 2, and why: operator, trigger, hook, links and killed processes do."""

_EVERYBODY_IS_ADMIN = 'AUTH_ROLE_PUBLIC = "Admin"\nWTF_CSRF_ENABLED = False\n'


class Airflow2Home(PostgresHome):
    """Its home; whoever asks its API is an administrator."""

    driver = "psycopg2"

    def __init__(self, *rest: Any, url: str, port: int, **named: Any) -> None:
        settings = {
            "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
            "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC": 1,
            "AIRFLOW__SCHEDULER__MIN_FILE_PROCESS_INTERVAL": 300,
            "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": 4,  # its workers give up after twice that, also on a busy machine
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": 2,
            "AIRFLOW__WEBSERVER__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__WEBSERVER__EXPOSE_CONFIG": False,
            "AIRFLOW__WEBSERVER__SECRET_KEY": "0123456789abcdef" * 2,
            "AIRFLOW__WEBSERVER__WEB_SERVER_HOST": "127.0.0.1",
            "AIRFLOW__WEBSERVER__WEB_SERVER_PORT": port,
            "AIRFLOW__WEBSERVER__WORKERS": 1,
        }
        super().__init__(*rest, url=url, port=port, **{**named, "settings": {**settings, **named.get("settings", {})}})
        (self.root / "webserver_config.py").write_text(_EVERYBODY_IS_ADMIN)


class Airflow2Stack(AirflowStack):
    """Its processes: the scheduler reads DAG files, too."""

    components = ("webserver", "scheduler", "triggerer")
    api = "/api/v1"

    def trigger(self, dag_id: str, run_id: str, n: int, **conf: Any) -> None:
        self.call("POST", f"/dags/{dag_id}/dagRuns", dag_run_id=run_id, conf={"n": n, **conf})

    def xcom(self, dag_id: str, run_id: str, key: str = "return_value") -> Any:
        return self.home.xcom(dag_id, "run", key)

    def links(self, dag_id: str, run_id: str, *, map_index: int = -1) -> dict[str, str]:
        assert map_index < 0, "its API knows no links of mapped tasks"
        links: dict[str, str] = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/run/links")
        return links

    def mark(self, dag_id: str, run_id: str, state: str) -> None:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/run"
        self.call("PATCH", path, new_state=state, dry_run=False)

    def _clear(self, dag_id: str, **body: Any) -> None:
        super()._clear(dag_id, reset_dag_runs=True, **body)

    def _is_up(self) -> bool:
        try:
            dags = self._http.get("/api/v1/dags", timeout=5)
            health = self._http.get("/api/v1/health", timeout=5)
        except httpx.HTTPError:
            return False
        if dags.status_code >= 300 or health.status_code >= 300:
            return False
        healthy = all(health.json()[part]["status"] == "healthy" for part in ("scheduler", "triggerer"))
        return healthy and self._dags <= {dag["dag_id"] for dag in dags.json()["dags"]}
