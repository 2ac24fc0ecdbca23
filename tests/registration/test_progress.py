"""How far a registration is: told to a callback, and shown on a terminal only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bridge_core import Client, ContainerTask, InvalidRequest, RegistrationProgress
from bridge_core.sandbox import Sandbox

TASKS = [ContainerTask(name=f"progress.task{number}", image="busybox:1.36") for number in range(3)]
YAML = "launch_plans:\n  - {name: progress.plan, workflow: progress.nothing}\n"


def test_a_callback_is_told_each_step(client: Client) -> None:
    told: list[RegistrationProgress] = []
    client.register(TASKS, version="p1", progress=told.append)
    assert list(dict.fromkeys(item.step for item in told)) == ["reading", "comparing", "registering"]
    assert (told[0].done, told[0].total) == (0, 0)
    assert max(item.done for item in told) == 3
    assert {item.total for item in told[1:]} == {3}
    told.clear()
    client.register(TASKS, version="p1", progress=told.append)
    assert max(item.done for item in told if item.step == "comparing") == 3
    with pytest.raises(InvalidRequest, match="progress: wanted a function"):
        client.register(TASKS, progress=3)  # type: ignore[arg-type]


def shown(flyte: Sandbox, source: Path, *options: str, terminal: bool) -> tuple[int, str]:
    """Exit code and standard error of ``flyte-bridge register``."""
    command = [
        sys.executable, "-m", "bridge_core.cli", "register", str(source), "--endpoint", flyte.endpoint, "--insecure",
        "--project", "ours", "--domain", "development", *options,
    ]  # fmt: skip
    if not terminal:
        told = subprocess.run(command, capture_output=True, text=True)
        return told.returncode, told.stderr
    keyboard, screen = os.openpty()
    with os.fdopen(keyboard, "rb", buffering=0) as reading:
        code = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=screen).returncode
        os.close(screen)
        parts = []
        try:
            while part := reading.read(1 << 16):
                parts.append(part)
        except OSError:  # the other side is closed
            pass
    return code, b"".join(parts).decode()


def test_on_a_terminal_only(flyte: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "flow.py"
    source.write_text("from flytekit import task\n\n@task\ndef one(n: int) -> int:\n    return n\n")
    code, text = shown(flyte, source, terminal=True)
    assert code == 0
    assert "reading" in text
    assert "registering 1 of 1" in text
    assert (
        text.rindex("registering") < text.rindex("\x1b[K") < text.rindex("created")
    )  # the line is gone when all is done
    code, text = shown(flyte, source, terminal=False)
    assert (code, "\x1b" in text, "reading" in text) == (0, False, False)
    code, text = shown(flyte, source, "--output", "json", terminal=True)
    assert (code, "reading" in text) == (0, False)


def test_an_error_does_not_stand_behind_it(flyte: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "plans.yaml"
    source.write_text(YAML)
    code, text = shown(flyte, source, terminal=True)
    assert code == 4
    assert text.rindex("\x1b[K") < text.index("progress.nothing")
