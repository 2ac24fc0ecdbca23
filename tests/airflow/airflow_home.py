"""One Airflow of our own: its home, its environment, and what its database holds. Airflow itself only ever runs as a child."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def _line() -> tuple[int, ...]:
    code = "from importlib.metadata import version; print(version('apache-airflow'))"
    said = subprocess.run([PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout
    return tuple(int(part) for part in said.split(".")[:2])


PYTHON = os.environ.get("FLYTE_BRIDGE_AIRFLOW", sys.executable)
"""Of the Airflow that is tested: `make test-airflow` gives that of another line, with an environment of its own."""
BIN = Path(PYTHON).parent
LINE = _line()
"""Major and minor version of that Airflow."""
ROOT = Path(__file__).parents[2]
PATIENCE = 6 if (3, 1) <= LINE < (3, 3) else 1
"""How much longer `dags test` takes there: Airflow 3.1 and 3.2 build their API anew for each task, three seconds of CPU."""


def is_installed(module: str) -> bool:
    """Whether that Airflow has a module; it may have others than the tests."""
    return subprocess.run([PYTHON, "-c", f"import {module}"], capture_output=True, check=False).returncode == 0


class AirflowHome:
    """A migrated AIRFLOW_HOME whose connection ``flyte_default`` reaches the given sandbox."""

    def __init__(
        self,
        root: Path,
        sandbox: Any,
        *,
        dags: Path,
        port: int,
        ports: Mapping[str, int],
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.root = root
        self.port = port
        host, _, flyte_port = sandbox.endpoint.partition(":")
        extra = {
            "insecure": True,
            "project": "flytesnacks",
            "domain": "development",
            "console_endpoint": sandbox.console_url,
        }
        connection = {"conn_type": "flyte", "host": host, "port": int(flyte_port), "extra": extra}
        own = {
            "AIRFLOW_HOME": root,
            "AIRFLOW_CONN_FLYTE_DEFAULT": json.dumps(connection),
            "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": port,
            "AIRFLOW__API__WORKERS": 1,
            "AIRFLOW__API_AUTH__JWT_SECRET": "0123456789abcdef" * 5,
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": False,
            "AIRFLOW__CORE__DAGS_FOLDER": dags,
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__FERNET_KEY": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "AIRFLOW__CORE__LOAD_EXAMPLES": False,
            "AIRFLOW__CORE__PARALLELISM": 6,
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": True,
            "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": 300,
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": 300,
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": ports["trigger"],
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": ports["worker"],
            "AIRFLOW__FLYTE__FIRST_EVENT_FLOOR": 4,  # enough for a heartbeat interval of 1 s
            "AIRFLOW__FLYTE__SWEEP_INTERVAL": 1,
            "AIRFLOW__FLYTE__SWEEP_PAUSE": 20,  # the triggerer comes first, on a busy machine too
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": False,
            "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": 1,
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": 1,
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": 5,
            "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": 1,
            "PYTHONPATH": ROOT,
            "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', '')}",
            "no_proxy": "127.0.0.1,localhost",
            "NO_PROXY": "127.0.0.1,localhost",
            **(settings or {}),
        }
        inherited = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("AIRFLOW", "FLYTE", "PYTEST"))
            and key not in {"PYTHONDONTWRITEBYTECODE", "UCTL_CONFIG"}
        }
        self.env = {**inherited, **{key: str(value) for key, value in own.items()}}

    def migrate(self) -> None:
        self.airflow("db", "migrate")

    def airflow(
        self, *arguments: str, timeout: float = 120, env: Mapping[str, str] | None = None, fails: bool = False
    ) -> str:
        """Runs one Airflow command that succeeds (or ``fails``); returns what it printed."""
        try:
            done = subprocess.run(
                [str(BIN / "airflow"), *arguments],
                env={**self.env, **(env or {})},
                cwd=self.root,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=PATIENCE * timeout,
            )
        except subprocess.TimeoutExpired as error:
            said = (error.stdout or b"").decode(errors="replace")[-6000:]
            raise AssertionError(
                f"airflow {' '.join(arguments)} did not end in {PATIENCE * timeout} s:\n{said}"
            ) from None
        said = f"airflow {' '.join(arguments)} exited {done.returncode}:\n{done.stdout[-6000:]}"
        assert (done.returncode != 0) == fails, said
        return done.stdout

    def python(self, code: str, *arguments: str, timeout: float = 120, env: Mapping[str, str] | None = None) -> str:
        """Runs Python where Airflow would run ours."""
        done = subprocess.run(
            [PYTHON, "-c", code, *arguments],
            env={**self.env, **(env or {})},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"exited {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def script(self, name: str, *arguments: str, stdin: str = "", timeout: float = 120) -> str:
        """Runs a file of this folder where Airflow would run ours."""
        done = subprocess.run(
            [PYTHON, str(Path(__file__).with_name(name)), *arguments],
            env=self.env,
            cwd=self.root,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"exited {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def xcom(self, dag_id: str, task_id: str, key: str = "return_value") -> Any:
        """The XCom as it is stored; the newest when there are several runs."""
        rows = self.query(
            "select value from xcom where dag_id = ? and task_id = ? and key = ? order by timestamp desc",
            dag_id,
            task_id,
            key,
        )
        assert rows, f"no XCom {key!r} of {dag_id}.{task_id}"
        return _decoded(rows[0][0])

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        database = sqlite3.connect(f"file:{self.root / 'airflow.db'}?mode=ro", uri=True, timeout=20)
        try:
            return database.execute(sql, parameters).fetchall()
        finally:
            database.close()


class PostgresHome(AirflowHome):
    """The same on PostgreSQL.

    Args:
        url: SQLAlchemy's, with the driver psycopg; the database is empty.
        rest: As of `AirflowHome`.
    """

    driver = "psycopg"

    def __init__(self, *rest: Any, url: str, settings: Mapping[str, Any], **named: Any) -> None:
        own = {
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url.replace("+psycopg", f"+{self.driver}"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": url,
        }
        super().__init__(*rest, settings={**own, **settings}, **named)
        self._url = url.replace("+psycopg", "")

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        import psycopg

        with psycopg.connect(self._url) as database:
            return database.execute(sql.replace("?", "%s"), parameters or None).fetchall()


def _decoded(raw: Any) -> Any:
    value = json.loads(raw) if isinstance(raw, str | bytes) else raw
    return json.loads(value) if isinstance(value, str) and value[:1] in '{["' else value
