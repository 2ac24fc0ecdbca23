"""``flyte-bridge`` as people and scripts meet it: exit codes, one sentence per error, JSON that stays the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.flyte import FILE, INTEGER, STRING, RawFlyte

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


class Shell:
    """Runs the program in a folder and a home of its own."""

    def __init__(self, home: Path, endpoint: str) -> None:
        self.home = home
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("FLYTE")} | {
            "HOME": str(home),
            "FLYTE_PLATFORM_URL": endpoint,
            "FLYTE_PLATFORM_INSECURE": "true",
            "FLYTE_LOCAL_PROJECT": "flytesnacks",
            "FLYTE_LOCAL_DOMAIN": "development",
        }

    def __call__(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bridge_core.cli", *arguments],
            cwd=self.home,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )


@pytest.fixture
def shell(tmp_path: Path, flyte_sandbox: Sandbox) -> Shell:
    return Shell(tmp_path, flyte_sandbox.endpoint)


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


def test_inputs_from_a_file(shell: Shell, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER, "f": FILE})
    (shell.home / "inputs.json").write_text(json.dumps({"n": 3, "f": str(shell.home / "inputs.json")}))
    done = shell("launch", name, "--inputs", "inputs.json", "--wait", "--output", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["outputs"]["f"]["uri"].endswith("inputs.json")
    assert "wanted a JSON object, found list" in failed(shell("launch", name, "--inputs", str(_list(shell.home))), 2)
    assert "not JSON" in failed(shell("launch", name, "--inputs", __file__), 2)
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
