"""One Airflow of our own: its home, its environment, and what its database holds. Airflow itself only ever runs as a child."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from support.forks import Forks


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
CASES = Path(__file__).parent / "cases"
MODULES = (
    "airflow", "airflow.models.dag_version", "airflow.models.dagrun", "airflow.models.serialized_dag",
    "airflow.models.taskinstance", "airflow.models.trigger", "airflow.models.xcom", "airflow.providers.common.compat.sdk",
    "airflow.sdk",
)  # fmt: skip
"""What most scripts here import; Airflow 2 has not all of them."""
_HOME = "/the/home/of/airflow"
PATIENCE = 6 if (3, 1) <= LINE < (3, 3) else 1
"""How much longer `dags test` takes there: Airflow 3.1 and 3.2 build their API anew for each task, three seconds of CPU."""


def is_installed(distribution: str) -> bool:
    """Whether that Airflow's environment has it; the tests may have others."""
    code = f"from importlib.metadata import version; version({distribution!r})"
    return subprocess.run([PYTHON, "-c", code], capture_output=True, check=False).returncode == 0


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
            "AIRFLOW__TRIGGERER__CAPACITY": 1100,  # a test defers 1,000 tasks, and asset watchers take places as well
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
        self._kept: dict[str, tuple[Forks, dict[str, str]]] = {}

    def migrate(self) -> None:
        """Makes Airflow's tables: those that the first home of a test session made, copied."""
        made, settings = (Path(os.environ["BRIDGE_TESTS_SHARED"]) / name for name in ("airflow.db", "airflow.cfg"))
        with made.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                self.airflow("db", "migrate")
                text = (self.root / settings.name).read_text()
                settings.write_text(text.replace(str(self.root), _HOME))
                shutil.copyfile(self.root / made.name, made.with_suffix(".part"))
                made.with_suffix(".part").rename(made)
                return
        shutil.copyfile(made, self.root / made.name)
        (self.root / settings.name).write_text(settings.read_text().replace(_HOME, str(self.root)))

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

    def forked(
        self,
        code: str,
        *arguments: str,
        stdin: str = "",
        timeout: float = 120,
        env: Mapping[str, str] | None = None,
        name: str = "-c",
    ) -> str:
        """The same in a fork of a process that has imported Airflow: a tenth of the time, where the import is not what is tried.

        What Airflow reads of the environment while it is imported is that of this home, whatever ``env`` says.
        """
        done = self._forks().run(code, *arguments, name=name, stdin=stdin, env=env, timeout=timeout)
        assert done.returncode == 0, f"exited {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
        return done.stdout

    def script(self, name: str, *arguments: str, stdin: str = "", timeout: float = 120) -> str:
        """Runs a file of this folder where Airflow would run ours."""
        file = Path(__file__).with_name(name)
        return self.forked(file.read_text(), *arguments, stdin=stdin, timeout=timeout, name=str(file))

    def tested(
        self,
        dag_id: str,
        *arguments: str,
        env: Mapping[str, str] | None = None,
        timeout: float = 120,
        fails: bool = False,
    ) -> str:
        """``airflow dags test`` of a DAG of the folder ``cases`` or of an example that registers; what it printed.

        In a process that runs one after another: the API that it builds for itself takes longer than all the tasks.
        """
        words = ("dags", "test", dag_id, *arguments)
        code = "from airflow.__main__ import main; main()"
        done = self._commands().run(code, *words, name="airflow", env=env, timeout=PATIENCE * timeout)
        said = f"{done.stdout}{done.stderr}"
        assert (done.returncode != 0) == fails, f"airflow {' '.join(words)} exited {done.returncode}:\n{said[-6000:]}"
        return said

    def close(self) -> None:
        """Ends the processes that it keeps."""
        for process, _ in self._kept.values():
            process.stop()
        self._kept.clear()

    def _forks(self) -> Forks:
        return self._kept_for("forks", lambda: Forks(*MODULES, python=PYTHON, env=self.env, folder=self.root))

    def _commands(self) -> Forks:
        def made() -> Forks:
            dags = self.only(*sorted(CASES.glob("*.py")), ROOT / "examples" / "airflow_register.py")
            return Forks("airflow", python=PYTHON, turns=True, env={**self.env, **dags}, folder=self.root)

        return self._kept_for("commands", made)

    def _kept_for(self, name: str, make: Callable[[], Forks]) -> Forks:
        """The process of that name; a new one when a test has changed the environment of this home since."""
        found = self._kept.get(name)
        if found is None or found[1] != self.env:
            if found is not None:
                found[0].stop()
            found = self._kept[name] = (make(), dict(self.env))
        return found[0]

    def only(self, *files: Path) -> dict[str, str]:
        """Environment of commands for which there are no other DAGs: ``dags test`` reads all that there are, twice."""
        folder = Path(tempfile.mkdtemp(prefix="dags-", dir=self.root))
        for file in files:
            shutil.copy(file, folder)
        return {
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",  # the scheduler of other tests must not run it
        }

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

    def migrate(self) -> None:
        self.airflow("db", "migrate")

    def query(self, sql: str, *parameters: Any) -> list[Any]:
        import psycopg

        with psycopg.connect(self._url) as database:
            return database.execute(sql.replace("?", "%s"), parameters or None).fetchall()


def _decoded(raw: Any) -> Any:
    value = json.loads(raw) if isinstance(raw, str | bytes) else raw
    return json.loads(value) if isinstance(value, str) and value[:1] in '{["' else value
