"""Tasks that run through their connector without Flyte, and what stops them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from flyteidl.core import literals_pb2

from bridge_core import (
    ConnectorTask,
    ContainerTask,
    LiteralError,
    NotFound,
    RunAborted,
    RunFailed,
    RunTimedOut,
    Unavailable,
)
from bridge_core.connector import (
    AsyncConnector,
    ConnectorNotFound,
    ConnectorRegistry,
    Resource,
    TaskExecutionMetadata,
    TaskPhase,
    run_connector_task,
)
from bridge_core.connector.conversion import template_of
from bridge_core.registration.native import task_spec
from bridge_core.testing import check_connector

from .factory import Ask, Careless, Job, Works, task

QUICK = {"poll_interval": 0.02}


class Ends(Works):
    """Ends a job by itself, after some looks."""

    looks = 0
    end = TaskPhase.SUCCEEDED

    async def get(self, resource_meta: Job, **_) -> Resource:
        self.looks += 1
        if self.looks == 3:
            self.factory.jobs[resource_meta.key] = self.end
        return await super().get(resource_meta)


def test_outputs_and_progress(factory, capfd):
    found = run_connector_task(task("work", outputs={"o0": float}), {"n": 2}, connector=Ends(factory), **QUICK)
    assert found == {"o0": 4.0}
    lines = capfd.readouterr().err.splitlines()
    assert lines == [
        "job: https://jobs.example/1",
        "work tests.work: RUNNING (at work)",
        "work tests.work: SUCCEEDED (at work)",
    ]


class Hidden(Ends):
    """Cannot be asked at first."""

    away = 5

    async def get(self, resource_meta: Job, **_) -> Resource:
        self.away -= 1
        if self.away >= 0:
            raise Unavailable("the warehouse does not answer")
        return await super().get(resource_meta)


def test_a_job_that_cannot_be_asked_for_goes_on(factory):
    assert run_connector_task(task("work"), {"n": 2}, connector=Hidden(factory), progress=False, **QUICK) == {"o0": 4}
    assert factory.deleted == []
    gone = Hidden(factory)
    gone.away = 6
    with pytest.raises(Unavailable, match="the warehouse does not answer"):
        run_connector_task(task("work"), {"n": 2}, connector=gone, progress=False, **QUICK)
    never = Hidden(factory)
    never.away = 10**9
    with pytest.raises(RunTimedOut, match=r"not known to have ended after 0\.1 s, and was deleted"):
        run_connector_task(task("work"), {"n": 2}, connector=never, progress=False, timeout=0.1, poll_interval=0.03)
    assert len(factory.deleted) == 1


def test_sync_connectors_and_the_registry(capfd):
    registry = ConnectorRegistry(Ask())
    assert run_connector_task(task("ask"), {"n": 2}, registry=registry, progress=False) == {"o0": 3}
    assert capfd.readouterr().err == ""
    with pytest.raises(RunFailed, match="n is negative"):
        run_connector_task(task("ask"), {"n": -2}, registry=registry, progress=False)
    with pytest.raises(ConnectorNotFound, match="other_v0"):
        run_connector_task(task("other"), {"n": 2}, registry=registry)


def test_values_are_checked_as_flyte_would(factory):
    with pytest.raises(LiteralError, match=r"inputs\.n"):
        run_connector_task(task("work"), {"n": "x"}, connector=Ends(factory))
    with pytest.raises(LiteralError, match=r"inputs\.n: missing; inputs\.m: unknown input"):
        run_connector_task(task("work"), {"m": 1}, connector=Ends(factory))
    with pytest.raises(LiteralError, match=r"outputs\.o1: missing"):
        run_connector_task(
            task("work", outputs={"o1": int}), {"n": 1}, connector=Ends(factory), progress=False, **QUICK
        )
    assert factory.deleted == []


def test_failed_and_aborted_jobs(factory):
    failing = Ends(factory)
    failing.end = TaskPhase.FAILED
    with pytest.raises(RunFailed, match=r"FAILED: at work\. job: https://jobs.example/1") as caught:
        run_connector_task(task("work"), {"n": 1}, connector=failing, progress=False, **QUICK)
    assert caught.value.resource.phase is TaskPhase.FAILED
    aborted = Ends(factory)
    aborted.end = TaskPhase.ABORTED
    with pytest.raises(RunAborted):
        run_connector_task(task("work"), {"n": 1}, connector=aborted, progress=False, **QUICK)


def test_time_runs_out(factory):
    with pytest.raises(RunTimedOut, match=r"still RUNNING after 0\.2 s, and was deleted"):
        run_connector_task(task("work", timeout=0.2), {"n": 1}, connector=Works(factory), progress=False, **QUICK)
    (key,) = factory.jobs
    assert factory.deleted == [key]


class Writes(AsyncConnector[Job]):
    """Its job leaves outputs.pb, or not."""

    task_type_name = "raw-container"
    metadata_type = Job

    def __init__(self, *, leaves: bool) -> None:
        super().__init__()
        self.leaves = leaves

    def create(self, task_template, output_prefix, inputs):
        self.args = task_template.container.args
        assert Path(output_prefix, "inputs.pb").exists()
        if self.leaves:
            outputs = literals_pb2.LiteralMap()
            outputs.literals["o0"].scalar.primitive.integer = inputs["n"]
            Path(output_prefix, "outputs.pb").write_bytes(outputs.SerializeToString())
        return Job("1")

    def get(self, resource_meta):
        return Resource("done")

    def delete(self, resource_meta):
        raise AssertionError("nobody wanted that")


def test_outputs_that_the_job_wrote(tmp_path):
    container = ContainerTask(
        name="a.b", image="i", arguments=("{{.input}}", "{{.outputPrefix}}"), inputs={"n": int}, outputs={"o0": int}
    )
    template = template_of(task_spec(container).template)
    writes = Writes(leaves=True)
    assert run_connector_task(template, {"n": 5}, connector=writes, output_prefix=str(tmp_path), progress=False) == {
        "o0": 5
    }
    assert writes.args == (f"{tmp_path}/inputs.pb", str(tmp_path))
    with pytest.raises(NotFound, match=r"wrote none: .*outputs\.pb is not there"):
        run_connector_task(template, {"n": 5}, connector=Writes(leaves=False), progress=False)


HELD = """
import os, sys
from pathlib import Path
from dataclasses import dataclass
from bridge_core import ConnectorTask
from bridge_core.connector import AsyncConnector, Resource, ResourceMeta, run_connector_task

@dataclass(frozen=True)
class Meta(ResourceMeta):
    path: str

class Held(AsyncConnector):
    task_type_name, metadata_type = "held", Meta
    def create(self, **_):
        return Meta(sys.argv[1])
    def get(self, resource_meta):
        Path(resource_meta.path, "asked").touch()
        return Resource("running")
    async def delete(self, resource_meta):
        Path(resource_meta.path, "deleted").touch()

run_connector_task(ConnectorTask(name="a", task_type="held"), connector=Held(), poll_interval=0.05)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, -signal.SIGINT), (signal.SIGTERM, 128 + signal.SIGTERM)])
def test_signals_delete_the_job_and_end_the_program(tmp_path, number, code):
    process = subprocess.Popen([sys.executable, "-c", HELD, str(tmp_path)], stderr=subprocess.PIPE)
    while not (tmp_path / "asked").exists():
        assert process.poll() is None
    process.send_signal(number)
    process.communicate(timeout=30)
    assert process.returncode == code
    assert (tmp_path / "deleted").exists()


def test_the_kit_passes_a_good_connector_and_names_every_fault_of_a_bad_one(factory):
    def finish(meta):
        factory.jobs[meta.key] = TaskPhase.SUCCEEDED

    def check(connector):
        check_connector(
            connector, task(connector.task_type_name), {"n": 1}, count=lambda: len(factory.jobs), finish=finish,
            unknown=Job("nobody"), poll_interval=0.01,
        )  # fmt: skip

    check(Works(factory))
    with pytest.raises(AssertionError) as caught:
        check(Careless(factory))
    said = str(caught.value)
    for part in (
        "three creates of one task made 3 jobs; wanted 1",
        "creates of one task gave different metas",
        "outputs.o0: missing",
        "delete of a job that was deleted before raised ValueError",
        "get of a job that is not there answered FAILED; wanted JobNotFound",
    ):
        assert part in said


def test_the_command_serves_modules_and_stops_in_good_order(tmp_path):
    (tmp_path / "served.py").write_text("from connector.factory import Ask\nCONNECTORS = [Ask()]\n")
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "bridge_core.cli", "--log-format", "json", "connector"]
    listed = subprocess.run(
        [*command, "list", "--module", "served", "--no-installed", "--output", "json"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(listed.stdout) == [{"name": "Ask", "is_sync": True, "task_types": ["ask_v0"]}]
    process = subprocess.Popen(
        [*command, "serve", "--module", "served", "--port", "0", "--http-port", "0"],
        cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    line = process.stdout.readline()
    assert line.startswith("connectors on 127.0.0.1:")
    assert "/metrics" in line
    process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=30)
    assert process.returncode == 0
    assert [json.loads(entry)["message"] for entry in log.splitlines()][-1].startswith("the connector server stops")
    for wrong, part in (
        (["--module", "nothing_like_it"], "cannot be imported"),
        (["--no-installed"], "no connector to serve"),
        (["--module", "served", "--tls-cert", "x"], "go together"),
    ):
        failed = subprocess.run([*command, "serve", *wrong], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert failed.returncode == 2
        assert part in failed.stderr


def test_a_local_run_that_is_named_is_found_again(factory):
    whose = TaskExecutionMetadata.of("p", "d", "nightly")
    for _ in range(2):
        run_connector_task(
            task("work"), {"n": 1}, connector=Ends(factory), task_execution_metadata=whose, progress=False, **QUICK
        )
    assert len(factory.jobs) == 1


def test_tasks_that_are_none(factory):
    with pytest.raises(Exception, match="wanted a ConnectorTask, a TaskTemplate"):
        run_connector_task("work", connector=Works(factory))
    with pytest.raises(Exception, match="task_type must be a text"):
        ConnectorTask(name="a", task_type="")
