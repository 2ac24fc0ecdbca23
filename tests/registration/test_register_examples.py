"""The examples of every road: run as their docstrings say, against a sandbox."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge_core import Client, EntityRef
from bridge_core.sandbox import Sandbox

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
BIN = Path(sys.executable).parent


class Shell:
    """Commands in a folder of their own, on a sandbox of their own."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("FLYTE", "UCTL"))}
        self.environment = kept | {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
            "FLYTE_PLATFORM_URL": sandbox.endpoint,
            "FLYTE_PLATFORM_INSECURE": "true",
            "FLYTE_LOCAL_PROJECT": "flytesnacks",
            "FLYTE_LOCAL_DOMAIN": "development",
        }

    def __call__(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=150
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def example(self, name: str, *arguments: str, code: int = 0) -> str:
        return self(sys.executable, str(EXAMPLES / name), *arguments, code=code)


@pytest.fixture(scope="module")
def boxes() -> Iterator[Sandbox]:
    with Sandbox(images={"busybox:*": []}, pythonpath=[str(EXAMPLES)], isolation="fork") as sandbox:
        yield sandbox


@pytest.fixture
def shell(boxes: Sandbox, tmp_path: Path) -> Shell:
    return Shell(tmp_path, boxes)


@pytest.fixture(scope="module")
def archive(boxes: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``pyflyte package`` makes of examples/workflows.py."""
    target = tmp_path_factory.mktemp("package") / "flows.tgz"
    package = ("pyflyte", "--pkgs", "workflows", "package", "--image", "registry.example.com/flows:v1", "--output")
    shell = Shell(EXAMPLES, boxes)
    shell(*package, str(target), "--force")
    return target


def test_an_archive(shell: Shell, archive: Path, boxes: Sandbox) -> None:
    said = shell.example("register_archive.py", str(archive), "v1.4.0").splitlines()
    for name in ("workflows.extract", "workflows.train"):
        assert f"created workflow:flytesnacks/development/{name}@v1.4.0" in said
        assert f"activated launch_plan:flytesnacks/development/{name}@v1.4.0" in said
    again = shell.example("register_archive.py", str(archive), "v1.4.0").splitlines()
    assert len(again) == len(said)
    assert {line.split()[0] for line in again} == {"unchanged"}
    torn = shell.folder / "torn.tgz"
    torn.write_bytes(archive.read_bytes()[:200])
    assert "torn.tgz" in shell.example("register_archive.py", str(torn), "v1.4.1", code=1)
    with Client(boxes.config()) as flyte:
        active = flyte.get_entity(EntityRef.parse("launch_plan:workflows.extract@active"))
        assert active.ref.version == "v1.4.0"


def test_a_folder(shell: Shell, archive: Path) -> None:
    folder = shell.folder / "flows"
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    said = shell.example("register_folder.py", "flows").splitlines()
    assert re.fullmatch(r"6 of 6 entities are new in version \w+", said[0]), said
    assert len([line for line in said if line.startswith("created ")]) == 6
    assert shell.example("register_folder.py", "flows").startswith("0 of 6 entities are new")


def test_source_code(shell: Shell) -> None:
    said = shell.example("register_source.py", str(EXAMPLES / "workflows.py"), sys.executable)
    assert re.search(r"^version \w+: [06] new, [06] unchanged$", said, re.MULTILINE), said
    assert "{'day': '2026-11-20', 'limit': 100}" in said
    (shell.folder / "broken.py").write_text("import no_such_module\n")
    told = shell.example("register_source.py", "broken.py", sys.executable, code=1)
    assert "broken.py" in told
    assert "No module named 'no_such_module'" in told


def test_tasks_without_an_sdk(shell: Shell) -> None:
    (shell.folder / "text.txt").write_text("1\n2\n3\n")
    assert shell.example("register_native.py", "text.txt") == "tools.count {'lines': 3}\ntools.add {'sum': 42}\n"


def test_the_command_line(shell: Shell) -> None:
    said = shell("sh", str(EXAMPLES / "register.sh"), str(EXAMPLES / "workflows.py"), sys.executable)
    assert "launch_plan:flytesnacks/development/workflows.extract@" in said
    assert "SUCCEEDED" in said
    assert "limit = 100" in said


@pytest.mark.parametrize(
    "example", ["register_archive.py", "register_folder.py", "register_source.py", "register_native.py"]
)
def test_without_arguments_an_example_says_how_it_is_used(shell: Shell, example: str) -> None:
    done = subprocess.run([sys.executable, str(EXAMPLES / example)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("usage: ")
