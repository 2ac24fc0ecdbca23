"""The inside of a run of real flytekit code: nodes with attempts, logs, a deck, metrics, and values of every demo type."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge_core import Client, EntityRef, LaunchRequest, RunPhase, RunRef

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

WORKFLOW = """
from dataclasses import dataclass
from flytekit import Deck, task, workflow

@dataclass
class Point:
    x: int
    y: float

@task(enable_deck=True)
def shift(p: Point) -> Point:
    Deck("moved", f"<b>{p.x}</b>")
    return Point(p.x + 1, p.y * 2)

@task(retries=1)
def refuse(p: Point) -> int:
    if p.x:
        raise ValueError(f"no way at {p.x}")
    return 0

@workflow
def inner(p: Point) -> Point:
    return shift(p=p)

@workflow
def good(p: Point) -> Point:
    \"\"\"Moves a point.

    One step at a time.
    \"\"\"
    return inner(p=p)

@workflow
def bad(p: Point) -> int:
    return refuse(p=p)
"""


@pytest.fixture(scope="module")
def module_name(tmp_path_factory: pytest.TempPathFactory, _flyte_sandbox_server: Sandbox) -> str:
    """Registers the workflows with the real ``pyflyte``."""
    if find_spec("flytekit") is None:
        pytest.skip("flytekit is not installed (make lowest)")
    folder = tmp_path_factory.mktemp("code")
    (folder / "deckwork.py").write_text(WORKFLOW)
    config = folder / "flyte.yaml"
    config.write_text(f"admin:\n  endpoint: dns:///{_flyte_sandbox_server.endpoint}\n  insecure: true\n")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    pyflyte = Path(sys.executable).parent / "pyflyte"
    subprocess.run(
        [
            pyflyte,
            "--config",
            config,
            "register",
            "-p",
            "flytesnacks",
            "-d",
            "development",
            "--version",
            "v1",
            "deckwork.py",
        ],
        cwd=folder,
        env=environment | {"FLYTECTL_CONFIG": str(config)},
        check=True,
        capture_output=True,
        timeout=100,
    )
    return "deckwork"


def test_a_run_of_real_code_seen_from_inside(client: Client, module_name: str, name: str) -> None:
    plan = EntityRef.launch_plan(f"{module_name}.good")
    assert client.get_entity(plan).description == "Moves a point.\n\nOne step at a time."
    request = LaunchRequest(plan, inputs={"p": {"x": 1, "y": 2.5}}, name=name)
    ref = client.launch(request)
    snapshot = client.wait(ref, timeout=100).raise_for_phase()
    assert snapshot.phase is RunPhase.SUCCEEDED
    assert client.outputs(ref) == {"o0": {"x": 2, "y": 5.0}}
    (outer,) = client.nodes(ref, attempts=True)
    assert (outer.kind, outer.phase, len(outer.children)) == ("parent", "SUCCEEDED", 1)
    (leaf,) = outer.children
    assert (leaf.kind, leaf.phase) == ("task", "SUCCEEDED")
    (attempt,) = leaf.attempts
    assert attempt.task.name == f"{module_name}.shift"
    assert leaf.deck_uri
    assert "<b>1</b>" in client.deck(ref)
    assert client.deck(ref, node=leaf.id) == client.deck(ref)
    assert all(log.node == leaf.id for log in client.logs(ref))
    span = client.metrics(ref)
    assert span.started_at is not None


def test_a_failure_of_real_code_names_node_attempts_and_cause(client: Client, module_name: str, name: str) -> None:
    ref = client.launch(
        LaunchRequest(EntityRef.launch_plan(f"{module_name}.bad"), inputs={"p": {"x": 7, "y": 0.0}}, name=name)
    )
    snapshot = client.wait(ref, timeout=100)
    assert snapshot.phase is RunPhase.FAILED
    assert "in node n0: ValueError: no way at 7" in snapshot.describe()
    assert snapshot.error is not None
    assert snapshot.error.kind == "USER"
    (node,) = client.nodes(ref, attempts=True)
    assert node.phase == "FAILED"
    assert node.error is not None
    assert "no way at 7" in node.error.message, "whole, though FlyteAdmin cuts errors in lists to 100 bytes"
    assert [attempt.phase for attempt in node.attempts][-1] == "FAILED"
    assert client.inputs(RunRef("flytesnacks", "development", name)) == {"p": {"x": 7, "y": 0.0}}
