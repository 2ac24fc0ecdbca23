"""Every example is short and runs. Those of Airflow and Dagster are run by tests/airflow and tests/dagster."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from support.flyte import INTEGER, RawFlyte
from support.forks import Forks

from bridge_core import Client, EntityRef, LaunchRequest
from bridge_core.sandbox import Sandbox

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").rglob("*.py"))
README = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_fits_on_a_screen_and_says_what_it_shows(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 60 or path.parent.name == "demo"
    assert ast.get_docstring(ast.parse(text))


def test_every_example_is_run_by_a_test() -> None:
    tests = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    for path in EXAMPLES:
        if path.parent.name != "demo":  # the demo runs those
            assert path.name in tests or path.stem in tests, f"{path.name} is run by no test"


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(forks: Forks) -> Run:
    """Runs an example with these arguments, against the Flyte at ``endpoint``."""
    return partial(run_example, forks)


def run_example(forks: Forks, example: str, *arguments: str, endpoint: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FLYTE")} | {
        "FLYTE_PLATFORM_URL": endpoint,
        "FLYTE_PLATFORM_INSECURE": "true",
        "FLYTE_LOCAL_PROJECT": "flytesnacks",
        "FLYTE_LOCAL_DOMAIN": "development",
    }
    path = ROOT / "examples" / example
    return forks.run(path.read_text(), *arguments, name=str(path), env=environment, alone=True, timeout=100)


def test_plain_launch(run: Run, flyte_sandbox: Sandbox) -> None:
    name = "ex" + uuid.uuid4().hex[:8]
    RawFlyte(flyte_sandbox.endpoint).register(name, {"n": INTEGER})
    first = run("plain_launch.py", name, "3", endpoint=flyte_sandbox.endpoint)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.startswith("launched flytesnacks/development/daily-")
    assert "n = 3" in first.stdout
    assert run("plain_launch.py", name, "3", endpoint=flyte_sandbox.endpoint).stdout.startswith("attached to")


def test_plain_launch_plan(run: Run, flyte_sandbox: Sandbox) -> None:
    name = "ex" + uuid.uuid4().hex[:8]
    RawFlyte(flyte_sandbox.endpoint).register(name, {"n": INTEGER})
    first = run("plain_launch_plan.py", name, endpoint=flyte_sandbox.endpoint)
    assert (first.returncode, first.stderr) == (0, "")
    assert [line.split()[0] for line in first.stdout.splitlines()] == ["created", "activated"]
    again = run("plain_launch_plan.py", name, endpoint=flyte_sandbox.endpoint)
    assert [line.split()[0] for line in again.stdout.splitlines()] == ["unchanged", "unchanged"]
    away = run("plain_launch_plan.py", "pkg.nothing", endpoint=flyte_sandbox.endpoint)
    assert (away.returncode, away.stderr) == (4, "")
    assert "pkg.nothing" in away.stdout


def test_plain_register_and_launch(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data.txt"
    data.write_text("1\n2\n3\n")
    with Sandbox(images={"busybox:*": []}) as sandbox:
        told = [run("plain_register_and_launch.py", str(data), endpoint=sandbox.endpoint) for _ in range(2)]
    assert [(item.returncode, item.stderr) for item in told] == [(0, ""), (0, "")]
    assert [item.stdout.split()[0] for item in told] == ["launched", "attached"]
    assert all(item.stdout.splitlines()[-1] == "lines: 3" for item in told)


def test_plain_launch_tells_a_bad_end_from_a_flyte_that_is_away(run: Run, flyte_sandbox: Sandbox) -> None:
    away = run("plain_launch.py", "pkg.workflow", "3", endpoint="127.0.0.1:1")
    assert (away.returncode, away.stderr) == (2, "")
    assert "cannot reach Flyte" in away.stdout
    name = "ex" + uuid.uuid4().hex[:8]
    raw = RawFlyte(flyte_sandbox.endpoint)
    raw.register(name, {"n": INTEGER}, gate="approve")
    known = {item.id.name for item in raw.executions()}
    with ThreadPoolExecutor() as pool:
        going = pool.submit(run, "plain_launch.py", name, "3", endpoint=flyte_sandbox.endpoint)
        while not (new := {item.id.name for item in raw.executions()} - known):
            assert not going.done(), going.result()
        raw.approve(new.pop(), value=False)
        ended = going.result()
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "FAILED" in ended.stdout


@pytest.mark.parametrize("example", ["plain_launch.py", "plain_many.py"])
def test_an_example_without_arguments_says_how_it_is_used(run: Run, example: str) -> None:
    done = run(example, endpoint="127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr.startswith("usage: ")


@pytest.mark.parametrize("example", ["plain_launch.py", "plain_many.py"])
def test_a_mistake_is_a_sentence_and_no_traceback(run: Run, flyte_sandbox: Sandbox, example: str) -> None:
    done = run(example, "no.such", "3", endpoint=flyte_sandbox.endpoint)
    assert done.returncode != 0
    assert (done.stdout + done.stderr).startswith("no launch plan 'no.such' in flytesnacks/development")


def test_plain_many(run: Run, flyte_sandbox: Sandbox) -> None:
    name = "ex" + uuid.uuid4().hex[:8]
    RawFlyte(flyte_sandbox.endpoint).register(name, {"n": INTEGER})
    done = run("plain_many.py", name, "5", endpoint=flyte_sandbox.endpoint)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("SUCCEEDED") == 5


def test_the_workflows_of_the_examples_register_and_give_what_those_read(tmp_path: Path) -> None:
    with Sandbox(isolation="fork") as sandbox:
        registered_and_run(sandbox, tmp_path)


def registered_and_run(flyte_sandbox: Sandbox, tmp_path: Path) -> None:
    settings = tmp_path / "flyte.yaml"
    settings.write_text(f"admin:\n  endpoint: dns:///{flyte_sandbox.endpoint}\n  insecure: true\n")
    place = ("-p", "flytesnacks", "-d", "development")
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "pyflyte"),
            "register",
            *place,
            "--version",
            "examples",
            "examples/workflows.py",
        ],
        cwd=ROOT,
        env={**os.environ, "FLYTECTL_CONFIG": str(settings)},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with Client(flyte_sandbox.config()) as flyte:
        for name, inputs in {
            "extract": {"day": "2026-01-05", "limit": 100},
            "train": {"day": "2026-01-05", "epochs": 3},
        }.items():
            run = flyte.launch(LaunchRequest(EntityRef.parse(f"workflows.{name}@examples"), inputs=inputs))
            flyte.wait(run).raise_for_phase()
            assert flyte.outputs(run) == inputs


@pytest.mark.parametrize("block", README, ids=range(len(README)))
def test_what_readme_shows_can_be_imported_and_built(block: str) -> None:
    """Names exist and arguments are right; what would talk to a cluster is cut at the `with`."""
    code = block.partition("\nwith ")[0]
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
