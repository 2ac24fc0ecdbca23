"""The engine against a recording of a real FlytePropeller 1.16.8: the same workflows, and what became of them.

All 121 runs in `make test-full` and with ``FLYTE_BRIDGE_FULL=1``, every tenth otherwise. What may differ is in
recorded/expected-engine.toml, with the reason; anything else fails.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from engine_replay import RECORDED, VERSION, WORKFLOWS, Case, Replay, Seen, cases, seen_there
from sandbox.protos import Wire

from bridge_core.sandbox import Sandbox

FULL = bool(os.environ.get("FLYTE_BRIDGE_FULL"))
WHAT = ("run", "tree", "attempts", "outputs", "children", "message")
RACES = {one["case"]: one for one in tomllib.loads((RECORDED / "expected-engine.toml").read_text())["race"]}
ALL = cases()
pytestmark = pytest.mark.timeout(600)  # the whole recording is replayed once, in the first test


def selected() -> list[Case]:
    """Every case, or every tenth."""
    return ALL if FULL else ALL[::10]


def needed(wanted: list[Case]) -> list[Case]:
    """The wanted ones, and those that have to come before them to fill a cache."""
    cached = {case.workflow for case in wanted if "cache" in case.name}
    return [case for case in ALL if case in wanted or ("cache" in case.name and case.workflow in cached)]


def pyflyte(sandbox: Sandbox, home: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """Registers workflows with the real flytekit."""
    config = home / "config.yaml"
    config.write_text(f"admin:\n  endpoint: dns:///{sandbox.endpoint}\n  insecure: true\n")
    env = {**os.environ, "FLYTECTL_CONFIG": str(config), "HOME": str(home), "PYTHONWARNINGS": "ignore"}
    env.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [str(Path(sys.executable).parent / "pyflyte"), "register", "-p", "flytesnacks", "-d", "development"]
    return subprocess.run(
        [*command, "--image", "none:none", "--version", VERSION, *files],
        cwd=WORKFLOWS,
        env=env,
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def sandbox():
    # Tasks sleep more than they work: the machine has pods enough.
    with Sandbox(isolation="fork", parallelism=12, pythonpath=[RECORDED / "site"]) as running:
        yield running


@pytest.fixture(scope="module")
def replayed(sandbox, tmp_path_factory):
    wanted = needed(selected())
    files = sorted({f"{case.workflow.partition('.')[0]}.py" for case in wanted})
    result = pyflyte(sandbox, tmp_path_factory.mktemp("home"), *files)
    assert result.returncode == 0, f"{result.stdout}\n{result.stderr}"
    wire = Wire(sandbox.endpoint)
    yield Replay(sandbox, wire).run(wanted)
    wire.close()


def compared(seen: Seen, case: Case, what: str):
    """What is compared: without what is a race."""
    race = RACES.get(case.name)
    if race is None or what not in ("tree", "attempts", "message"):
        return getattr(seen, what)
    if what == "message":
        return None
    return {key: count for key, count in getattr(seen, what).items() if key[0] not in race["nodes"]}


@pytest.mark.parametrize("case", selected(), ids=lambda case: case.name)
def test_a_recorded_run_ends_as_it_did_there(replayed, case):
    here, there = replayed[case.name], seen_there(case)
    if isinstance(here, Exception):
        raise here
    for what in WHAT:
        assert compared(here, case, what) == compared(there, case, what), what


def test_meant_differences_are_few_and_have_reasons():
    """Phases, error codes, kinds and outputs never differ; trees and attempts in at most three of a hundred runs."""
    assert all(one["reason"].strip() for one in RACES.values())
    assert RACES.keys() <= {case.name for case in ALL}
    assert len([one for one in RACES.values() if one["nodes"]]) <= 0.03 * len(ALL)


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("h10_isnone.py", "Code: ValueRequired, Node Id: n1, Description: Value required [RightValue.Val]."),
        ("h10_maplp.py", "Code: MismatchingTypes, Node Id: n0"),
    ],
)
def test_what_was_refused_there_is_refused(sandbox, tmp_path, file, text):
    result = pyflyte(sandbox, tmp_path, file)
    assert text in result.stdout + result.stderr
