"""Tasks of Flyte 2 that connectors run: the service of this library beside the sandbox, and what can go wrong between them."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from flyteidl2.task import run_pb2
from sandbox.test_connectors import Connector

from bridge_core import Client, ConnectorTask, LaunchRequest, RunPhase, RunRef

from .test_resume import Endpoint
from .wires import PHASE, D, Grpc, P, container, create, data_of, ended, unique, until

SERVER = """
import sys, threading
from bridge_core.sandbox import Sandbox
with Sandbox(data_dir=sys.argv[1], connectors=[sys.argv[2]]) as sandbox:
    print(sandbox.flyte2_endpoint, flush=True)
    threading.Event().wait()
"""
SUCCEEDED, FAILED = PHASE.ACTION_PHASE_SUCCEEDED, PHASE.ACTION_PHASE_FAILED
ABORTED, RUNNING = PHASE.ACTION_PHASE_ABORTED, PHASE.ACTION_PHASE_RUNNING


@pytest.fixture
def connector(tmp_path):
    running = Connector(tmp_path / "jobs", service="flyte-bridge").start()
    yield running
    running.kill()


@pytest.fixture
def killed(tmp_path, connector):
    """A sandbox in a process of its own; the test kills it."""
    command = [sys.executable, "-c", SERVER, str(tmp_path / "data"), connector.endpoint]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        server.endpoint = Endpoint(server.stdout.readline().strip())
        yield server
        server.kill()


@pytest.fixture
def start(connector, fresh, connect):
    """Starts a sandbox that knows the connector; its wire."""
    return lambda: connect(fresh(connectors=[connector.endpoint]))


def kill(server):
    server.kill()
    server.wait()


def job(kind="job", *, retries=0, outputs=("o0",)):
    """A task of a connector that takes and gives an integer."""
    spec = container(unique("pkg.job"), inputs=("n",), outputs=outputs, retries=retries)
    spec.task_template.ClearField("container")
    spec.task_template.type = kind
    spec.task_template.custom.SetInParent()
    return spec


def launch(wire, task, **more):
    name = unique("c")
    create(wire, name, task, {"n": 3}, **more)
    return name


def wait_until(what, seconds=30):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)
    return found


def test_a_job_from_its_creation_to_its_outputs(connector, fresh, connect):
    sandbox = fresh(connectors=[connector.endpoint])
    wire = connect(sandbox)
    spec = run_pb2.RunSpec()
    spec.envs.values.add(key="MODE", value="fast")
    task = job()
    run = launch(wire, task, run_spec=spec)
    details = until(wire, run, lambda details: details.status.phase == RUNNING)
    (attempt,) = details.attempts
    assert [event.message for event in attempt.cluster_events] == ["task submitted to K8s", "launched", "at work"]
    assert [(log.name, log.uri) for log in attempt.log_info] == [("Job", "https://jobs.example/0")]
    connector.end(0)
    assert ended(wire, run).status.phase == SUCCEEDED
    assert data_of(wire, run) == ({"n": 3}, {"o0": 6})
    seen = connector.job(0)
    assert (seen["name"], seen["execution"], seen["attempt"]) == (task.task_template.id.name, run, 0)
    assert (seen["env"]["MODE"], seen["env"]["RUN_NAME"], seen["labels"]["action"]) == ("fast", run, "a0")
    assert connector.calls("delete") == []
    with Client(sandbox.config(flyte_version=2)) as flyte:
        (link,) = flyte.logs(RunRef(P, D, run))
        assert (link.name, link.uri) == ("Job", "https://jobs.example/0")


def test_what_no_connector_runs_is_a_process_also_while_they_are_away(connector, start):
    connector.kill()
    wire = start()
    run = launch(wire, container(unique("pkg.plain"), "sh", "-c", "exit 0", inputs=("n",), outputs=()))
    until(wire, run, lambda details: details.status.phase == RUNNING)
    connector.start()


def test_who_declares_no_outputs_succeeds_without_any(connector, start):
    wire = start()
    run = launch(wire, job(outputs=()))
    wait_until(lambda: connector.calls("create"))
    connector.end(0)
    assert ended(wire, run).status.phase == SUCCEEDED


def test_a_failed_job_is_not_tried_again_and_a_retryable_one_is(connector, start):
    wire = start()
    failed = launch(wire, job(retries=1))
    wait_until(lambda: connector.calls("create") == ["0"])
    connector.end(0, "FAILED no such table")
    details = ended(wire, failed)
    assert (details.status.phase, details.status.attempts) == (FAILED, 1)
    assert details.error_info.message == "failed to run the job: no such table"
    again = launch(wire, job(retries=1))
    wait_until(lambda: connector.calls("create") == ["0", "1"])
    connector.end(1, "RETRYABLE_FAILED the node went away")
    wait_until(lambda: connector.calls("create") == ["0", "1", "2"])
    connector.end(2)
    details = ended(wire, again)
    assert (details.status.phase, details.status.attempts) == (SUCCEEDED, 2)
    assert (connector.job(1)["attempt"], connector.job(2)["attempt"]) == (0, 1)


def test_a_task_without_custom_fails_as_there(start, connector):
    wire = start()
    bare = job()
    bare.task_template.ClearField("custom")
    assert "nil Struct Object passed" in ended(wire, launch(wire, bare)).error_info.message
    assert connector.calls("create") == []


def test_tasks_of_ours_work_without_settings(connector, fresh):
    with Client(fresh(connectors=[connector.endpoint]).config(flyte_version=2)) as flyte:
        task = ConnectorTask(name="pkg.ours", task_type="job", inputs={"n": int}, outputs={"o0": int})
        (entity,) = flyte.register([task]).entities
        ref = flyte.launch(LaunchRequest(entity.ref, inputs={"n": 4}))
        wait_until(lambda: connector.calls("get"))
        connector.end(0)
        flyte.wait(ref, timeout=30).raise_for_phase()
        assert flyte.outputs(ref) == {"o0": 8}


def test_aborting_a_run_deletes_its_job(connector, fresh, connect):
    sandbox = fresh(connectors=[connector.endpoint])
    wire = connect(sandbox)
    run = launch(wire, job())
    until(wire, run, lambda details: details.status.phase == RUNNING)
    with Client(sandbox.config(flyte_version=2)) as flyte:
        flyte.abort(RunRef(P, D, run), reason="enough")
        assert flyte.wait(RunRef(P, D, run), timeout=30).phase is RunPhase.ABORTED
    wait_until(lambda: connector.calls("delete") == ["0"])


def test_a_job_that_is_not_let_go_is_asked_for_again_as_long_as_its_connector_answers(connector, start):
    wire = start()
    run = launch(wire, job())
    wait_until(lambda: connector.calls("get"))
    (connector.directory / "stuck").touch()
    wire("AbortRun", {"runId": {"project": P, "domain": D, "name": run}})
    wait_until(lambda: len(connector.calls("keep")) == 5, 40)
    assert ended(wire, run).status.phase == ABORTED  # Flyte 2 says so at once
    (connector.directory / "stuck").unlink()
    wait_until(lambda: connector.calls("delete") == ["0"])


def test_who_is_away_for_a_while_is_asked_to_delete_later(connector, start):
    wire = start()
    run = launch(wire, job())
    wait_until(lambda: connector.calls("get"))
    connector.kill()
    wire("AbortRun", {"runId": {"project": P, "domain": D, "name": run}})
    time.sleep(8)  # 4 questions, 7 s
    connector.start()
    wait_until(lambda: connector.calls("delete") == ["0"], 40)


def test_a_service_killed_after_it_made_a_job_and_before_it_said_so_makes_no_second_one(connector, start):
    wire = start()
    (connector.directory / "slow").touch()
    run = launch(wire, job())
    wait_until(lambda: connector.calls("create"))
    connector.kill()
    (connector.directory / "slow").unlink()
    connector.start()
    wait_until(lambda: connector.calls("get"))
    connector.end(0)
    assert ended(wire, run).status.phase == SUCCEEDED
    assert data_of(wire, run) == ({"n": 3}, {"o0": 6})
    assert connector.calls("create") == ["0"]


@pytest.mark.parametrize("when", ["before the answer", "before the first question", "at work"])
@pytest.mark.parametrize("both", [False, True], ids=["sandbox", "both"])
def test_one_job_though_the_sandbox_or_both_are_killed(when, both, connector, killed, start):
    wire = Grpc(killed.endpoint.flyte2_endpoint)
    if when == "before the answer":
        (connector.directory / "slow").touch()
    elif when == "before the first question":
        (connector.directory / "hold").touch()
    run = launch(wire, job())
    wait_until(lambda: connector.calls("create" if when == "before the answer" else "get"))
    kill(killed)
    if both:
        connector.kill()
    for name in ("slow", "hold"):
        (connector.directory / name).unlink(missing_ok=True)
    if both:
        connector.start()
    asked = len(connector.calls("get"))
    wire = start()
    wait_until(lambda: len(connector.calls("get")) > asked)
    connector.end(0)
    details = ended(wire, run)
    assert (details.status.phase, details.status.attempts) == (SUCCEEDED, 1)
    assert data_of(wire, run) == ({"n": 3}, {"o0": 6})
    assert connector.calls("create") == ["0"]
    assert len(list(connector.directory.glob("*.job"))) == 1


def test_killed_while_it_aborts_the_job_is_deleted_after_the_restart(connector, killed, start):
    wire = Grpc(killed.endpoint.flyte2_endpoint)
    (connector.directory / "stuck").touch()
    run = launch(wire, job())
    until(wire, run, lambda details: details.status.phase == RUNNING)
    wire("AbortRun", {"runId": {"project": P, "domain": D, "name": run}})
    wait_until(lambda: connector.calls("keep"))
    kill(killed)
    (connector.directory / "stuck").unlink()
    wire = start()
    wait_until(lambda: connector.calls("delete") == ["0"])
    assert ended(wire, run).status.phase == ABORTED
