"""Fork mode: tasks as copies of a process with flytekit imported are like tasks in processes of their own, and as mortal."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from flyteidl.admin import common_pb2
from flyteidl.core import literals_pb2

from bridge_core.sandbox import Sandbox
from bridge_core.sandbox.runner.fork import Forker
from bridge_core.sandbox.runner.reaper import Reaper

from .protos import PHASE, D, P, Wire, literals, plan_id, shell_task, task_id, timed_workflow
from .test_engine import attempts_of
from .test_flytekit import PYFLYTE, start_flytekit  # noqa: F401  (a fixture)
from .test_processes import alive, log_of, only_node, pids_in, wait_until

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")


@pytest.fixture(scope="module")
def forking(start_flytekit):  # noqa: F811
    """A sandbox in fork mode that knows forked.py as version r1."""
    with Sandbox(isolation="fork", parallelism=2) as running:
        start_flytekit(running)(PYFLYTE, "register", "-p", P, "-d", D, "--version", "r1", "forked.py")
        yield running


@pytest.fixture(scope="module")
def forks(forking):
    connected = Wire(forking.endpoint)
    yield connected
    connected.close()


def zygotes():
    return {one.pid for one in psutil.Process().children() if any("zygote.py" in part for part in one.cmdline())}


def facts(wire, **spec):
    run = wire.run(task_id("forked.facts", "r1"), **spec).id
    assert wire.get(run).closure.phase == PHASE.SUCCEEDED, wire.get(run).closure.error
    return run, json.loads(wire.outputs(run)["o0"])


def with_env(name, value):
    return common_pb2.Envs(values=[literals_pb2.KeyValuePair(key=name, value=value)])


def test_a_chain_of_ten_tasks(forks):
    run = forks.run(plan_id("forked.chain", "r1"), literals(n=5)).id
    assert forks.outputs(run) == {"o0": 15}


def test_a_copy_has_what_a_fresh_process_has(forking, forks):
    run, found = facts(forks, envs=with_env("MODE", "fast"))
    assert found["parent"] in zygotes()
    assert found["group"]
    assert found["path"]
    assert found["interrupt"]
    assert found["child"]
    assert found["program"] == "pyflyte-execute"
    assert "forked.py" in found["cwd"]
    assert found["env"]["MODE"] == "fast"
    assert found["env"]["FLYTE_INTERNAL_EXECUTION_ID"] == run.name
    assert "said on stdout" in log_of(forking, run)
    _, other = facts(forks)
    assert other["random"] != found["random"]
    assert "MODE" not in other["env"]


def test_what_is_read_at_the_start_of_python_means_a_process(forks):
    _, found = facts(forks, envs=with_env("PYTHONHASHSEED", "7"))
    assert found["parent"] not in zygotes()
    assert found["env"]["PYTHONHASHSEED"] == "7"


def test_terminate_and_timeout(forks, tmp_path):
    pids = tmp_path / "pids"
    run = forks.launch(task_id("forked.leaving", "r1"), inputs=literals(pids=str(pids)))
    wait_until(lambda: len(pids_in(pids)) == 2)
    forks.terminate(run)
    assert forks.wait(run).closure.phase == PHASE.ABORTED
    wait_until(lambda: not any(map(alive, pids_in(pids))))
    pids.unlink()
    get = common_pb2.ObjectGetRequest(id=task_id("forked.leaving", "r1"))
    slow = forks.admin.GetTask(get).closure.compiled_task.template
    slow.id.version = "timed"
    closure = forks.run(timed_workflow(forks, slow, 1500), literals(pids=str(pids))).closure
    assert closure.phase == PHASE.FAILED
    assert "timeout" in closure.error.message
    assert not any(map(alive, pids_in(pids)))


def test_another_zygote_follows_one_that_died(forks):
    before = zygotes()
    run = forks.run(task_id("forked.killing_its_parent", "r1")).id
    assert forks.outputs(run) == {"o0": 7}
    first, second = attempts_of(forks, only_node(forks, run))
    assert (first.closure.phase, second.closure.phase) == (5, 3)
    assert zygotes() - before


def test_other_programs_are_started_as_processes(forks, tmp_path):
    task = shell_task("shell", f"echo $PPID > {tmp_path / 'parent'}")
    forks.register_task(task)
    assert forks.run(task.id).closure.phase == PHASE.SUCCEEDED
    assert int((tmp_path / "parent").read_text()) == os.getpid()


def test_without_flytekit_everything_is_a_process(tmp_path, caplog):
    bin_directory = tmp_path / "bin"
    bin_directory.mkdir()
    python, program = bin_directory / "python", bin_directory / "pyflyte-execute"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -S -I "$@"\n')
    program.write_text(f"#!/bin/sh\necho ran > {tmp_path / 'ran'}\n")
    for file in (python, program):
        file.chmod(0o755)
    guard = Reaper()
    forker = Forker(tmp_path, guard)
    forker.prepare(python)
    process = forker.start(
        [str(program)], python=python, cwd=tmp_path, env=dict(os.environ), log=tmp_path / "log", own=[]
    )
    assert process.wait(30) == 0
    assert (tmp_path / "ran").read_text() == "ran\n"
    assert "ModuleNotFoundError" in caplog.text
    forker.close()
    guard.close()


@pytest.mark.parametrize("isolation", ["process", "fork"])
def test_nothing_is_left_behind_by_a_server_that_is_killed(tmp_path, start_flytekit, isolation):  # noqa: F811
    pids = tmp_path / "pids"
    command = [sys.executable, "-m", "bridge_core.sandbox", "--port", "0", "--http-port", "0", "--data-dir", tmp_path]
    server = subprocess.Popen([*command, "--isolation", isolation], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        wire = Wire(server.stdout.readline().split("gRPC ")[1].split()[0])
        if isolation == "fork":
            running = type("Running", (), {"endpoint": wire.endpoint})
            start_flytekit(running)(PYFLYTE, "register", "-p", P, "-d", D, "--version", "r1", "forked.py")
            wire.launch(task_id("forked.leaving", "r1"), inputs=literals(pids=str(pids)))
        else:
            task = shell_task("leaving", f"echo $$ >> {pids}; sleep 600 & echo $! >> {pids}; wait")
            wire.register_task(task)
            wire.launch(task.id)
        wait_until(lambda: len(pids_in(pids)) == 2)
        left = [one.pid for one in psutil.Process(server.pid).children(recursive=True)]
        assert set(pids_in(pids)) <= set(left)
        wire.close()
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        wait_until(lambda: not any(map(alive, left)))
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


SLOW_SERVER = """
import sys, time
from pathlib import Path
from bridge_core.sandbox.runner.process import TaskProcess
from bridge_core.sandbox.runner.reaper import Reaper
class Slow(Reaper):
    def watch(self, group):  # as on a machine at its limit
        time.sleep(600)
pids = sys.argv[1]
script = f"echo $$ >> {pids}; sleep 600 & echo $! >> {pids}; wait"
TaskProcess(["sh", "-c", script], cwd=Path(pids).parent, env={"PATH": "/usr/bin:/bin"}, log=Path(pids + ".log"), reaper=Slow())
time.sleep(600)
"""


def test_nothing_is_left_behind_by_a_server_that_is_killed_right_after_a_task_began(tmp_path):
    """The task says itself that it begins: the server may be killed before it can."""
    pids = tmp_path / "pids"
    server = subprocess.Popen([sys.executable, "-c", SLOW_SERVER, str(pids)], cwd=ROOT)
    try:
        wait_until(lambda: len(pids_in(pids)) == 2)
    finally:
        server.kill()
        server.wait()
    wait_until(lambda: not any(map(alive, pids_in(pids))))


def test_isolation_is_checked():
    with pytest.raises(ValueError, match="thread"):
        Sandbox(isolation="thread")
