"""A running Airflow: api-server, scheduler, dag-processor and triggerer as processes of ours, on SQLite."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Set
from datetime import UTC, datetime
from typing import Any, Self

import httpx
import psutil
from airflow_home import BIN, AirflowHome
from airflow_waiting import eventually

DAGS = frozenset({"deferred", "grace", "waiting"})
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")


class AirflowStack:
    """Starts and stops the four components; talks to Airflow the way its users do."""

    components = COMPONENTS
    api = "/api/v2"

    def __init__(self, home: AirflowHome, *, dags: Set[str] = DAGS) -> None:
        self.home = home
        self._dags = dags  # up when it knows these
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{home.port}", timeout=60, trust_env=False)

    def __enter__(self) -> Self:
        for name in self.components:
            self._start(name, name)
        try:
            self._wait_until_up()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def _start(self, name: str, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        logs = self.home.root / "component-logs"
        logs.mkdir(exist_ok=True)
        with (logs / name).open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [str(BIN / "airflow"), *arguments],
                env={**self.home.env, **(env or {})},
                cwd=self.home.root,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def stop(self) -> None:
        """Ends the process groups that we started, and no others."""
        self._http.close()
        self._end(self._processes)

    def _end(self, processes: Mapping[str, subprocess.Popen[bytes]]) -> None:
        groups = {name: _members(process.pid) for name, process in processes.items()}
        for process in processes.values():
            _signal_group(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + 6
        for process in processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal_group(process.pid, signal.SIGKILL)
                process.wait(10)
        for members in groups.values():  # supervisors put task processes into groups of their own
            for member in members:
                if member.is_running():
                    member.kill()

    @contextlib.contextmanager
    def frozen(self, name: str, *, alone: bool = False) -> Iterator[None]:
        """The component stands still meanwhile; longer than 5 s, other triggerers take it for dead.

        ``alone`` leaves its children out: a scheduler's are the workers.
        """
        members = _members(self._processes[name].pid)[: 1 if alone else None]
        for member in members:
            member.suspend()
        try:
            yield
        finally:
            for member in members:
                member.resume()

    @contextlib.contextmanager
    def without(
        self, name: str, number: int = signal.SIGTERM, *, alone: bool = False, env: Mapping[str, str] | None = None
    ) -> Iterator[None]:
        """The component is ended, and started again after the body.

        ``alone`` leaves its children out: a scheduler's are the workers. ``env``: of the new one, besides the usual.
        """
        process = self._processes[name]
        members = _members(process.pid)
        if alone:
            process.send_signal(number)
        else:
            _signal_group(process.pid, number)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        for member in members if not alone else ():
            if member.is_running():
                member.kill()
        try:
            yield
        finally:
            self._start(name, name, env=env)

    def members(self, name: str) -> list[psutil.Process]:
        """The processes of a component, its first one first."""
        return _members(self._processes[name].pid)

    def scheduler_looked(self) -> None:
        """Returns once the scheduler has finished a loop.

        That of Airflow 3.2 and 3.3 dies of a DAG run that is deleted while it decides about it: its handler of errors reads the
        run anew, in a session that must be rolled back (`_schedule_all_dag_runs`).
        """
        since = datetime.now(UTC)

        def beat() -> bool:
            health = self.call("GET", "/monitor/health")
            return datetime.fromisoformat(health["scheduler"]["latest_scheduler_heartbeat"]) > since

        eventually(beat)

    def token(self) -> str:
        """For Airflow's API."""
        return str(self._http.headers["Authorization"]).removeprefix("Bearer ")

    def instance_id(self) -> str:
        """What this Airflow calls itself; made here when no task has done so yet."""
        known = self._http.get(f"{self.api}/variables/flyte_bridge_instance_id")
        if known.status_code == 404:
            self.call("POST", "/variables", key="flyte_bridge_instance_id", value="this-airflow")
            return self.instance_id()
        return str(known.json()["value"])

    def connect(self, conn_id: str, sandbox: Any) -> None:
        """Points a stored connection at this sandbox."""
        host, _, port = sandbox.endpoint.partition(":")
        extra = json.dumps({"insecure": True, "project": "flytesnacks", "domain": "development"})
        body = {"connection_id": conn_id, "conn_type": "flyte", "host": host, "port": int(port), "extra": extra}
        known = {found["connection_id"] for found in self.call("GET", "/connections")["connections"]}
        if conn_id in known:
            self.call("PATCH", f"/connections/{conn_id}", **body)
        else:
            self.call("POST", "/connections", **body)

    @contextlib.contextmanager
    def another_triggerer(self) -> Iterator[None]:
        """A second triggerer, on the same database; up when the body begins."""
        before = self._triggerers()
        self._start("triggerer-2", "triggerer", "--skip-serve-logs")
        try:
            deadline = time.monotonic() + 60
            while self._triggerers() <= before:
                assert time.monotonic() < deadline, f"no second triggerer\n{self.logs()}"
                time.sleep(0.25)
            yield
        finally:
            self._end({"triggerer-2": self._processes.pop("triggerer-2")})

    def _triggerers(self) -> int:
        ((count,),) = self.home.query("select count(*) from job where job_type = 'TriggererJob' and state = 'running'")
        return int(count)

    def logs(self) -> str:
        """The last lines of every component, for failure messages."""
        out = []
        for name in self._processes:
            file = self.home.root / "component-logs" / name
            lines = file.read_text(errors="replace").splitlines()
            out.append(f"--- {name}\n" + "\n".join(lines[-40:]))
        return "\n".join(out)

    def task_log(self, dag_id: str, run_id: str) -> str:
        """All tries of the one task, as written to disk."""
        folder = self.home.root / "logs" / f"dag_id={dag_id}" / f"run_id={run_id}"
        return "\n".join(
            f"== {file.name}\n{file.read_text(errors='replace')}" for file in sorted(folder.rglob("*.log*"))
        )

    def call(self, method: str, path: str, **body: Any) -> Any:
        """One call of Airflow's REST API; again while its SQLite is locked by another of its processes, which undoes the call."""
        deadline = time.monotonic() + 30
        while True:
            answer = self._http.request(method, f"{self.api}{path}", json=body or None)
            # 3.2 and older say nothing more in the answer; their log says "database is locked".
            locked = answer.status_code == 500 and (
                "Database error" in answer.text or answer.text == "Internal Server Error"
            )
            if not locked or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def trigger(self, dag_id: str, run_id: str, n: int, **conf: Any) -> None:
        self.call("POST", f"/dags/{dag_id}/dagRuns", dag_run_id=run_id, logical_date=None, conf={"n": n, **conf})

    def task(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """The task instance."""
        found: dict[str, Any] = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/run")
        return found

    def wait(self, dag_id: str, run_id: str, *states: str, timeout: float = 100, **wanted: Any) -> dict[str, Any]:
        """The task instance, once it is in one of these states (and has these fields)."""
        deadline, pause = time.monotonic() + timeout, 0.2
        seen: list[str] = []
        while True:
            task = self.task(dag_id, run_id)
            if task["state"] in states and all(task[key] == value for key, value in wanted.items()):
                return task
            if not seen or seen[-1] != task["state"]:
                seen.append(task["state"])
            if time.monotonic() > deadline or (task["state"] in {"success", "failed"} and "failed" not in states):
                raise AssertionError(
                    f"{dag_id}/{run_id} went {seen}, wanted {states} {wanted}\n"
                    f"{self.task_log(dag_id, run_id)[-6000:]}\n{self.logs()}"
                )
            time.sleep(pause)
            pause = min(0.5, pause * 1.1)

    def xcom(self, dag_id: str, run_id: str, key: str = "return_value") -> Any:
        return self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/run/xcomEntries/{key}")["value"]

    def links(self, dag_id: str, run_id: str, *, map_index: int = -1) -> dict[str, str]:
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/run/links?map_index={map_index}"
        return dict(self.call("GET", path)["extra_links"])

    def mark(self, dag_id: str, run_id: str, state: str) -> None:
        self.call("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/run", new_state=state)

    def clear(self, dag_id: str, run_id: str) -> None:
        """Clears the task, as people do it: when the DAG run of a task that has ended has ended, too.

        SQLite knows no row locks: a scheduler that just ends the DAG run would overwrite that it has to go on.
        """
        if self.task(dag_id, run_id)["state"] in {"success", "failed"}:
            deadline = time.monotonic() + 60
            while self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"] not in {"success", "failed"}:
                assert time.monotonic() < deadline, f"{dag_id}/{run_id} does not end\n{self.logs()}"
                time.sleep(0.2)
        self._clear(dag_id, dag_run_id=run_id, task_ids=["run"], dry_run=False, only_failed=False)

    def _clear(self, dag_id: str, **body: Any) -> None:
        self.call("POST", f"/dags/{dag_id}/clearTaskInstances", **body)

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + 120
        while True:
            for name, process in self._processes.items():
                assert process.poll() is None, f"airflow {name} exited {process.returncode}\n{self.logs()}"
            if self._is_up():
                return
            assert time.monotonic() < deadline, f"Airflow did not come up\n{self.logs()}"
            time.sleep(0.5)

    def _is_up(self) -> bool:
        try:
            token = self._http.get("/auth/token", timeout=5)
            if token.status_code >= 300:
                return False
            self._http.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            dags = self._http.get("/api/v2/dags", timeout=5)
            health = self._http.get("/api/v2/monitor/health", timeout=5)
        except httpx.HTTPError:
            return False
        healthy = all(health.json()[part]["status"] == "healthy" for part in ("scheduler", "triggerer"))
        known = {dag["dag_id"] for dag in dags.json().get("dags", ())}
        return healthy and self._dags <= known


def _members(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _signal_group(pid: int, number: int) -> None:
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return
