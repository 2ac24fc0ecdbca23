"""Task attempts as processes, with /bin/sh instead of flytekit: environment, results, retries, ending them."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from flyteidl.admin import common_pb2
from flyteidl.core import errors_pb2, literals_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2

from .protos import (
    INTEGER,
    NODE,
    PHASE,
    STRING,
    TASK,
    Wire,
    add_node,
    literals,
    new_workflow,
    shell_task,
    timed_workflow,
    unique,
)
from .test_engine import attempts_of, nodes_of


def write_message(tmp_path, message):
    """A file with a serialised message, for a script to copy."""
    path = tmp_path / f"{unique('message')}.pb"
    path.write_bytes(message.SerializeToString())
    return path


def run_script(wire, script, inputs=None, *, task_inputs=None, outputs=None, retries=0, **spec):
    task = shell_task(unique("shell"), script, task_inputs, outputs, retries)
    wire.register_task(task)
    return wire.run(task.id, inputs, **spec)


def only_node(wire, run):
    """The node of a run of one task, once it has begun."""

    def found():
        return [node for name, node in nodes_of(wire, run).items() if name not in ("start-node", "end-node")]

    wait_until(found)
    return found()[0]


def log_of(sandbox, run):
    (log,) = sandbox.data_dir.glob(f"blobs/metadata/propeller/*-{run.name}/*/data/*/task.log")
    return log.read_text()


def wait_until(condition, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_outputs_are_read_from_the_output_prefix(wire, tmp_path):
    outputs = write_message(tmp_path, literals(o0=5))
    run = run_script(wire, f"cp {outputs} {{{{.outputPrefix}}}}/outputs.pb", outputs={"o0": INTEGER}).id
    assert wire.outputs(run) == {"o0": 5}
    node = only_node(wire, run)
    (attempt,) = attempts_of(wire, node)
    assert attempt.closure.logs[0].uri.endswith(f"/executions/{run.name}/nodes/{node.id.node_id}#logs")


def test_environment_templates_and_inputs(wire, sandbox):
    script = (
        "echo name={{.inputs.who}} id=$FLYTE_INTERNAL_EXECUTION_ID task=$FLYTE_INTERNAL_TASK_NAME "
        "attempt=$FLYTE_ATTEMPT_NUMBER url=$FLYTE_PLATFORM_URL mode=$MODE cwd=$PWD bytecode=[$PYTHONDONTWRITEBYTECODE] "
        "prev='{{.prevCheckpointPrefix}}'; test -s {{ $input }} && echo inputs are there; ls"
    )
    envs = common_pb2.Envs(values=[literals_pb2.KeyValuePair(key="MODE", value="fast")])
    run = run_script(wire, script, literals(who="Ada"), task_inputs={"who": STRING}, envs=envs).id
    log = log_of(sandbox, run)
    assert wire.get(run).closure.phase == PHASE.SUCCEEDED, log
    for part in (
        "name=Ada",
        f"id={run.name}",
        "attempt=0",
        "url= ",  # as on a cluster, where nobody tells tasks (flyte1-engine-real.md, row 24)
        "mode=fast",
        "bytecode=[]",
        'prev=""',
        "inputs are there",
    ):
        assert part in log
    work = next(word for word in log.split() if word.startswith("cwd=")).removeprefix("cwd=")
    assert Path(work).is_relative_to(sandbox.data_dir)
    assert not Path(work).exists()


def test_tasks_are_told_where_to_call_back_when_asked_to(fresh, connect):
    sandbox = fresh(task_callbacks=True)
    run = run_script(connect(sandbox), "echo url=$FLYTE_PLATFORM_URL run=$FLYTE_EXECUTION_URL").id
    assert f"url={sandbox.endpoint} run={sandbox.console_url}/console/" in log_of(sandbox, run)


def test_error_document_wins_over_outputs_and_exit_code(wire, tmp_path):
    document = errors_pb2.ErrorDocument()
    document.error.code, document.error.message = "USER:ValueError", "negative"
    document.error.kind = errors_pb2.ContainerError.NON_RECOVERABLE
    error = write_message(tmp_path, document)
    outputs = write_message(tmp_path, literals_pb2.LiteralMap())
    prefix = "{{.outputPrefix}}"
    script = f"cp {error} {prefix}/error.pb; cp {outputs} {prefix}/outputs.pb"
    closure = run_script(wire, script, retries=3).closure
    assert (closure.phase, closure.error.code, closure.error.message) == (PHASE.FAILED, "USER:ValueError", "negative")


def test_an_error_of_a_kind_that_nobody_knows_still_ends_the_run(wire, tmp_path):
    """proto3 enums are open: a task built against a newer flyteidl may write such a number."""
    document = errors_pb2.ErrorDocument()
    document.error.code, document.error.origin = "Odd", 99
    error = write_message(tmp_path, document)
    closure = run_script(wire, f"cp {error} {{{{.outputPrefix}}}}/error.pb").closure
    assert (closure.phase, closure.error.code) == (PHASE.FAILED, "Odd")


def test_recoverable_failures_are_retried(wire, tmp_path):
    seen = tmp_path / "seen"
    script = f"echo x >> {seen}; test $FLYTE_ATTEMPT_NUMBER = 2"
    run = run_script(wire, script, retries=2)
    assert run.closure.phase == PHASE.SUCCEEDED
    assert seen.read_text() == "x\n" * 3
    phases = [attempt.closure.phase for attempt in attempts_of(wire, only_node(wire, run.id))]
    assert phases == [5, 5, 3]  # FAILED, FAILED, SUCCEEDED
    closure = run_script(wire, "exit 1", retries=1).closure
    assert closure.error.code == "RetriesExhausted|Interrupted"
    # A pod that failed without a word is the system's fault, which has three retries of its own (pod_helper.go:1252-1258).
    start = "[3/3] currentAttempt done. Last Error: SYSTEM::Pod failed. No message received from kubernetes.\r\n["
    assert closure.error.message.startswith(start)
    assert "terminated with exit code (1). Reason [Error]. Message: \n" in closure.error.message


def recoverable_error(tmp_path):
    """A file that a script copies to error.pb: the task says that it may be tried again."""
    document = errors_pb2.ErrorDocument()
    document.error.code, document.error.message = "USER:Recoverable", "once more"
    document.error.kind = errors_pb2.ContainerError.RECOVERABLE
    document.error.origin = core_execution_pb2.ExecutionError.USER
    return write_message(tmp_path, document)


def test_a_process_that_dies_does_not_use_up_the_retries_of_the_task(wire, tmp_path):
    """First it dies, then it asks for another attempt twice: three attempts with one retry (flyte1-engine-real.md, row 1)."""
    again = recoverable_error(tmp_path)
    script = f"test $FLYTE_ATTEMPT_NUMBER != 0 || exit 7; cp {again} {{{{.outputPrefix}}}}/error.pb"
    run = run_script(wire, script, retries=1)
    assert run.closure.error.code == "RetriesExhausted|USER:Recoverable"
    assert run.closure.error.message.startswith("[2/2] currentAttempt done. Last Error: USER::once more")
    errors = [attempt.closure.error for attempt in attempts_of(wire, only_node(wire, run.id))]
    assert [error.code for error in errors] == ["Interrupted", "USER:Recoverable", "USER:Recoverable"]
    kinds = core_execution_pb2.ExecutionError
    assert [error.kind for error in errors] == [kinds.SYSTEM, kinds.USER, kinds.USER]


def test_missing_outputs_take_the_retries_of_the_task(wire):
    """They are of no kind (nodes/task/handler.go: ValidateOutput), and so not the system's (executor.go)."""
    run = run_script(wire, "true", outputs={"o0": INTEGER}, retries=1)
    error = run.closure.error
    assert (run.closure.phase, error.code) == (PHASE.FAILED, "RetriesExhausted|OutputsNotFound")
    assert error.message.startswith("[2/2] currentAttempt done. Last Error: UNKNOWN::")
    assert len(attempts_of(wire, only_node(wire, run.id))) == 2


def test_failures_of_the_system_have_three_retries_of_their_own(wire, tmp_path):
    document = errors_pb2.ErrorDocument()
    document.error.code, document.error.message = "SYSTEM:Flaky", "no network"
    document.error.kind = errors_pb2.ContainerError.RECOVERABLE
    document.error.origin = core_execution_pb2.ExecutionError.SYSTEM
    error = write_message(tmp_path, document)
    # One failure of its own in between takes its one retry, and none of the system's.
    again, prefix = recoverable_error(tmp_path), "{{.outputPrefix}}"
    script = f"cp {error} {prefix}/error.pb; test $FLYTE_ATTEMPT_NUMBER != 1 || cp {again} {prefix}/error.pb"
    run = run_script(wire, script, retries=1)
    error = run.closure.error
    assert (error.code, error.kind) == ("RetriesExhausted|SYSTEM:Flaky", core_execution_pb2.ExecutionError.USER)
    assert error.message == "[3/3] currentAttempt done. Last Error: SYSTEM::no network"
    assert len(attempts_of(wire, only_node(wire, run.id))) == 5


def test_the_node_says_how_often(wire, tmp_path):
    again = recoverable_error(tmp_path)
    task = shell_task(unique("task"), f"cp {again} {{{{.outputPrefix}}}}/error.pb", retries=5)
    template = new_workflow(unique("wf"))
    add_node(template, "n0", task).metadata.retries.retries = 1
    run = wire.run(wire.register(template, tasks=[task]))
    assert run.closure.error.message.startswith("[2/2] ")


def test_timeout(wire):
    task = shell_task(unique("slow"), "sleep 600")
    run = wire.run(timed_workflow(wire, task, 300))
    closure = run.closure
    assert (closure.phase, closure.error.code) == (PHASE.FAILED, "RetriesExhausted|TimeoutExpired")
    # The attempt was stopped, and has no error of its own (flyte1-engine-real.md, row 6).
    (attempt,) = attempts_of(wire, nodes_of(wire, run.id)["n0"])
    assert (attempt.closure.phase, attempt.closure.HasField("error")) == (TASK.ABORTED, False)
    assert (
        closure.error.message == "[1/1] currentAttempt done. Last Error: USER::task execution timeout [300ms] expired"
    )


def test_all_attempts_together_have_twice_the_timeout(wire):
    task = shell_task(unique("slow"), "sleep 600", retries=10)
    run = wire.run(timed_workflow(wire, task, 300))
    assert (run.closure.error.code, run.closure.error.message) == ("Timeout", "Timeout in node")
    node = nodes_of(wire, run.id)["n0"]
    assert (node.closure.phase, node.closure.HasField("error")) == (NODE.TIMED_OUT, False)
    assert [attempt.closure.phase for attempt in attempts_of(wire, node)] == [TASK.ABORTED] * 2


def test_a_task_that_is_run_by_itself_has_no_timeout(wire):
    """FlyteAdmin makes its workflow without one, whatever the task says (flyte1-engine-real.md, row 23)."""
    task = shell_task(unique("slow"), "sleep 1")
    task.metadata.timeout.FromMilliseconds(100)
    wire.register_task(task)
    assert wire.run(task.id).closure.phase == PHASE.SUCCEEDED


def test_a_program_that_does_not_exist(wire):
    task = shell_task(unique("missing"), "")
    del task.container.command[:]
    task.container.command.append("no-such-program")
    wire.register_task(task)
    closure = wire.run(task.id).closure
    assert closure.phase == PHASE.FAILED
    assert "cannot start no-such-program" in closure.error.message


def test_a_raw_container_with_copilot_is_refused_by_name(wire):
    task = shell_task(unique("copilot"), "true")
    task.container.data_config.enabled = True
    wire.register_task(task)
    assert "raw container" in wire.run(task.id).closure.error.message


def pids_in(path):
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def alive(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_terminate_kills_the_process_group(wire, tmp_path):
    pids = tmp_path / "pids"
    # The grandchild ignores SIGTERM; it goes with its group.
    script = f"(trap '' TERM; echo $$ >> {pids}; exec sleep 600) & echo $! >> {pids}; wait"
    task = shell_task(unique("long"), script)
    wire.register_task(task)
    run = wire.launch(task.id)
    wait_until(lambda: len(pids_in(pids)) == 2)
    wire.terminate(run)
    assert wire.wait(run).closure.phase == PHASE.ABORTED
    wait_until(lambda: not any(map(alive, pids_in(pids))))
    assert only_node(wire, run).closure.phase == 6  # ABORTED


def test_queued_tasks_are_dropped_when_their_run_is_terminated(fresh, connect, tmp_path):
    sandbox = fresh(parallelism=1)
    wire = connect(sandbox)
    marker = tmp_path / "ran"
    blocker, waiting = shell_task("blocker", "sleep 600"), shell_task("waiting", f"touch {marker}")
    for task in (blocker, waiting):
        wire.register_task(task)
    first, second = wire.launch(blocker.id), wire.launch(waiting.id)
    wire.terminate(second)
    assert wire.wait(second).closure.phase == PHASE.ABORTED
    wire.terminate(first)
    wire.wait(first)
    assert not marker.exists()


def test_stop_kills_tasks(fresh, connect, tmp_path):
    pids = tmp_path / "pids"
    task = shell_task("long", f"echo $$ >> {pids}; exec sleep 600")
    sandbox = fresh()
    wire = connect(sandbox)
    wire.register_task(task)
    wire.launch(task.id)
    wait_until(lambda: len(pids_in(pids)) == 1)
    sandbox.stop()
    assert not any(map(alive, pids_in(pids)))


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_tasks_die_with_a_server_that_is_killed(tmp_path):
    pids = tmp_path / "pids"
    command = [sys.executable, "-m", "bridge_core.sandbox", "--port", "0", "--http-port", "0", "--data-dir", tmp_path]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        ready = server.stdout.readline()
        wire = Wire(ready.split("gRPC ")[1].split()[0])
        task = shell_task("long", f"echo $$ >> {pids}; exec sleep 600")
        wire.register_task(task)
        wire.launch(task.id)
        wait_until(lambda: len(pids_in(pids)) == 1)
        wire.close()
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        wait_until(lambda: not any(map(alive, pids_in(pids))))
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def test_200_runs_at_once_and_never_more_processes_than_allowed(fresh, connect, tmp_path):
    log = tmp_path / "log"
    sandbox = fresh(parallelism=3)
    wire = connect(sandbox)
    task = shell_task("item", f"echo + >> {log}; echo - >> {log}")
    wire.register_task(task)
    with ThreadPoolExecutor(50) as pool:
        runs = list(pool.map(lambda number: wire.launch(task.id, f"burst-{number}"), range(200)))
        phases = set(pool.map(lambda run: wire.wait(run).closure.phase, runs))
    assert phases == {PHASE.SUCCEEDED}
    lines = log.read_text().splitlines()
    running = list(itertools.accumulate(1 if line == "+" else -1 for line in lines))
    assert (len(lines), running[-1]) == (400, 0)
    assert max(running) <= 3
