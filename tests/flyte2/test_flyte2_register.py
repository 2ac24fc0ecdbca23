"""Tasks of the Flyte 2 SDK, registered by their own interpreter, run by the real runtime; and containers without any SDK."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge_core import (
    AlreadyExists,
    Client,
    ContainerTask,
    InvalidRequest,
    LaunchRequest,
    RunFailed,
    Unsupported,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

PROJECT = Path(__file__).parent / "project"


@pytest.fixture(scope="module", params=["grpc", "connect"])
def verbs(request: pytest.FixtureRequest, _flyte_sandbox_server: Sandbox) -> Iterator[Client]:
    with Client(_flyte_sandbox_server.config(flyte_version=2, transport=request.param)) as client:
        yield client


def test_code_is_registered_once_and_runs(verbs: Client, name: str) -> None:
    report = verbs.register(PROJECT / "shop2", source_root=PROJECT)
    assert [item.ref.name for item in report.entities] == [
        f"shop2.{task}" for task in ("fails", "parent", "shade", "triple")
    ]
    again = verbs.register(PROJECT / "shop2", source_root=PROJECT)
    assert again.version == report.version
    assert {item.outcome for item in again.entities} == {"unchanged"}
    ref = verbs.launch(LaunchRequest("task:shop2.triple", inputs={"x": 2}, name=name))
    verbs.wait(ref, timeout=120).raise_for_phase()
    assert verbs.outputs(ref) == {"o0": 21}
    assert verbs.inputs(ref) == {"x": 2, "y": 5}
    entity = verbs.get_entity("task:shop2.triple")
    assert entity.inputs["y"].default == 5


def test_enums_go_by_name_and_failures_tell_why(verbs: Client, name: str) -> None:
    verbs.register(PROJECT / "shop2", source_root=PROJECT)
    shade = verbs.launch(LaunchRequest("task:shop2.shade", inputs={"of": "LIGHT", "names": ["a", "b"]}, name=name))
    with pytest.raises(InvalidRequest, match="of"):
        verbs.launch(LaunchRequest("task:shop2.shade", inputs={"of": "l", "names": []}))
    bad = verbs.launch(LaunchRequest("task:shop2.fails", inputs={"x": -1}, name=f"{name}b"))
    verbs.wait(shade, timeout=120).raise_for_phase()
    assert verbs.outputs(shade) == {"o0": "LIGHT 2"}
    with pytest.raises(RunFailed, match="negative: -1"):
        verbs.wait(bad, timeout=120).raise_for_phase()


def test_children_are_a_tree(verbs: Client, name: str) -> None:
    verbs.register(PROJECT / "shop2", source_root=PROJECT)
    ref = verbs.launch(LaunchRequest("task:shop2.parent", inputs={"n": 2}, name=name))
    verbs.wait(ref, timeout=150).raise_for_phase()
    assert verbs.outputs(ref) == {"o0": [0, 3]}
    (root,) = verbs.nodes(ref, attempts=True)
    assert (root.id, root.name) == ("a0", "parent")
    assert [child.name for child in root.children] == ["triple", "triple"]
    child = root.children[1]
    assert verbs.outputs(ref, node=child.id) in ({"o0": 0}, {"o0": 3})


def test_triggers_of_the_code_are_deployed_with_it(verbs: Client, tmp_path: Path, name: str) -> None:
    place = tmp_path / "code"
    shutil.copytree(PROJECT / "timed2", place / "timed2")
    source = place / "timed2" / "tasks.py"
    source.write_text(source.read_text().replace("timed2-", f"{name}-"))  # each wire its own
    report = verbs.register(place / "timed2", source_root=place)
    outcomes = {item.ref.name: item.outcome for item in report.entities}
    assert outcomes == {
        "timed2.only": "created",
        "timed2.stamped": "created",
        f"{name}-hourly": "activated",
        f"{name}-demand": "created",
        f"{name}-plain": "created",
    }
    found = {item.ref.name: item for item in verbs.list_triggers() if item.ref.name.startswith(name)}
    hourly, plain = found[f"{name}-hourly"], found[f"{name}-plain"]
    assert (hourly.schedule, hourly.active) == ("CRON_TZ=Europe/Berlin 0 * * * *", True)
    assert (
        hourly.kickoff_input == ""
    )  # through the context of the stored inputs: the scheduler would leave out the others
    assert (plain.kickoff_input, plain.active, plain.schedule) == ("at", False, "every 60 min")
    ref = verbs.launch(LaunchRequest(f"launch_plan:{name}-demand", name=name))
    assert verbs.inputs(ref)["n"] == 7
    again = verbs.register(place / "timed2", source_root=place)
    assert again.version == report.version
    assert {item.outcome for item in again.entities} == {"unchanged"}
    verbs.deactivate(f"launch_plan:{name}-hourly")
    dry = verbs.register(place / "timed2", source_root=place, dry_run=True)
    assert {item.ref.name: item.outcome for item in dry.entities}[f"{name}-hourly"] == "activated"
    verbs.activate(f"launch_plan:{name}-hourly")
    source.write_text(source.read_text().replace('"n": 4', '"n": 5'))
    moved = verbs.register(place / "timed2", source_root=place)
    assert moved.version != report.version
    trigger = verbs.get_entity(f"launch_plan:{name}-hourly")
    assert trigger.ref.version == moved.version
    source.write_text(source.read_text().replace('"n": 5', '"n": 6'))
    with pytest.raises(AlreadyExists, match="flyte-bridge/inputs"):
        verbs.register(place / "timed2", source_root=place, version=moved.version)
    verbs.wait(ref, timeout=120).raise_for_phase()
    assert verbs.outputs(ref) == {"o0": "2026 7 w"}


def test_a_report_says_as_whom_it_would_run(verbs: Client, name: str) -> None:
    task = ContainerTask(name=f"c.{name}", image="python:3.11", command=("true",), service_account="robot")
    (item,) = verbs.register(task, dry_run=True).entities
    assert item.service_account == "robot"


def test_another_content_under_a_version_is_never_written(verbs: Client, name: str) -> None:
    one = ContainerTask(name=f"c.{name}", image="python:3.11", command=("true",))
    verbs.register(one, version="v1")
    other = ContainerTask(name=f"c.{name}", image="python:3.12", command=("true",))
    with pytest.raises(AlreadyExists, match="image"):
        verbs.register(other, version="v1")
    entity = verbs.get_entity(f"task:c.{name}@v1")
    assert entity.task is not None
    assert entity.task.image == "python:3.11"


def test_code_of_flytekit_is_refused_before_anything_is_written(verbs: Client, tmp_path: Path) -> None:
    (tmp_path / "only.py").write_text("x = 1\n")
    with pytest.raises(InvalidRequest, match=r"holds no task of a flyte\.TaskEnvironment"):
        verbs.register(tmp_path / "only.py")


def test_code_of_flyte2_is_refused_by_a_flyte1(flyte_sandbox: Sandbox) -> None:
    with Client(flyte_sandbox.config()) as client, pytest.raises(Unsupported, match="this is a Flyte 1"):
        client.register(PROJECT / "shop2", source_root=PROJECT)
