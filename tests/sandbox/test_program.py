"""The sandbox as a program and as an object with a life: ports, signals, restarts, imports."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from flyteidl.admin import project_pb2

from bridge_core import Config
from bridge_core.sandbox import DirectoryTaken, PortTaken, Sandbox

from .protos import PHASE, Wire, echo_workflow, gate_workflow, literals, plan_id

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "bridge_core.sandbox"]


def test_importing_the_package_loads_neither_grpc_nor_stubs():
    code = (
        "import sys; import bridge_core.sandbox; "
        "print(sorted({'grpc', 'flyteidl', 'google.protobuf', 'sqlite3', 'flytekit'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


def test_the_server_process_never_imports_flytekit():
    code = (
        "import sys; from bridge_core.sandbox import Sandbox\n"
        "with Sandbox() as s: print([m for m in sys.modules if m.split('.')[0] in ('flytekit', 'flyte')])"
    )
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"


HEARD_ELSEWHERE = """
import signal, threading, time
from bridge_core.sandbox.stop_signals import StopSignals
def other():
    time.sleep(0.3)  # the main thread waits by now, and this signal does not interrupt it
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    time.sleep(60)
threading.Thread(target=other, daemon=True).start()
with StopSignals() as stop:
    stop.wait()
"""


def test_a_signal_that_does_not_interrupt_the_wait_ends_it():
    """As one that comes just before the main thread waits, or that the system gives to another thread, does not."""
    subprocess.run([sys.executable, "-c", HEARD_ELSEWHERE], check=True, timeout=30, cwd=ROOT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_program_tells_when_it_is_ready_and_stops_cleanly(tmp_path, number, monkeypatch):
    server = subprocess.Popen(
        [*PROGRAM, "--port", "0", "--http-port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        cwd=ROOT,
    )
    ready = server.stdout.readline()
    assert "Flyte sandbox ready: gRPC 127.0.0.1:" in ready
    assert "Stop with Ctrl-C" in ready
    assert "not a cluster" in server.stdout.readline()
    endpoint = ready.split("gRPC ")[1].split()[0]
    console = ready.split("console ")[1].split(",")[0]
    # As our client understands what it is told to do.
    name, _, path = server.stdout.readline().strip().split("export ")[1].partition("=")
    monkeypatch.setenv(name, path)
    config = Config.auto(search_cwd=False)
    assert (config.endpoint, config.insecure, config.console_endpoint) == (
        endpoint,
        True,
        console.removesuffix("/console"),
    )
    assert (config.project, config.domain) == ("flytesnacks", "development")
    with urllib.request.urlopen(console) as response:
        assert b"Runs" in response.read()
    assert len(list(tmp_path.iterdir())) == 1
    server.send_signal(number)
    out, err = server.communicate(timeout=30)
    err = "".join(line for line in err.splitlines(keepends=True) if "there is no flytekit" not in line)  # make lowest
    assert (server.returncode, out, err) == (0, "Flyte sandbox stopped.\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_told_in_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for option, other in (("--port", "--http-port"), ("--http-port", "--port")):
            result = subprocess.run([*PROGRAM, option, str(port), other, "0"], capture_output=True, text=True)
            assert result.returncode == 2
            (line,) = result.stderr.splitlines()
            assert str(port) in line
            assert f"choose another one with {option}" in line


def test_two_sandboxes_do_not_share_a_port(sandbox):
    with pytest.raises(PortTaken, match="--port"):
        Sandbox(port=int(sandbox.endpoint.rpartition(":")[2])).start()
    with pytest.raises(PortTaken, match="--http-port"):
        Sandbox(http_port=sandbox.http_port).start()


def test_two_sandboxes_do_not_share_a_directory(fresh):
    fresh()
    with pytest.raises(DirectoryTaken, match="--data-dir"):
        fresh()


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--python", "no-such-python"], "no-such-python"),
        (["--pythonpath", "no-such-folder"], "no-such-folder"),
        (["--pythonpath", "ml=no-such-folder"], "no-such-folder"),
        (["--parallelism", "0"], "parallelism"),
        (["--parallelism", "many"], "many"),
        (["--bogus"], "--bogus"),
        (["--port", "70000"], "65535"),
        (["--isolation", "vm"], "vm"),
        (["--image", "busybox"], "IMAGE="),
        (["--project", "Not A Label"], "DNS"),
        (["--auth", "id-alone"], "secret"),
        (["--auth", "a:b", "--token-seconds", "nan"], "token_seconds"),
        (["--auth", "a:b", "--token-seconds", "inf"], "token_seconds"),
        (["--listen", "203.0.113.5", "--token", "t"], "no address of this machine"),
        (["--public-host", "http://me"], "without scheme"),
        (["--data-dir", ""], "must not be empty"),
    ],
)
def test_wrong_options_are_told_in_one_line(options, part):
    result = subprocess.run(
        [*PROGRAM, "--port", "0", "--http-port", "0", *options], capture_output=True, text=True, cwd=ROOT
    )
    assert (result.returncode, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("flyte sandbox: ")
    assert part in line


def test_a_directory_that_cannot_be_used_is_told_in_one_line(tmp_path):
    file = tmp_path / "file"
    file.write_text("x")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "sandbox.sqlite").write_bytes(b"not a database" * 100)
    blocked = tmp_path / "blocked"  # as with a folder that is read-only, which root could write to
    blocked.mkdir()
    (blocked / "work").write_text("x")
    for directory in (file, file / "below", broken, blocked):
        command = [*PROGRAM, "--port", "0", "--http-port", "0", "--data-dir", str(directory)]
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
        assert (result.returncode, result.stdout) == (2, "")
        (line,) = result.stderr.splitlines()
        assert f"cannot keep data in {directory}" in line
    assert (broken / "sandbox.sqlite").read_bytes() == b"not a database" * 100
    assert (blocked / "work").read_text() == "x"


def test_two_on_free_ports_do_not_meet(tmp_path):
    command = [*PROGRAM, "--port", "0", "--http-port", "0"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)]
    try:
        assert all("Flyte sandbox ready" in one.stdout.readline() for one in both)
    finally:
        for one in both:
            one.terminate()
            one.communicate(timeout=30)


def test_a_missing_flytekit_is_told_at_the_start(tmp_path):
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    command = [*PROGRAM, "--port", "0", "--http-port", "0", "--python", str(python)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert f"no flytekit for {python}" in server.stderr.readline()
    finally:
        server.terminate()
        server.communicate(timeout=30)


def test_projects_of_the_program_exist_from_the_start(tmp_path):
    command = [*PROGRAM, "--port", "0", "--http-port", "0", "--project", "ml", "--project", "etl"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        wire = Wire(server.stdout.readline().split("gRPC ")[1].split()[0])
        assert [one.id for one in wire.admin.ListProjects(project_pb2.ProjectListRequest()).projects] == ["etl", "ml"]
        wire.close()
    finally:
        server.terminate()
        server.communicate(timeout=30)


def test_stopped_sandbox_says_so_and_removes_its_temporary_directory():
    sandbox = Sandbox()
    with pytest.raises(RuntimeError, match="not running"):
        sandbox.endpoint  # noqa: B018
    with sandbox:
        data = sandbox.data_dir
        assert data.exists()
        with pytest.raises(RuntimeError, match="runs already"):
            sandbox.start()
    assert not data.exists()
    sandbox.stop()  # harmless


def test_a_restarted_sandbox_knows_what_it_knew(fresh, connect):
    sandbox = fresh()
    first = connect(sandbox)
    target = echo_workflow(first, "remembered")
    done = first.run(target, literals(n=3)).id
    held = first.launch(gate_workflow(first, "held"), "held", literals(n=1))
    first.wait(held, phases={PHASE.RUNNING})
    endpoint = sandbox.endpoint
    sandbox.stop()
    sandbox.start()
    assert sandbox.endpoint == endpoint
    second = connect(sandbox)
    assert second.outputs(done) == {"o0": 3}
    assert second.get(held).closure.phase == PHASE.RUNNING  # tests/sandbox/test_resume.py says more
    assert second.outputs(second.run(plan_id("remembered"), literals(n=4)).id) == {"o0": 4}
    # Another object on the same directory and port, as after a crash.
    port = int(endpoint.rpartition(":")[2])
    sandbox.stop()
    other = fresh(port=port)
    assert Wire(other.endpoint).outputs(done) == {"o0": 3}


def test_temporary_data_can_be_kept_over_a_restart(connect):
    sandbox = Sandbox().start()
    try:
        run = connect(sandbox).run(echo_workflow(connect(sandbox)), literals(n=5)).id
        sandbox.stop(keep_data=True)
        sandbox.start()
        assert connect(sandbox).outputs(run) == {"o0": 5}
    finally:
        sandbox.stop()


def test_config_reaches_the_sandbox(sandbox):
    config = sandbox.config()
    assert sandbox.endpoint in str(config.to_mapping())
    assert config.project == "flytesnacks"
    assert config.domain == "development"
