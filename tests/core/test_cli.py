"""``flyte-bridge`` as people and scripts meet it: exit codes, one sentence per error, JSON that stays the same."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flyteidl.core import types_pb2
from support.flyte import BOOLEAN, FILE, INTEGER, STRING, STRUCT, RawFlyte
from support.forks import Forks

from bridge_core import Client, Config, ShellTask
from bridge_core.cli.commands import COMMANDS

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


class Shell:
    """Runs the program in a folder and a home of its own."""

    def __init__(self, home: Path, endpoint: str, forks: Forks) -> None:
        self.home = home
        self._forks = forks
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("FLYTE")} | {
            "HOME": str(home),
            "FLYTE_PLATFORM_URL": endpoint,
            "FLYTE_PLATFORM_INSECURE": "true",
            "FLYTE_LOCAL_PROJECT": "flytesnacks",
            "FLYTE_LOCAL_DOMAIN": "development",
        }

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = self.environment | environment
        return self._forks.module("bridge_core.cli", *arguments, cwd=self.home, env=env, alone=True, timeout=60)


@pytest.fixture
def shell(tmp_path: Path, flyte_sandbox: Sandbox, forks: Forks) -> Shell:
    return Shell(tmp_path, flyte_sandbox.endpoint, forks)


def failed(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


def test_launch_and_wait_prints_the_outputs(shell: Shell, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER, "s": STRING})
    done = shell("launch", name, "-i", "n=3", "-i", "s=hello world", "--name", name, "--wait")
    assert done.returncode == 0, done.stderr
    assert f"launched flytesnacks/development/{name}" in done.stdout
    assert "n = 3" in done.stdout
    assert 's = "hello world"' in done.stdout
    again = shell("launch", name, "-i", "n=3", "-i", "s=hello world", "--name", name, "--output", "json")
    found = json.loads(again.stdout)
    assert (found["created"], found["phase"], found["run"]) == (False, "SUCCEEDED", f"flytesnacks/development/{name}")
    assert json.loads(shell("outputs", name, "--output", "json").stdout) == {"n": 3, "s": "hello world"}
    assert (
        json.loads(shell("wait", f"flytesnacks/development/{name}", "--output", "json").stdout)["phase"] == "SUCCEEDED"
    )
    assert "SUCCEEDED" in shell("get", name).stdout


def test_inputs_are_read_by_their_type(shell: Shell, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER, "s": STRING})
    done = shell("launch", name, "-i", "n=3", "-i", "s=2026", "--wait", "--output", "json")
    assert json.loads(done.stdout)["outputs"] == {"n": 3, "s": "2026"}, (
        "a string stays one, also when it looks like a number"
    )


def test_inputs_from_a_file(shell: Shell, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER, "f": FILE})
    (shell.home / "inputs.json").write_text(json.dumps({"n": 3, "f": str(shell.home / "inputs.json")}))
    done = shell("launch", name, "--inputs", "inputs.json", "--wait", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"]["f"]["uri"].endswith("inputs.json")
    assert "wanted a JSON object, found list" in failed(shell("launch", name, "--inputs", str(_list(shell.home))), 2)
    assert "not JSON" in failed(shell("launch", name, "--inputs", __file__), 2)
    assert "--input gives n twice" in failed(shell("launch", name, "-i", "n=1", "-i", "n=2"), 2)
    twice = shell.home / "twice.json"
    twice.write_text('{"n": 1, "n": 2}')
    assert "the key 'n' stands twice" in failed(shell("launch", name, "--inputs", str(twice)), 2)
    assert "No such file" in failed(shell("launch", name, "--inputs", "missing.json"), 2)


def _list(home: Path) -> Path:
    path = home / "list.json"
    path.write_text("[]")
    return path


def test_aborting_and_bad_ends_have_exit_code_1(shell: Shell, raw: RawFlyte, name: str) -> None:
    raw.register(name, {}, gate="approve")
    assert shell("launch", name, "--name", name).returncode == 0
    assert "was not aborted" in failed(shell("wait", name, "--timeout", "0.2"), 6)
    assert shell("abort", name, "--reason", "enough").returncode == 0
    done = shell("wait", name)
    assert done.returncode == 1
    assert "ABORTED" in done.stdout
    assert "enough" in done.stdout
    told = failed(shell("outputs", name), 1)
    assert "ABORTED" in told
    assert "enough" in told


def test_every_mistake_is_one_sentence_with_its_code(
    shell: Shell, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    flyte_sandbox.calls.clear()
    assert f"did you mean '{name}'" in failed(shell("launch", name + "x"), 4)
    assert "n: expected integer, got 'wide' (str)" in failed(shell("launch", name, "-i", "n=wide"), 2)
    assert "missing" in failed(shell("launch", name), 2)
    assert "unknown" in failed(shell("launch", name, "-i", "n=1", "-i", "m=1"), 2)
    assert "run name 'Bad' is not legal" in failed(shell("launch", name, "-i", "n=1", "--name", "Bad"), 2)
    assert "wanted NAME=VALUE" in failed(shell("launch", name, "-i", "n"), 2)
    assert "no run flytesnacks/development/nope" in failed(shell("get", "nope"), 4)
    assert "wanted project/domain/name" in failed(shell("get", "a/b"), 2)
    unreachable = shell("get", "nope", FLYTE_PLATFORM_URL="127.0.0.1:1")
    assert "cannot reach Flyte at 127.0.0.1:1" in failed(unreachable, 3)
    (shell.home / "bad.yaml").write_text("admin: [")
    assert "malformed YAML in" in failed(shell("get", "nope", "--config", "bad.yaml"), 2)
    flyte_sandbox.faults.fail("GetExecution", code="PERMISSION_DENIED")
    assert "PERMISSION_DENIED" in failed(shell("get", "nope"), 5)
    assert flyte_sandbox.calls.count("CreateExecution") == 0


def test_without_a_command_it_explains_itself(shell: Shell) -> None:
    done = shell()
    assert done.returncode == 2
    assert "launch" in done.stdout
    assert "--entity" not in done.stdout


def test_the_other_verbs_on_runs(shell: Shell, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    ref = f"flytesnacks/development/{name}"
    assert shell("launch", name, "-i", "n=1", "--name", name).returncode == 0
    assert "expected boolean, got 3 (int)" in failed(shell("signal", name, "go", "3"), 2)
    done = shell("signal", name, "go", "true", "--output", "json")
    assert json.loads(done.stdout)["run"] == ref
    watched = [json.loads(line)["phase"] for line in shell("watch", name, "--output", "json").stdout.splitlines()]
    assert watched[-1] == "SUCCEEDED"
    assert json.loads(shell("inputs", name, "--output", "json").stdout) == {"n": 1}
    assert "n = 1" in shell("inputs", name).stdout
    (node,) = json.loads(shell("nodes", name, "--attempts", "--output", "json").stdout)
    assert (node["id"], node["phase"], node["children"]) == ("n0", "SUCCEEDED", [])
    assert "n0 SUCCEEDED" in shell("nodes", name).stdout
    assert shell("logs", name).stdout == "no log links\n"
    assert "none of its nodes has one" in failed(shell("deck", name), 2)
    again = json.loads(shell("relaunch", name, "--name", name + "b", "--output", "json").stdout)
    assert again["run"] == ref + "b"
    assert shell("abort", name + "b").returncode == 0
    assert "no run" in failed(shell("relaunch", "nothere"), 4)
    assert shell("archive", name).returncode == 0


def test_lists(shell: Shell, raw: RawFlyte, name: str) -> None:
    raw.register(name, {})
    for number in range(3):
        assert shell("launch", name, "--name", f"{name}{number}", "--wait").returncode == 0
    runs = json.loads(shell("list", "runs", "--entity", name, "--phase", "succeeded", "--output", "json").stdout)
    assert [run["run"].rpartition("/")[2] for run in runs] == [f"{name}{number}" for number in (2, 1, 0)]
    table = shell("list", "runs", "--entity", name, "--limit", "1").stdout.splitlines()
    assert table[0].split() == ["RUN", "PHASE", "CREATED", "(UTC)", "ENTITY"]
    assert table[1].split()[0] == f"{name}2"
    assert name in shell("list", "launch-plans", "--limit", "1000").stdout.splitlines()
    assert shell("list", "workflows", name).stdout.split() == [f"{name}@v1"]
    tasks = json.loads(shell("list", "tasks", "--limit", "1000", "--output", "json").stdout)
    assert not [task for task in tasks if name in task], (
        "other tests of this Flyte may have registered tasks, this one did not"
    )
    assert "no such phase; known are" in failed(shell("list", "runs", "--phase", "dead"), 2)
    assert "wanted an ISO time" in failed(shell("list", "runs", "--since", "yesterday"), 2)


def test_progress_is_a_picture_on_a_terminal_and_lines_elsewhere(shell: Shell, raw: RawFlyte, name: str) -> None:
    import pty
    import threading

    raw.register(name, {}, gate="approve")
    leader, follower = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "bridge_core.cli", "launch", name, "--name", name, "--wait"],
        cwd=shell.home,
        env=shell.environment | {"TERM": "xterm", "COLUMNS": "100"},
        stdout=follower,
        stderr=follower,
        stdin=follower,
    )
    os.close(follower)
    shown: list[bytes] = []

    def read() -> None:
        try:
            while data := os.read(leader, 4096):
                shown.append(data)
                if b"n0 " in data:
                    raw.approve(name)
        except OSError:  # the program ended, and with it the terminal
            return

    reader = threading.Thread(target=read)
    reader.start()
    assert running.wait(60) == 0
    reader.join(10)
    os.close(leader)
    text = b"".join(shown).decode()
    assert f"launched flytesnacks/development/{name}" in text
    assert "n0 " in text
    assert "SUCCEEDED" in text


class Terminal:
    """The program on a terminal of its own, and what it showed there so far."""

    def __init__(self, shell: Shell, *arguments: str, **environment: str) -> None:
        import pty
        import threading

        self.shown = bytearray()
        self._leader, follower = pty.openpty()
        self.running = subprocess.Popen(
            [sys.executable, "-m", "bridge_core.cli", *arguments],
            cwd=shell.home,
            env=shell.environment | {"TERM": "xterm", "COLUMNS": "200"} | environment,
            stdout=follower,
            stderr=follower,
            stdin=follower,
        )
        os.close(follower)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        try:
            while data := os.read(self._leader, 4096):
                self.shown.extend(data)
        except OSError:  # the program ended, and with it the terminal
            return

    def until(self, text: bytes) -> None:
        import time

        while text not in self.shown and self.running.poll() is None:
            time.sleep(0.05)

    def ends(self, seconds: float) -> int:
        """The exit code, within so many seconds."""
        code = self.running.wait(seconds)
        self._reader.join(10)
        os.close(self._leader)
        return code


def test_an_outage_does_not_end_a_wait_on_a_terminal(
    shell: Shell, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    import time

    from support.proxy import Proxy

    raw.register(name, {}, gate="approve")
    assert shell("launch", name, "--name", name).returncode == 0
    with Proxy(flyte_sandbox.endpoint) as proxy:
        terminal = Terminal(shell, "wait", name, "--timeout", "50", FLYTE_PLATFORM_URL=proxy.endpoint)
        terminal.until(b"n0 ")
        proxy.close()
        terminal.until(b"asking again")
        time.sleep(2)
        proxy.open()
        raw.approve(name)
        assert terminal.ends(60) == 0, terminal.shown.decode()
    assert b"asking again" in terminal.shown
    assert b"SUCCEEDED" in terminal.shown


def test_a_wait_on_a_terminal_keeps_its_time_in_a_black_hole(
    shell: Shell, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    from support.proxy import Proxy

    raw.register(name, {}, gate="approve")
    assert shell("launch", name, "--name", name).returncode == 0
    with Proxy(flyte_sandbox.endpoint) as proxy:
        terminal = Terminal(shell, "wait", name, "--timeout", "4", FLYTE_PLATFORM_URL=proxy.endpoint)
        terminal.until(b"n0 ")
        proxy.mode("hole")
        assert terminal.ends(40) == 6, "one question of the picture alone may take a minute"
    assert b"was not aborted" in terminal.shown


def test_a_wait_on_a_terminal_says_that_flyte_did_not_answer_when_its_time_is_over(
    shell: Shell,
) -> None:
    import pty

    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "bridge_core.cli", "wait", "nope", "--timeout", "0.5", "--endpoint", "127.0.0.1:1"],
        cwd=shell.home,
        env=shell.environment | {"TERM": "xterm"},
        stdout=follower,
        stderr=subprocess.PIPE,
        stdin=follower,
        text=True,
    ) as running:
        os.close(follower)
        _, told = running.communicate(timeout=60)
    os.close(leader)
    assert running.returncode == 6, told
    assert "unanswered" in told


@pytest.mark.parametrize("text", ["2026", "true", "3.5", "null", '{"a": 1}', "[1]", '"quoted"', "a=b"])
def test_a_string_input_is_what_was_typed(shell: Shell, raw: RawFlyte, name: str, text: str) -> None:
    raw.register(name, {"n": INTEGER, "b": BOOLEAN, "s": STRING, "o": STRUCT})
    inputs = ["-i", "n=3", "-i", "b=false", "-i", f"s={text}", "-i", 'o={"x": [1, true]}']
    done = shell("launch", name, *inputs, "--wait", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"] == {"n": 3, "b": False, "s": text, "o": {"x": [1, True]}}


def test_the_sandbox_gets_all_its_options(shell: Shell) -> None:
    done = shell("sandbox", "start", "--help")
    assert done.returncode == 0, done.stderr
    assert "--http-port" in done.stdout
    assert "wanted a port" in failed(shell("sandbox", "start", "--log-level", "info", "--port", "wide"), 2)
    command = [sys.executable, "-m", "bridge_core.cli", "sandbox", "start", "--port", "0", "--http-port=0"]
    with subprocess.Popen(
        [*command, "--data-dir", str(shell.home / "data")],
        stdout=subprocess.PIPE,
        env=shell.environment,
        cwd=shell.home,
        text=True,
    ) as running:
        assert running.stdout is not None
        try:
            assert "Flyte sandbox ready" in running.stdout.readline()
        finally:
            running.terminate()
        assert running.wait(60) == 0
    assert "unrecognized arguments: --port 0" in failed(shell("get", "run", "--port", "0"), 2)


def test_a_reader_that_goes_away_ends_the_program_quietly(shell: Shell, raw: RawFlyte, name: str) -> None:
    raw.register(name, {}, gate="approve")
    assert shell("launch", name, "--name", name).returncode == 0

    def piped(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "bridge_core.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=shell.environment,
            cwd=shell.home,
            text=True,
        )

    for arguments, lines in ((("list", "runs"), 0), (("watch", name), 1)):
        with piped(*arguments) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            for _ in range(lines):
                assert name in running.stdout.readline()
            running.stdout.close()
            if lines:
                raw.approve(name)  # the next line has no reader
            assert (arguments, running.stderr.read(), running.wait(60)) == (arguments, "", 141)


def test_files_that_cannot_be_read_or_written_are_one_line(shell: Shell, raw: RawFlyte, name: str) -> None:
    (shell.home / "latin.json").write_bytes(b'{"s": "\xe9"}')
    assert "--inputs latin.json: not UTF-8" in failed(shell("launch", name, "--inputs", "latin.json"), 2)
    raw.register(name, {})
    told = failed(shell("launch", name, "--inputs", "."), 2)
    assert "Is a directory" in told
    started = shell("sandbox", "start", "--port", "0", "--http-port", "0", "--data-dir", "/dev/null/x")
    wanted = "cannot keep data in /dev/null/x: Not a directory; choose another directory with --data-dir"
    assert failed(started, 2) == f"flyte sandbox: {wanted}\n"
    assert len(told.splitlines()) == 1


def test_numbers_out_of_range_are_refused_before_anything_is_asked(shell: Shell, flyte_sandbox: Sandbox) -> None:
    flyte_sandbox.calls.clear()
    for limit in ("-1", "0", "many"):
        assert "from 1 on" in failed(shell("list", "runs", "--limit", limit), 2)
    for timeout in ("nan", "-1", "inf", "soon"):
        assert "wanted a number of seconds" in failed(shell("wait", "nope", "--timeout", timeout), 2)
    assert flyte_sandbox.calls.count("ListExecutions") == 0
    assert flyte_sandbox.calls.count("GetExecution") == 0


def test_a_limit_of_flyte_is_2_and_says_what_to_do(shell: Shell, flyte_sandbox: Sandbox) -> None:
    flyte_sandbox.faults.fail("ListExecutions", code="RESOURCE_EXHAUSTED", times=10)
    try:
        told = failed(shell("list", "runs"), 2)
    finally:
        flyte_sandbox.faults.clear()
    assert "RESOURCE_EXHAUSTED" in told
    assert "try later" in told


def test_common_options_may_stand_before_the_verb(shell: Shell, raw: RawFlyte, name: str) -> None:
    raw.register(name, {})
    before = ("--log-level", "info", "--log-format", "json", "--output", "json", "--project", "flytesnacks")
    done = shell(*before, "launch", name, "--name", name, FLYTE_LOCAL_PROJECT="other")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["run"] == f"flytesnacks/development/{name}"
    assert all(json.loads(line)["level"] == "INFO" for line in done.stderr.splitlines())
    assert "cannot reach Flyte at 127.0.0.1:1" in failed(shell("--endpoint", "127.0.0.1:1", "get", name), 3)
    assert shell("--output", "json", "get", name, "--output", "table").stdout.startswith("run flytesnacks/")


def test_it_tells_its_version(shell: Shell) -> None:
    from importlib.metadata import version

    assert shell("--version").stdout == f"flyte-bridge {version('flyte-bridge')}\n"


def test_logs_can_be_json_lines(shell: Shell, raw: RawFlyte, name: str) -> None:
    raw.register(name, {})
    done = shell("launch", name, "--name", name, "--log-level", "info", "--log-format", "json")
    records = [json.loads(line) for line in done.stderr.splitlines()]
    assert any(f"as flytesnacks/development/{name}" in record["message"] for record in records)


def test_logs_without_a_standard_error_do_not_go_to_standard_output(shell: Shell, raw: RawFlyte, name: str) -> None:
    raw.register(name, {})
    command = [sys.executable, "-m", "bridge_core.cli", "launch", name, "--log-level", "info", "--output", "json"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *command],
        cwd=shell.home,
        env=shell.environment,
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["created"]


def test_a_wrong_option_shows_the_usage_of_its_command(shell: Shell) -> None:
    told = failed(shell("launch", "pkg.wf", "--version", "v1"), 2)
    assert told.startswith("usage: flyte-bridge launch ")
    assert "unrecognized arguments: --version v1" in told


def test_a_timeout_without_wait_is_refused_before_anything_is_launched(shell: Shell, flyte_sandbox: Sandbox) -> None:
    for command in (("launch", "pkg.wf"), ("relaunch", "a"), ("recover", "a")):
        assert "add --wait" in failed(shell(*command, "--timeout", "5"), 2)
    assert flyte_sandbox.calls.count("CreateExecution") == 0


def test_check_says_when_launches_must_name_their_place(shell: Shell) -> None:
    assert "no default" not in shell("config", "check").stdout
    del shell.environment["FLYTE_LOCAL_DOMAIN"]
    done = shell("config", "check")
    assert done.returncode == 0, done.stderr
    assert "no default domain: each launch must name its own" in done.stdout


def test_what_does_not_exist_is_told_with_what_was_probably_meant(shell: Shell, raw: RawFlyte) -> None:
    name = f"plan{uuid.uuid4().hex[:12]}"
    raw.register(name, {"n": INTEGER})
    with Client(Config.for_endpoint(raw.endpoint, insecure=True, project="flytesnacks", domain="development")) as flyte:
        flyte.register(ShellTask(name=f"{name}.task", image="busybox:1", script="true"))
    said = failed(shell("launch", f"{name}.task"), 4)
    assert f"there is a task of that name: 'task:{name}.task' stands for it" in said
    assert f"there is a launch plan of that name: 'launch_plan:{name}' stands for it" in failed(
        shell("launch", f"task:{name}"), 4
    )
    assert f"did you mean '{name}'" in failed(shell("launch", f"{name}x"), 4)
    said = failed(shell("launch", "zzz", "--domain", "staging"), 4)
    assert "no launch plan is registered there yet" in said
    assert "no project 'nope'; there are flytesnacks" in failed(shell("launch", name, "--project", "nope"), 4)
    assert "project 'flytesnacks' has no domain 'nope'; it has development, staging, production" in failed(
        shell("launch", name, "--domain", "nope"), 4
    )


@pytest.mark.parametrize("what", ["runs", "tasks", "workflows", "launch-plans", "triggers"])
def test_an_empty_list_says_so_and_a_place_that_does_not_exist_is_an_error(shell: Shell, what: str) -> None:
    done = shell("list", what, "--domain", "staging")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"no {what.replace('-', ' ')} in flytesnacks/staging\n"
    assert shell("list", what, "--domain", "staging", "--output", "json").stdout == "[]\n"
    for output in ("table", "json"):
        told = failed(shell("list", what, "--project", "nope", "--output", output), 4)
        assert "no project 'nope'; there are flytesnacks" in told
        told = failed(shell("list", what, "--domain", "nope", "--output", output), 4)
        assert "project 'flytesnacks' has no domain 'nope'; it has development, staging, production" in told


def test_check_says_when_project_or_domain_do_not_exist(shell: Shell) -> None:
    assert "flytesnacks/development exists" in shell("config", "check").stdout
    done = shell("config", "check", "--project", "nope")
    assert done.returncode == 4
    assert (
        "NO  project        there is no project 'nope' (from argument); there are flytesnacks. Set project"
        in done.stdout
    )
    done = shell("config", "check", FLYTE_LOCAL_DOMAIN="nope")
    assert done.returncode == 4
    assert "NO  project        project 'flytesnacks' has no domain 'nope' (from env" in done.stdout
    assert "it has development, production, staging" in done.stdout


def test_check_of_a_port_that_serves_pages_says_so(shell: Shell, flyte_sandbox: Sandbox) -> None:
    pages = flyte_sandbox.console_url.removeprefix("http://")
    done = shell("config", "check", "--endpoint", pages, "--insecure")
    assert done.returncode == 3
    assert f"NO  protocol       {pages} does not speak HTTP/2, which gRPC is" in done.stdout
    assert "FlyteAdmin's gRPC port" in done.stdout


def test_files_inside_a_structure_are_uploaded_or_refused(shell: Shell, raw: RawFlyte, name: str) -> None:
    path = {"type": "string"}
    file = {"title": "FlyteFile", "type": "object", "properties": {"path": path}}
    kind = types_pb2.LiteralType(simple=types_pb2.STRUCT)
    kind.metadata.update({"title": "Job", "type": "object", "properties": {"weights": file}})
    kind.annotation.annotations.update({"cache-key-metadata": {"serialization-format": "msgpack"}})
    raw.register(name, {"job": kind})
    assert "job.weights: file gone.bin" in failed(
        shell("launch", name, "-i", 'job={"weights": {"path": "gone.bin"}}', "--name", name), 2
    )
    (shell.home / "w.bin").write_text("weights")
    done = shell(
        "launch", name, "-i", 'job={"weights": {"path": "w.bin"}}', "--name", name, "--wait", "--output", "json"
    )
    assert done.returncode == 0, done.stderr
    stored = json.loads(shell("outputs", name, "--output", "json").stdout)["job"]["weights"]["path"]
    assert stored.endswith("/w.bin")
    assert str(shell.home) not in stored
    again = shell("launch", name, "-i", 'job={"weights": "w.bin"}', "--name", name, "--output", "json")
    assert json.loads(again.stdout)["created"] is False


def test_a_command_imports_its_own_file_only_and_the_overview_has_them_all(tmp_path: Path) -> None:
    probe = (
        "import json, sys\n"
        "from bridge_core.cli.main import main\n"
        "try: code = main(sys.argv[1:])\n"
        "except SystemExit as error: code = error.code\n"
        "print(json.dumps([code, sorted(name for name in sys.modules if name.startswith('bridge_core.cli.'))]))"
    )

    def run(*arguments: str) -> tuple[str, int, set[str]]:
        done = subprocess.run([sys.executable, "-c", probe, *arguments], cwd=tmp_path, capture_output=True, text=True)
        *printed, last = done.stdout.splitlines()
        code, modules = json.loads(last)
        return "\n".join(printed), code, {name.rpartition(".")[2] for name in modules}

    overview, _, everything = run("--help")
    assert set(COMMANDS) <= everything
    for file, names in COMMANDS.items():
        verbs = argparse.ArgumentParser().add_subparsers()
        common = argparse.ArgumentParser(add_help=False)
        importlib.import_module(f"bridge_core.cli.{file}").add_commands(verbs, common)
        assert tuple(verbs.choices) == names
    _, _, modules = run("--output", "json", "connector", "list", "--no-installed")
    assert set(COMMANDS) & modules == {"connector"}
    assert run("--help", "connector")[0] == overview
