"""The inside of a run of real flytekit code: nodes with attempts, logs, a deck, metrics, and values of every demo type."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge_core import (
    Client,
    EntityNotFound,
    EntityRef,
    InputSpec,
    InvalidRequest,
    LaunchRequest,
    NotFound,
    RunPhase,
    RunRef,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

WORKFLOW = """
from dataclasses import dataclass
from datetime import timedelta
from flytekit import Deck, LaunchPlan, Resources, conditional, task, workflow

@dataclass
class Point:
    x: int
    y: float

@task(enable_deck=True, requests=Resources(cpu="100m", mem="200Mi"), timeout=timedelta(minutes=5), cache=True, cache_version="7")
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

@task
def double(n: int) -> int:
    return 2 * n

@task
def more(n: int) -> int:
    return n + 1

@workflow
def turns(n: int = 1) -> int:
    first = more(n=n).with_overrides(node_name="zulu")
    second = conditional("c").if_(first > 100).then(double(n=first)).else_().then(more(n=first))
    return more(n=second).with_overrides(node_name="alpha")

again = LaunchPlan.get_or_create(turns, name="deckwork.again")

@workflow
def caller(n: int) -> int:
    return again(n=n)
"""


@pytest.fixture(scope="module")
def _flyte_sandbox_server() -> Iterator[Sandbox]:
    """Instead of the shared one: tasks of flytekit are forked, which takes a tenth of the time."""
    from bridge_core.sandbox import Sandbox

    with Sandbox(isolation="fork") as running:
        yield running


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
    # What went in and came out, by node, by its name, by attempt; with the types of the task.
    for node in (outer.id, outer.name, leaf.id):
        assert client.inputs(ref, node=node) == {"p": {"x": 1, "y": 2.5}}
        assert client.outputs(ref, node=node) == {"o0": {"x": 2, "y": 5.0}}
    assert client.inputs(ref, node=leaf.id, attempt=0) == {"p": {"x": 1, "y": 2.5}}
    assert client.outputs(ref, node=leaf.id, attempt=0) == {"o0": {"x": 2, "y": 5.0}}
    with pytest.raises(NotFound, match="has no attempt 3; it has 0"):
        client.outputs(ref, node=leaf.id, attempt=3)
    with pytest.raises(NotFound, match="has no node 'n7'; it has n0, "):
        client.outputs(ref, node="n7")
    with pytest.raises(InvalidRequest, match="runs have no attempts"):
        client.outputs(ref, attempt=0)


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
    assert client.inputs(ref, node="n0", attempt=0) == {"p": {"x": 7, "y": 0.0}}
    with pytest.raises(InvalidRequest, match="is FAILED; outputs exist only after it SUCCEEDED"):
        client.outputs(ref, node="n0")


def test_nodes_come_in_the_order_of_the_workflow_and_runs_of_nodes_are_followed(
    client: Client, module_name: str, name: str
) -> None:
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(f"{module_name}.caller"), inputs={"n": 5}, name=name))
    client.wait(ref, timeout=150).raise_for_phase()
    (node,) = client.nodes(ref)
    assert (node.kind, node.children) == ("run", ())
    (node,) = client.nodes(ref, follow=True, attempts=True)
    assert [child.name for child in node.children] == ["zulu", "n1", "alpha"]
    assert [child.kind for child in node.children] == ["task", "parent", "task"]
    assert all(child.attempts for child in node.children if child.kind == "task")
    assert client.outputs(ref, node=node.id) == {"o0": 8}
    assert node.child_run is not None
    assert client.outputs(node.child_run, node="zulu") == {"o0": 6}


def test_what_is_registered_shows_its_graph_and_how_it_runs(client: Client, module_name: str) -> None:
    for ref in (EntityRef.workflow(f"{module_name}.turns"), EntityRef.workflow(f"{module_name}.turns", version="v1")):
        entity = client.get_entity(ref)
        assert entity.ref == EntityRef.workflow(
            f"{module_name}.turns", project="flytesnacks", domain="development", version="v1"
        )
        assert entity.inputs["n"] == InputSpec(type="integer", required=False, default=1, description="n")
        assert entity.active is None
        assert entity.graph is not None
        assert [(node.id, node.kind) for node in entity.graph.nodes] == [
            ("zulu", "task"),
            ("n1", "branch"),
            ("alpha", "task"),
        ]
        assert set(entity.graph.edges) >= {("zulu", "n1"), ("n1", "alpha")}
        arms = entity.graph.nodes[1].graph
        assert arms is not None
        assert [node.entity.name for node in arms.nodes if node.entity] == [
            f"{module_name}.double",
            f"{module_name}.more",
        ]
    good = client.get_entity(EntityRef.launch_plan(f"{module_name}.good"))
    assert good.graph is not None
    (inner,) = good.graph.nodes
    assert inner.kind == "workflow"
    assert [node.entity for node in good.graph.walk()] == [
        EntityRef.workflow(f"{module_name}.inner", project="flytesnacks", domain="development", version="v1"),
        EntityRef.task(f"{module_name}.shift", project="flytesnacks", domain="development", version="v1"),
    ]
    shift = client.get_entity(EntityRef.task(f"{module_name}.shift"))
    assert shift.graph is None
    assert shift.task is not None
    assert (shift.task.type, shift.task.cache, shift.task.cache_version) == ("python-task", True, "7")
    assert shift.task.requests == {"cpu": "100m", "memory": "200Mi"}
    assert shift.task.timeout == timedelta(minutes=5)
    assert "pyflyte-execute" in shift.task.command
    assert shift.task.image
    refuse = client.get_entity(EntityRef.task(f"{module_name}.refuse")).task
    assert refuse is not None
    assert (refuse.retries, refuse.cache, refuse.timeout) == (1, False, None)
    with pytest.raises(EntityNotFound, match="no workflow"):
        client.get_entity(EntityRef.workflow(f"{module_name}.nosuch"))
    with pytest.raises(EntityNotFound, match="no version 'v9' of workflow"):
        client.get_entity(EntityRef.workflow(f"{module_name}.turns", version="v9"))
