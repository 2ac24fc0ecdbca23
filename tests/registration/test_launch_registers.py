"""Launches that register first: one registration and one run of one content, whatever dies in between."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.killed import Killed

from bridge_core import (
    AsyncClient,
    Client,
    ContainerTask,
    EntityRef,
    InvalidRequest,
    LaunchPlan,
    LaunchRequest,
    RegisterRequest,
    RunRef,
    RunSnapshot,
)
from bridge_core.sandbox import Sandbox

WRITES = ("CreateTask", "CreateWorkflow", "CreateLaunchPlan", "UpdateLaunchPlan", "CreateExecution")
ADD = ContainerTask(
    name="first.add",
    image="busybox:1.36",
    command=("/bin/sh", "-c", "echo $(({{.inputs.left}} + {{.inputs.right}})) > /var/outputs/sum"),
    inputs={"left": int, "right": int},
    outputs={"sum": int},
)
INPUTS = {"left": 2, "right": 3}

CODE = """from flytekit import task, workflow

@task
def one(n: int) -> int:
    return n + ADDED

@workflow
def wf(n: int = 1) -> int:
    return one(n=n)
"""

LAUNCHES = """
task = ContainerTask(
    name=word, image="busybox:1.36", command=("/bin/sh", "-c", "echo $(({{.inputs.n}} + 1)) > /var/outputs/n"),
    inputs={"n": int}, outputs={"n": int},
)
said = client.launch(LaunchRequest("task:" + word, inputs={"n": 1}, name=word.replace(".", "-"), register=task))
"""


@pytest.fixture(scope="module")
def boxes() -> Iterator[Sandbox]:
    with Sandbox(projects=("ours",), images={"busybox:*": []}, isolation="fork") as sandbox:
        yield sandbox


@pytest.fixture
def client(boxes: Sandbox) -> Iterator[Client]:
    with Client(boxes.config(project="ours")) as client:
        boxes.calls.clear()
        yield client


def request(name: str | None = None, task: ContainerTask = ADD, **more: Any) -> LaunchRequest:
    return LaunchRequest(f"task:{task.name}", inputs=INPUTS, name=name, register=task, **more)


def runs(client: Client, name: str) -> list[RunSnapshot]:
    return [run for run in client.list_runs(limit=500) if run.ref.name.startswith(name)]


def test_registered_launched_and_found_again(boxes: Sandbox, client: Client) -> None:
    launched = client.launch_or_attach(request("first"))
    assert launched.created
    assert launched.ref.name.startswith("first-")
    client.wait(launched.ref, timeout=60).raise_for_phase()
    assert client.outputs(launched.ref)["sum"] == 5
    entity = client.describe(launched.ref).entity
    assert entity is not None
    assert entity.version == client.register(ADD).version
    again = client.launch_or_attach(request("first"))
    assert (again.created, again.ref) == (False, launched.ref)
    assert boxes.calls.count("CreateExecution") == 1
    assert boxes.calls.count("CreateTask") == 1
    changed = client.launch_or_attach(request("first", dataclasses.replace(ADD, env={"A": "1"})))
    assert changed.created  # other code under the same name is another run
    assert changed.ref != launched.ref


def test_without_a_name(client: Client) -> None:
    first, second = client.launch(request()), client.launch(request())
    assert first != second


def test_killed_after_every_answer(boxes: Sandbox, client: Client) -> None:
    boundary = 0
    with Killed(boxes, LAUNCHES) as killed:
        while True:
            boundary += 1
            task = f"killed.at{boundary}"
            if (code := killed.after(boundary, task).code) == 0:
                break
            assert code == -9
            again = killed.never(task)
            (found,) = runs(client, f"killed-at{boundary}-")
            assert again.said == str(found.ref)
            assert len(client.list_entities("task", name=task)) == 1
            client.wait(found.ref, timeout=60).raise_for_phase()
    assert boundary > 5  # domains, lists, CreateTask, GetTask, CreateExecution at least


def test_many_register_once(boxes: Sandbox, client: Client) -> None:
    task = dataclasses.replace(ADD, name="first.many")
    requests = LaunchRequest.zipped(
        "task:first.many", {"left": [1, 2, 3]}, inputs={"right": 1}, name="many", register=task
    )
    refs = client.launch_many(requests)
    assert len({str(ref) for ref in refs}) == 3
    assert boxes.calls.count("CreateTask") == 1
    assert boxes.calls.count("GetDomains") + boxes.calls.count("ListTasks") <= 2
    found = {run.ref: run for run in client.run_many(requests, concurrency=1)}
    assert set(found) == set(refs)
    assert all(run.snapshot is not None and run.snapshot.phase.is_success for run in found.values())
    assert boxes.calls.count("CreateExecution") == 3


def test_one_of_many_that_cannot_be_registered(boxes: Sandbox, client: Client) -> None:
    bad = LaunchRequest("task:first.other", inputs=INPUTS, register=ADD)
    good, problem = client.launch_many([request("among"), bad], return_exceptions=True)
    assert isinstance(good, RunRef)
    assert isinstance(problem, InvalidRequest)
    with pytest.raises(InvalidRequest, match=r"first\.other is to be launched"):
        client.launch_many([request("among-too"), bad])


def test_awaited(boxes: Sandbox) -> None:
    async def launch() -> RunRef:
        async with AsyncClient(boxes.config(project="ours")) as client:
            ref = await client.launch(request("awaited"))
            (await client.wait(ref, timeout=60)).raise_for_phase()
            return ref

    assert asyncio.run(launch()).name.startswith("awaited-")


def test_code_and_its_launch_plan(boxes: Sandbox, client: Client, tmp_path: Path) -> None:
    names = []
    for folder, added in (("a", 1), ("b", 1), ("c", 2)):
        source = tmp_path / folder / "flow.py"
        source.parent.mkdir()
        source.write_text(CODE.replace("ADDED", str(added)))
        plan = LaunchPlan("first.plan", "flow.wf", fixed={"n": 7})
        ref = client.launch(LaunchRequest("first.plan", name="code", register=[source, plan]))
        client.wait(ref, timeout=60).raise_for_phase()
        assert client.outputs(ref)["o0"] == 7 + added
        names.append(ref.name)
    assert names[0] == names[1] != names[2]
    assert boxes.calls.count("CreateExecution") == 2


def test_a_version_of_ones_own(client: Client) -> None:
    ref = client.launch(LaunchRequest("task:first.add@v1.4", inputs=INPUTS, name="own", register=RegisterRequest(ADD)))
    assert client.describe(ref).entity == EntityRef.task(
        "first.add", project="ours", domain="development", version="v1.4"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"entity": "task:first.none"}, r"task:ours/development/first\.none is to be launched.*task:.*first\.add"),
        ({"entity": "first.add"}, r"launch_plan:ours/development/first\.add is to be launched.*: task:ours"),
        ({"entity": "task:first.add@latest"}, "not the latest version"),
        ({"entity": "task:first.add@v1", "register": RegisterRequest(ADD, version="v2")}, "names version 'v1' and"),
        (
            {"entity": "task:elsewhere/development/first.add", "register": RegisterRequest(ADD, project="ours")},
            "launched",
        ),
        ({"entity": "task:first.add", "name": "n" * 53}, "too long for a launch that registers"),
        ({"entity": "task:first.add", "name": "Upper"}, "not legal"),
        ({"entity": "task:first.add", "register": "nowhere.py"}, "'nowhere.py' is no file"),
        ({"entity": "task:first.add", "register": 3}, "source: wanted a file"),
    ],
)
def test_what_cannot_be_meant(arguments: dict[str, Any], words: str, boxes: Sandbox, client: Client) -> None:
    with pytest.raises(InvalidRequest, match=words):
        client.launch(LaunchRequest(**{"inputs": INPUTS, "register": ADD, **arguments}))
    assert sum(boxes.calls.count(method) for method in WRITES) == 0


def test_a_registration_that_might_not_register() -> None:
    with pytest.raises(InvalidRequest, match="dry_run"):
        LaunchRequest("task:first.add", register=RegisterRequest(ADD, dry_run=True))
    with pytest.raises(InvalidRequest, match="copy: wanted"):
        RegisterRequest("flows/", copy="some")
    asked = LaunchRequest("task:first.add", register=ADD)
    assert asked.register == RegisterRequest(ADD)
    assert pickle.loads(pickle.dumps(asked)) == asked


def test_on_the_command_line(boxes: Sandbox, tmp_path: Path) -> None:
    source = tmp_path / "shellflow.py"
    source.write_text(CODE.replace("ADDED", "1"))
    command = [
        sys.executable, "-m", "bridge_core.cli", "launch", "shellflow.wf", "--register", str(source), "--name", "shell",
        "--wait", "--output", "json", "--endpoint", boxes.endpoint, "--insecure", "--project", "ours", "--domain", "development",
    ]  # fmt: skip
    told = [subprocess.run(command, capture_output=True, text=True) for _ in range(2)]
    assert [item.returncode for item in told] == [0, 0], told[0].stderr
    first, second = (json.loads(item.stdout) for item in told)
    assert first == second
    assert first["outputs"] == {"o0": 2}
    lonely = subprocess.run([*command[:5], "--python", "x", *command[-7:]], capture_output=True, text=True)
    assert lonely.returncode == 2
    assert "--register" in lonely.stderr
