"""The real clients, unmodified: pyflyte and FlyteRemote of the installed flytekit, in processes of their own.

flytekit is kept out of this process: it installs handlers and warns, and the sandbox must not depend on it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flyteidl.admin import common_pb2

from bridge_core.sandbox import Sandbox

from .protos import NODE, PHASE, D, P, Wire, literals, plan_id, task_id
from .test_engine import nodes_of
from .test_executions import run_id

WORKFLOWS = Path(__file__).parent / "workflows"
PYFLYTE = Path(sys.executable).parent / "pyflyte"


@pytest.fixture(scope="module")
def start_flytekit(tmp_path_factory):
    """Makes a function that runs commands of flytekit against a sandbox; it returns their output, failing with them."""

    def start(sandbox):
        directory = tmp_path_factory.mktemp("flytekit")
        config = directory / "config.yaml"
        config.write_text(f"admin:\n  endpoint: dns:///{sandbox.endpoint}\n  insecure: true\n")
        env = {
            **os.environ,
            "FLYTECTL_CONFIG": str(config),
            "FLYTEKIT_IMAGE": "none:none",
            "HOME": str(directory),
            "PYTHONWARNINGS": "ignore",
        }
        env.pop("PYTHONDONTWRITEBYTECODE", None)

        def run(*command):
            result = subprocess.run(command, cwd=WORKFLOWS, env=env, capture_output=True, text=True)
            assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
            return result.stdout

        return run

    return start


@pytest.fixture(scope="module")
def sandbox():
    """Instead of the shared one: tasks of flytekit are forked, which takes a tenth of the time, and eager ones call back."""
    with Sandbox(isolation="fork", task_callbacks=True) as running:
        yield running


@pytest.fixture(scope="module")
def wire(sandbox):
    connected = Wire(sandbox.endpoint)
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def flytekit(sandbox, start_flytekit):
    """Runs a command of flytekit against this module's sandbox."""
    return start_flytekit(sandbox)


@pytest.fixture(scope="module")
def registered(flytekit):
    """more.py, registered as version r1."""
    flytekit(PYFLYTE, "register", "-p", P, "-d", D, "--version", "r1", "more.py")
    return "r1"


def python(flytekit, code):
    """Runs Python with `remote`, a FlyteRemote; returns what it printed last, as JSON."""
    prelude = (
        "import json, time\n"
        "from flytekit.configuration import Config\n"
        "from flytekit.remote import FlyteRemote\n"
        f"remote = FlyteRemote(Config.auto(), default_project={P!r}, default_domain={D!r})\n"
    )
    return json.loads(flytekit(sys.executable, "-c", prelude + code).splitlines()[-1])


def test_run_remote_and_wait(start_flytekit, fresh, connect):
    """The only one of the big ones with a process for each task, the default."""
    sandbox = fresh()
    flytekit, wire = start_flytekit(sandbox), connect(sandbox)
    model = json.dumps({"name": "m", "rate": 0.5, "layers": [7, 8]})
    out = flytekit(
        PYFLYTE,
        *("run", "--remote", "--wait", "--poll-interval", "1", "-p", P, "-d", D),
        *("shapes.py", "shapes", "--numbers", "[1,2,3]", "--model", model),
    )
    assert "has succeeded" in out
    (create,) = sandbox.calls.of("CreateExecution")
    assert create.request.spec.launch_plan.name == "shapes.shapes"
    name = out.split("executions/")[1].split()[0]
    outputs = wire.outputs_raw(run_id(name))
    assert outputs.literals["o0"].scalar.primitive.integer == 6
    assert outputs.literals["o1"].scalar.primitive.string_value == "m:0.5:7:6"
    assert Path(outputs.literals["o2"].scalar.structured_dataset.uri, "00000").exists()
    assert [one.scalar.primitive.integer for one in outputs.literals["o3"].collection.literals] == [2, 4, 6]
    assert outputs.literals["o4"].scalar.primitive.integer == 24
    assert len(nodes_of(wire, run_id(name))) == 9
    assert not Path("/root/shapes.py").exists()  # flytekit's --dest-dir, meant for a container


def test_registering_again_changes_nothing(flytekit, registered, sandbox):
    sandbox.calls.clear()
    flytekit(PYFLYTE, "register", "-p", P, "-d", D, "--version", registered, "more.py")
    codes = {
        call.code
        for method in ("CreateTask", "CreateWorkflow", "CreateLaunchPlan")
        for call in sandbox.calls.of(method)
    }
    assert codes == {"ALREADY_EXISTS"}


def test_dynamic_and_retries_through_flyte_remote(flytekit, registered, wire):
    code = (
        "plan = remote.fetch_launch_plan(name='more.dynamic_and_flaky', version='r1')\n"
        "run = remote.wait(remote.execute(plan, inputs={'n': 3}), poll_interval=1)\n"
        "print(json.dumps([run.id.name, run.outputs['o0'], run.outputs['o1'], len(run.node_executions)]))\n"
    )
    name, squares, flaky, nodes = python(flytekit, code)
    assert (squares, flaky, nodes) == ([0, 1, 4], 4, 4)
    assert set(nodes_of(wire, run_id(name), "n0")) >= {"n0-0-dn0", "n0-0-dn1", "n0-0-dn2"}


def test_user_error_terminate_and_signal_through_flyte_remote(flytekit, registered, wire):
    code = (
        "get = lambda name: remote.fetch_launch_plan(name=name, version='r1')\n"
        "failed = remote.execute(get('more.failing'), inputs={'n': 1})\n"
        "slow = remote.execute(get('more.sleeping'), inputs={'seconds': 600})\n"
        "held = remote.execute(get('more.waiting'), inputs={'n': 1})\n"
        "remote.terminate(slow, 'not needed')\n"
        "for _ in range(100):\n"
        "    try: remote.set_input('number', held.id.name, 7); break\n"
        "    except Exception: time.sleep(0.2)\n"
        "held = remote.wait(held, poll_interval=1)\n"
        "failed = remote.wait(failed, poll_interval=1)\n"
        "slow = remote.wait(slow, poll_interval=1)\n"
        "print(json.dumps([failed.closure.phase, failed.error.message, slow.closure.phase, held.outputs['o0']]))\n"
    )
    failed, message, slow, answer = python(flytekit, code)
    assert (failed, slow, answer) == (PHASE.FAILED, PHASE.ABORTED, 49)
    assert "ValueError" in message
    assert "1 is wrong" in message


def test_launch_plan_node_and_eager(flytekit, registered, wire):
    through = wire.launch(plan_id("more.through_a_plan", "r1"), inputs=literals(seconds=0))
    eager = wire.launch(task_id("more.hurry", "r1"), inputs=literals(n=2))
    assert wire.wait(through, timeout=120).closure.phase == PHASE.SUCCEEDED
    assert wire.outputs(through) == {"o0": 0}
    closure = wire.wait(eager, timeout=120).closure
    assert closure.phase == PHASE.SUCCEEDED, closure.error
    assert wire.outputs(eager) == {"o0": 16}


def test_failure_handler_gets_the_error(registered, wire, sandbox):
    run = wire.run(plan_id("more.guarded", "r1"), literals(n=3)).id
    assert wire.get(run).closure.phase == PHASE.FAILED
    nodes = nodes_of(wire, run)
    handler = next(node for node in nodes.values() if node.metadata.spec_node_id not in ("start-node", "n0"))
    assert handler.closure.phase == NODE.SUCCEEDED
    (log,) = sandbox.data_dir.glob(f"blobs/metadata/propeller/*-{run.name}/{handler.id.node_id}/data/0/task.log")
    # It is told of itself, not of the node that failed (flyte1-engine-real.md, row 11).
    assert "cleaning up after fn0" in log.read_text()
    assert "3 is wrong" in log.read_text()


def test_code_registered_without_its_source_comes_from_pythonpath(fresh, connect, start_flytekit):
    sandbox = fresh(pythonpath=[WORKFLOWS])
    flytekit = start_flytekit(sandbox)
    flytekit(PYFLYTE, "register", "-p", P, "-d", D, "--version", "r2", "--copy", "none", "more.py")
    wire = connect(sandbox)
    run = wire.run(task_id("more.square", "r2"), literals(n=5)).id
    assert wire.get(run).closure.phase == PHASE.SUCCEEDED, wire.get(run).closure.error
    assert wire.outputs(run) == {"o0": 25}


def test_versions_are_listed_for_flytekit(registered, wire):
    request = common_pb2.ResourceListRequest(
        id=common_pb2.NamedEntityIdentifier(project=P, domain=D, name="more.failing"), limit=10
    )
    assert [plan.id.version for plan in wire.admin.ListLaunchPlans(request).launch_plans] == [registered]
