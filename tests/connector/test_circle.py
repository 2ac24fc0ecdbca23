"""A flytekit workflow with a DAG of a real Airflow and a job of a real Dagster as tasks, and the circle through all three.

The connector service is a process of its own, as it is deployed; jobs are counted in Airflow and in Dagster.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.ports import free_ports

sys.path.insert(0, str(Path(__file__).parents[1] / "airflow"))
sys.path.insert(0, str(Path(__file__).parents[1] / "dagster"))
from airflow_home import AirflowHome
from airflow_stack import AirflowStack
from dagster_support import Home, served

from bridge_core import Client, ConnectorTask, LaunchRequest, RunPhase
from bridge_core.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
AIRFLOW, DAGSTER, EXAMPLES = ROOT / "tests" / "airflow", ROOT / "tests" / "dagster", ROOT / "examples"
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]  # Airflow, Dagster and flytekit, side by side


class Service:
    """``flyte-bridge connector serve`` where both are configured."""

    def __init__(self, airflow, dagster, log):
        (self.port,) = free_ports(1)
        self.log = log
        self._env = os.environ | {
            "FLYTE_BRIDGE_AIRFLOW_URL": airflow,
            "FLYTE_BRIDGE_DAGSTER_URL": dagster,
            "_FSEC_AIRFLOW_USERNAME": "admin",
            "_FSEC_AIRFLOW_PASSWORD": "canary-0f-airfl0w",
        }

    def start(self):
        command = [sys.executable, "-m", "bridge_core.cli", "connector", "serve", "--port", str(self.port)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, env=self._env, stdout=log, stderr=log)

    def kill(self):
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("circle")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="module")
def airflow(root, sandbox):
    dags = root / "dags"
    dags.mkdir()
    for file in (EXAMPLES / "airflow_circle.py", AIRFLOW / "dags" / "connector_dags.py"):
        shutil.copy(file, dags)
    port, worker, trigger = free_ports(3)
    home = AirflowHome(root / "airflow", sandbox, dags=dags, port=port, ports={"worker": worker, "trigger": trigger})
    home.root.mkdir()
    home.migrate()
    with AirflowStack(home, dags={"circle", "load", "connected"}) as stack:
        yield stack


@pytest.fixture(scope="module")
def folder(root):
    (root / "jobs").mkdir()
    return root / "jobs"


@pytest.fixture(scope="module")
def dagster(root, folder):
    path = f"{DAGSTER}{os.pathsep}{EXAMPLES}"
    home = Home(root / "dagster", "", "", TEST_CONNECTOR_FOLDER=str(folder), PYTHONPATH=path)
    with served(home, modules=("dagster_daily_report", "connector_defs")) as webserver:
        yield webserver


@pytest.fixture(scope="module")
def service(root, airflow, dagster, sandbox):
    running = Service(f"http://127.0.0.1:{airflow.home.port}", dagster.url, root / "service.log")
    running.start()
    sandbox.connectors.add(f"127.0.0.1:{running.port}")
    yield running
    running.kill()
    assert "canary-0f-airfl0w" not in running.log.read_text()


@pytest.fixture(scope="module")
def flyte(service, sandbox, root):
    source = root / "source"
    source.mkdir()
    for file in (EXAMPLES / "flytekit_connector_tasks.py", ROOT / "tests" / "connector" / "circle_workflow.py"):
        shutil.copy(file, source)
    with Client(sandbox.config()) as client:
        client.register(str(source), source_root=str(source))
        yield client


class Jobs:
    """What there is of one DAG and in Dagster, beside what there was."""

    def __init__(self, airflow, dagster, dag_id="connected"):
        self._airflow, self._dagster, self._dag = airflow, dagster, dag_id
        self._before = set(self._all())

    def _all(self):
        runs = self._airflow.call("GET", f"/dags/{self._dag}/dagRuns?limit=100")["dag_runs"]
        return [("dag", run["dag_run_id"]) for run in runs] + [("job", run["runId"]) for run in self._dagster.runs()]

    def new(self):
        return sorted(set(self._all()) - self._before)

    def states(self):
        found = {}
        for kind, name in self.new():
            if kind == "dag":
                found[kind] = self._airflow.call("GET", f"/dags/{self._dag}/dagRuns/{name}")["state"]
            else:
                found[kind] = self._dagster.run(name)["status"]
        return found

    def hold(self):
        """Once both are at work."""
        until(lambda: self.states() == {"dag": "running", "job": "STARTED"}, lambda: f"both at work: {self.states()}")
        return self.new()


def until(what, label, seconds=150):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"not within {seconds} s: {label() if callable(label) else label}"
        time.sleep(0.5)
    return found


@pytest.fixture(scope="module")
def release(airflow, folder):
    """Lets jobs that wait go on."""

    def touch(made):
        for kind, name in made:
            (airflow.home.root if kind == "dag" else folder).joinpath(f"{name}.go").touch()

    return touch


@pytest.fixture(scope="module")
def flyte2(service, sandbox):
    with Client(sandbox.config(flyte_version=2)) as client:
        yield client


def launch(flyte, n):
    return flyte.launch(LaunchRequest("workflow:circle_workflow.both", inputs={"day": "2026-11-28", "n": n}))


def test_the_circle(airflow, dagster, flyte):
    jobs = Jobs(airflow, dagster, "load")
    airflow.call("POST", "/dags/circle/dagRuns", dag_run_id="c1", logical_date=None, conf={"day": "2026-11-28"})
    state = until(
        lambda: (
            state if (state := airflow.call("GET", "/dags/circle/dagRuns/c1")["state"]) in ("success", "failed") else ""
        ),
        "the circle",
        seconds=240,
    )
    assert state == "success", airflow.task_log("circle", "c1")[-4000:]
    xcom = airflow.call("GET", "/dags/circle/dagRuns/c1/taskInstances/back/xcomEntries/return_value")["value"]
    assert xcom == len("2026-11-28") * 10 * 2
    assert sorted(kind for kind, _ in jobs.new()) == ["dag", "job"]


def test_outputs_of_both_are_used_by_the_next_task(airflow, dagster, flyte):
    jobs = Jobs(airflow, dagster)
    ref = launch(flyte, 4)
    flyte.wait(ref, timeout=200).raise_for_phase()
    assert flyte.outputs(ref)["o0"] == 40 + 40 + 1
    assert sorted(kind for kind, _ in jobs.new()) == ["dag", "job"]


def test_an_abort_stops_both(airflow, dagster, flyte):
    jobs = Jobs(airflow, dagster)
    ref = launch(flyte, 0)
    jobs.hold()
    flyte.abort(ref, reason="enough")
    assert flyte.wait(ref, timeout=100).phase is RunPhase.ABORTED
    until(lambda: jobs.states() == {"dag": "failed", "job": "CANCELED"}, jobs.states)


def test_one_of_each_though_the_service_is_killed(airflow, dagster, flyte, service, release):
    jobs = Jobs(airflow, dagster)
    ref = launch(flyte, 0)
    made = jobs.hold()
    service.kill()
    release(made)
    service.start()
    flyte.wait(ref, timeout=200).raise_for_phase()
    assert flyte.outputs(ref)["o0"] == 1
    assert jobs.new() == made
    assert len(made) == 2


def test_the_same_from_flyte_2(airflow, dagster, flyte2, service, release):
    jobs = Jobs(airflow, dagster)
    tasks = [
        ConnectorTask(
            name="circle2.connected",
            task_type="airflow_dag",
            custom={"dag_id": "connected", "outputs": {"rows": "count"}},
            inputs={"day": str, "n": int},
            outputs={"rows": int},
        ),
        ConnectorTask(
            name="circle2.reported",
            task_type="dagster_job",
            custom={
                "job": "report_job",
                "run_config": {"ops": {"report": {"config": {"day": "{{inputs.day}}", "n": "{{inputs.n}}"}}}},
            },
            inputs={"day": str, "n": int},
            outputs={"rows": int},
        ),
    ]
    entities = flyte2.register(tasks).entities
    refs = [flyte2.launch(LaunchRequest(one.ref, inputs={"day": "x", "n": 0})) for one in entities]
    made = jobs.hold()
    service.kill()
    release(made)
    service.start()
    for ref in refs:
        flyte2.wait(ref, timeout=200).raise_for_phase()
        assert flyte2.outputs(ref) == {"rows": 0}
    assert jobs.new() == made
    refs = [flyte2.launch(LaunchRequest(one.ref, inputs={"day": "y", "n": 0})) for one in entities]
    until(lambda: len(jobs.new()) == 4, "both once more")
    for ref in refs:
        flyte2.abort(ref, reason="enough")
    new = set(jobs.new()) - set(made)
    until(lambda: _state(airflow, dagster, new) == {"failed", "CANCELED"}, lambda: _state(airflow, dagster, new))


def _state(airflow, dagster, runs):
    return {
        airflow.call("GET", f"/dags/connected/dagRuns/{name}")["state"]
        if kind == "dag"
        else dagster.run(name)["status"]
        for kind, name in runs
    }
