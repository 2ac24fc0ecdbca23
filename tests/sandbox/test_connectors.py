"""Tasks that connectors run: flytekit's real connector service beside the sandbox, and what can go wrong between them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
from flyteidl.admin import common_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2
from flyteidl.core import literals_pb2, tasks_pb2
from support.forks import Forks
from support.ports import free_ports

from bridge_core import Client, RunRef
from bridge_core.sandbox import Sandbox
from bridge_core.sandbox.cli import main
from bridge_core.sandbox.console.urls import node_path

from .protos import (
    INTEGER,
    NODE,
    PHASE,
    add_node,
    add_output,
    echo_task,
    interface,
    literals,
    new_workflow,
    task_id,
    timed_workflow,
    unique,
)
from .test_arrays import LIST, array_workflow, nothing
from .test_engine import attempts_of
from .test_processes import only_node, wait_until
from .test_resume import Server

SERVERS = {
    "flytekit": Path(__file__).with_name("connector_server.py"),
    "flyte-bridge": Path(__file__).with_name("bridge_connector_server.py"),
}
TASK = core_execution_pb2.TaskExecution


class Connector:
    """A connector service in a process of its own, and the files a test steers it with."""

    def __init__(self, directory, port=0, *, service="flytekit", forks=None):
        self.directory = directory
        self.port = port
        self.service = service
        self._forks = (
            forks  # of a process that has imported what the service needs; None: a process started from nothing
        )
        directory.mkdir(exist_ok=True)

    def start(self):
        server, arguments = SERVERS[self.service], (str(self.directory), str(self.port))
        if self._forks is not None:
            output = self.directory.with_name(f"{self.directory.name}.output")
            self._pid = self._forks.start(server.read_text(), *arguments, name=str(server), folder=output)
            wait_until(lambda: (output / "out").read_text().endswith("\n") or (output / "error").read_text())
            self.port = int((output / "out").read_text() or (output / "error").read_text())
            return self
        self._process = subprocess.Popen([sys.executable, str(server), *arguments], stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline())
        return self

    def kill(self):
        if self._forks is not None:
            self._forks.kill(self._pid)
            return
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    @property
    def endpoint(self):
        return f"127.0.0.1:{self.port}"

    def end(self, job, state="SUCCEEDED"):
        """Lets a job end; written beside and renamed, a question may come at any moment."""
        part = self.directory / "part"
        part.write_text(state)
        part.rename(self.directory / f"{job}.state")

    def calls(self, kind):
        log = self.directory / "calls"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line.split()[1] for line in lines if line.split()[0] == kind]

    def job(self, number):
        return json.loads((self.directory / f"{number}.job").read_text())


@pytest.fixture(scope="module")
def services():
    """A process that has imported flytekit's service, which takes longer than all that it does in a test."""
    env = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    forks = Forks("flytekit", "flytekit.extend.backend.connector_service", env={**env, "PYTHONWARNINGS": "ignore"})
    yield forks
    forks.stop()


@pytest.fixture
def connector(services, tmp_path):
    running = Connector(tmp_path / "jobs", forks=services).start()
    yield running
    running.kill()


@pytest.fixture
def connected(connector, fresh, connect):
    return connect(fresh(connectors=[connector.endpoint]))


def task_of(kind, *, retries=0, version=0, **container):
    task = tasks_pb2.TaskTemplate(id=task_id(unique("task")), type=kind, task_type_version=version)
    task.interface.CopyFrom(interface({"n": INTEGER}, {"o0": INTEGER}))
    task.metadata.retries.retries = retries
    if container:
        task.container.MergeFrom(tasks_pb2.Container(**container))
    return task


def launch(wire, task, n=3, **spec):
    wire.register_task(task)
    return wire.launch(task.id, inputs=literals(n=n), **spec)


def test_a_job_from_its_creation_to_its_outputs(connector, fresh, connect):
    sandbox = fresh(connectors=[connector.endpoint])
    wire = connect(sandbox)
    envs = common_pb2.Envs(values=[literals_pb2.KeyValuePair(key="MODE", value="fast")])
    task = task_of("job", image="none", args=["--in", "{{.inputs.n}}", "--out", "{{.outputPrefix}}"])
    run = launch(wire, task, envs=envs, labels=common_pb2.Labels(values={"team": "a"}))
    wait_until(lambda: "0" in connector.calls("get"))
    wait_until(lambda: attempts_of(wire, only_node(wire, run))[0].closure.phase == TASK.RUNNING)
    (attempt,) = attempts_of(wire, only_node(wire, run))
    assert (attempt.closure.reason, attempt.closure.custom_info["number"]) == ("at work", 0)
    assert [reason.message for reason in attempt.closure.reasons] == ["launched", "at work"]
    connector.end(0)
    execution = wire.wait(run)
    assert execution.closure.phase == PHASE.SUCCEEDED, execution.closure.error
    assert wire.outputs(run) == {"o0": 6}
    seen = connector.job(0)
    assert (seen["name"], seen["execution"], seen["attempt"]) == (task.id.name, run.name, 0)
    assert (seen["namespace"], seen["labels"]) == ("flytesnacks-development", {"team": "a"})
    assert seen["env"] == {"MODE": "fast"}
    assert (seen["args"][1], Path(seen["args"][3]).name) == ("3", "0")
    assert connector.calls("delete") == []
    with Client(sandbox.config()) as flyte:
        (link,) = flyte.logs(RunRef(run.project, run.domain, run.name))
        assert (link.name, link.uri) == ("Job", "https://jobs.example/0")
    path = node_path(only_node(wire, run).id)
    page = httpx.get(f"{sandbox.console_url}{path}").text
    assert '<a href="https://jobs.example/0"' in page
    assert "at work" in page


def test_outputs_that_the_job_wrote_itself(connector, connected):
    run = launch(connected, task_of("filed"), n=4)
    wait_until(lambda: connector.calls("create"))
    connector.end(0)
    assert connected.wait(run).closure.phase == PHASE.SUCCEEDED
    assert connected.outputs(run) == {"o0": 8}


def test_a_failed_job_is_not_tried_again_and_a_retryable_one_is(connector, connected):
    failing = launch(connected, task_of("job", retries=3))
    wait_until(lambda: len(connector.calls("create")) == 1)
    connector.end(0, "FAILED bad query")
    error = connected.wait(failing).closure.error
    assert (error.code, error.message) == ("TaskFailedWithError", "failed to run the job: bad query")
    retried = launch(connected, task_of("job", retries=1))
    wait_until(lambda: len(connector.calls("create")) == 2)
    connector.end(1, "RETRYABLE_FAILED node lost")
    wait_until(lambda: len(connector.calls("create")) == 3)
    connector.end(2)
    assert connected.wait(retried).closure.phase == PHASE.SUCCEEDED
    first, second = attempts_of(connected, only_node(connected, retried))
    assert first.closure.error.message == "failed to run the job: node lost"
    assert (second.closure.phase, connector.job(2)["attempt"]) == (TASK.SUCCEEDED, 1)
    aborted = launch(connected, task_of("job", retries=1))
    wait_until(lambda: len(connector.calls("create")) == 4)
    connector.end(3, "ABORTED")
    assert connected.wait(aborted).closure.error.message == "failed to run the job with aborted phase."
    assert connector.calls("delete") == []


def test_a_connector_that_refuses_a_task_fails_it(connector, connected):
    (connector.directory / "refuse").touch()
    error = connected.wait(launch(connected, task_of("job", retries=1))).closure.error
    assert error.code == "RetriesExhausted|TaskFailedWithError"
    assert error.message.startswith(
        "[2/2] currentAttempt done. Last Error: USER::failed to create task from connector: "
    )
    assert "no quota left" in error.message


def test_aborting_a_run_deletes_its_job(connector, connected):
    run = launch(connected, task_of("job"))
    wait_until(lambda: connector.calls("get"))
    connected.terminate(run)
    assert connected.wait(run).closure.phase == PHASE.ABORTED
    assert connector.calls("delete") == ["0"]
    assert attempts_of(connected, only_node(connected, run))[0].closure.phase == TASK.ABORTED


def test_a_job_that_takes_too_long_is_deleted(connector, connected):
    error = connected.run(timed_workflow(connected, task_of("job"), 500), literals(n=3)).closure.error
    assert error.code == "RetriesExhausted|TimeoutExpired"
    assert connector.calls("delete") == ["0"]
    patient = timed_workflow(connected, task_of("job", retries=5), 500)
    assert connected.run(patient, literals(n=3)).closure.error.code == "Timeout"
    assert connector.calls("delete") == ["0", "1", "2"]


def test_sync_connectors_answer_at_once(connector, connected):
    task = task_of("ask", retries=2)
    run = launch(connected, task)
    assert connected.wait(run).closure.phase == PHASE.SUCCEEDED
    assert connected.outputs(run) == {"o0": 4}
    error = connected.wait(connected.launch(task.id, inputs=literals(n=-1))).closure.error
    assert error.message == "failed to run the job: n is negative"
    assert connector.calls("do") == [task.id.name] * 2


def test_nobody_there_is_a_failure_of_the_system(fresh, connect):
    wire = connect(fresh(connectors=[f"job=127.0.0.1:{free_ports(1)[0]}"]))
    run = launch(wire, task_of("job"))
    error = wire.wait(run).closure.error
    assert error.code == "RetriesExhausted|ConnectorUnavailable"
    assert error.message.startswith(
        "[3/3] currentAttempt done. Last Error: SYSTEM::failed to create task from connector: "
    )
    assert "UNAVAILABLE" in error.message
    attempts = attempts_of(wire, only_node(wire, run))
    assert [attempt.closure.error.kind for attempt in attempts] == [core_execution_pb2.ExecutionError.SYSTEM] * 4


def test_a_connector_may_come_late(fresh, connect, tmp_path):
    late = Connector(tmp_path / "jobs", free_ports(1)[0], service="flyte-bridge")  # flytekit's takes seconds to start
    wire = connect(fresh(connectors=[late.endpoint]))
    run = launch(wire, task_of("ask"))
    wait_until(lambda: len(attempts_of(wire, only_node(wire, run))) > 1)
    late.start()
    try:
        assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    finally:
        late.kill()


def test_a_connector_may_go_and_come_back(connector, connected):
    run = launch(connected, task_of("job"))
    wait_until(lambda: connector.calls("get"))
    connector.kill()
    wait_until(lambda: "UNAVAILABLE" in attempts_of(connected, only_node(connected, run))[0].closure.reason)
    connector.end(0)
    connector.start()
    assert connected.wait(run).closure.phase == PHASE.SUCCEEDED
    assert connector.calls("create") == ["0"]


def test_a_job_that_cannot_be_asked_for_ends_its_attempt_and_is_not_doubled(connector, connected):
    (connector.directory / "broken").touch()
    run = launch(connected, task_of("job", retries=3))
    error = connected.wait(run, timeout=90).closure.error
    assert (error.code, error.kind) == ("AutoRefreshCacheFailed", core_execution_pb2.ExecutionError.SYSTEM)
    assert "6 times in a row" in error.message
    assert "the warehouse is down" in error.message
    assert connector.calls("create") == ["0"]


@pytest.fixture
def server(tmp_path, connector):
    running = Server(tmp_path / "data", "--connector", connector.endpoint)
    yield running
    running.kill()


def test_killed_before_the_first_answer_the_same_job_is_asked_for_again(connector, server):
    (connector.directory / "hold").touch()
    wire = server.start()
    run = launch(wire, task_of("job"))
    wait_until(lambda: connector.calls("get"))  # asked for, and no answer came
    server.kill()
    (connector.directory / "hold").unlink()
    connector.end(0)
    wire = server.start()
    execution = wire.wait(run)
    assert execution.closure.phase == PHASE.SUCCEEDED, execution.closure.error
    assert wire.outputs(run) == {"o0": 6}
    assert connector.calls("create") == ["0"]
    (attempt,) = attempts_of(wire, only_node(wire, run))
    assert attempt.closure.phase == TASK.SUCCEEDED


def test_both_killed_between_creation_and_answer_there_is_one_job(connector, server):
    (connector.directory / "hold").touch()
    wire = server.start()
    run = launch(wire, task_of("job"))
    wait_until(lambda: connector.calls("get"))
    server.kill()
    connector.kill()
    (connector.directory / "hold").unlink()
    connector.end(0)
    connector.start()
    wire = server.start()
    execution = wire.wait(run)
    assert execution.closure.phase == PHASE.SUCCEEDED, execution.closure.error
    assert connector.calls("create") == ["0"]


def test_stopped_while_a_job_is_created_it_is_not_created_twice(connector, fresh, connect):
    sandbox = fresh(connectors=[connector.endpoint])
    wire = connect(sandbox)
    (connector.directory / "slow").touch()
    run = launch(wire, task_of("job"))
    wait_until(lambda: connector.calls("create"))
    stopping = threading.Thread(target=sandbox.stop, kwargs={"keep_data": True})
    port = sandbox.http_port
    stopping.start()
    wait_until(lambda: not listens(port))
    (connector.directory / "slow").unlink()
    stopping.join()
    connector.end(0)
    wire = connect(sandbox.start())
    assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
    assert connector.calls("create") == ["0"]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_killed_while_it_aborts_the_job_is_deleted_after_the_restart(connector, server):
    wire = server.start()
    run = launch(wire, task_of("job"))
    wait_until(lambda: connector.calls("get"))
    (connector.directory / "stuck").touch()
    wire.terminate(run)
    wait_until(lambda: connector.calls("keep"))  # it does not let go; the sandbox is killed before it asks once more
    server.kill()
    (connector.directory / "stuck").unlink()
    assert connector.calls("delete") == []
    wire = server.start()
    assert wire.get(run).closure.phase == PHASE.ABORTED
    wait_until(lambda: connector.calls("delete"))


def test_a_job_that_is_not_let_go_is_asked_for_again_as_long_as_its_connector_answers(connector, connected):
    run = launch(connected, task_of("job"))
    wait_until(lambda: connector.calls("get"))
    (connector.directory / "stuck").touch()
    connected.terminate(run)
    wait_until(lambda: len(connector.calls("keep")) == 5, 40)
    assert connected.get(run).closure.phase == PHASE.ABORTING
    (connector.directory / "stuck").unlink()
    assert connected.wait(run).closure.phase == PHASE.ABORTED
    assert connector.calls("delete") == ["0"]


def test_who_is_away_for_a_while_is_asked_to_delete_later_also_by_the_next_sandbox(connector, server):
    wire = server.start()
    first, second = (launch(wire, task_of("job")) for _ in range(2))
    wait_until(lambda: set(connector.calls("get")) == {"0", "1"})
    connector.kill()
    for run in (first, second):  # a run does not wait for ever for who may be gone for good
        wire.terminate(run)
    for run in (first, second):
        assert wire.wait(run, timeout=60).closure.phase == PHASE.ABORTED
    server.kill()
    connector.start()
    wire = server.start()
    wait_until(lambda: sorted(connector.calls("delete")) == ["0", "1"], 40)
    third = launch(wire, task_of("job"))
    wait_until(lambda: "2" in connector.calls("get"))
    connector.kill()
    wire.terminate(third)
    assert wire.wait(third, timeout=60).closure.phase == PHASE.ABORTED
    connector.start()
    wait_until(lambda: sorted(connector.calls("delete")) == ["0", "1", "2"], 40)


def test_types_that_no_connector_knows(connector, connected):
    unknown = connected.wait(launch(connected, task_of("sql"))).closure.error
    assert unknown.code == "UnsupportedBySandbox"
    other = connected.wait(launch(connected, task_of("versioned", version=1))).closure.error
    assert "version 1 of task type 'versioned'; there is one for: 2" in other.message
    run = launch(connected, task_of("versioned", version=2))
    wait_until(lambda: connector.calls("create"))
    connector.end(0)
    assert connected.wait(run).closure.phase == PHASE.SUCCEEDED


def test_what_has_a_container_and_no_connector_is_a_process(connected):
    task = task_of("spark", image="none", command=["/bin/sh", "-c", "exit 7"])
    assert "terminated with exit code (7)" in connected.wait(launch(connected, task)).closure.error.message


def test_connector_tasks_in_workflows_and_not_in_arrays(connector, connected):
    first, second = task_of("ask"), echo_task(unique("echo"), {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(unique("wf"), {"n": INTEGER}, {"o0": INTEGER})
    add_node(template, "n0", first, n=("", "n"))
    add_node(template, "n1", second, n=("n0", "o0"))
    add_output(template, "o0", "n1", "o0")
    run = connected.run(connected.register(template, tasks=[first, second]), literals(n=1)).id
    assert connected.outputs(run) == {"o0": 2}
    task = task_of("ask")
    for variables in (task.interface.inputs.variables, task.interface.outputs.variables):
        for variable in variables.values():
            variable.type.CopyFrom(LIST)
    run = connected.run(
        connected.register(array_workflow(connected, task, nothing, ["n"]), tasks=[task]), literals(n=[1])
    )
    assert "FlytePropeller runs no such task in an array node" in run.closure.error.message
    assert only_node(connected, run.id).closure.phase == NODE.FAILED


def test_a_connector_for_one_test(connector, flyte_sandbox, connect):
    flyte_sandbox.connectors.add(connector.endpoint)
    wire = connect(flyte_sandbox)
    assert wire.wait(launch(wire, task_of("ask"))).closure.phase == PHASE.SUCCEEDED


@pytest.mark.parametrize(
    "text", ["here", ":80", "job=", "job=host", "host:port", "container=127.0.0.1:80", "http://h:1"]
)
def test_connectors_that_cannot_be(text, capsys):
    with pytest.raises(ValueError, match="connector"):
        Sandbox(connectors=[text])
    assert main(["--port", "0", "--http-port", "0", "--connector", text]) == 2
    assert text in capsys.readouterr().err
