"""What is registered as a value: it says what the server says, survives a file, and needs no network from then on."""

from __future__ import annotations

import asyncio
import json
import pickle
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.flyte import DOMAIN, INTEGER, PROJECT, STRING, RawFlyte, integer, text

from bridge_core import (
    AsyncClient,
    Client,
    ContainerTask,
    Entity,
    EntityNotFound,
    EntityRef,
    InterfaceSnapshot,
    InvalidRequest,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


@pytest.fixture
def registered(client: Client, raw: RawFlyte, name: str) -> str:
    """A launch plan with two versions, the older active, and a task."""
    inputs = {"n": INTEGER, "who": STRING, "kind": STRING}
    raw.register(
        name,
        inputs,
        defaults={"n": integer(3)},
        fixed={"kind": text("a")},
        description="Trains.",
        width=2,
        activate=True,
    )
    raw.register(name, {**inputs, "more": INTEGER}, version="v2")
    client.register(
        [ContainerTask(name=name, image="none", command=["true"], inputs={"n": int}, outputs={"o": str})], version="v1"
    )
    return name


def told(entity: Entity) -> object:
    """What a file keeps of it: not how a task runs, nor versions of what nodes run."""
    graph = entity.graph and (
        [(node.id, node.name, node.kind, node.entity) for node in entity.graph.nodes],
        entity.graph.edges,
    )
    return entity.ref, entity.inputs, entity.outputs, entity.fixed, entity.active, entity.description, graph


def test_it_says_what_the_server_says(
    flyte_sandbox: Sandbox, client: Client, registered: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = [registered, f"{registered}@v2", f"{registered}@latest", f"{registered}@active", f"task:{registered}"]
    server = {text: client.get_entity(text) for text in asked}
    assert server[registered].description == "Trains."
    assert server[registered].graph
    client.interfaces().write(tmp_path / "interfaces.json")
    monkeypatch.setattr(socket, "socket", None)  # nothing of it needs a network
    found = InterfaceSnapshot.read(tmp_path / "interfaces.json")
    assert (found.project, found.domain, found.flyte_version) == (PROJECT, DOMAIN, 1)
    for name in (registered, f"{registered}@active", f"task:{registered}"):
        assert told(found.get_entity(name)) == told(server[name]), name
    newest = found.get_entity(f"{registered}@v2")
    assert (newest.inputs, newest.active) == (server[f"{registered}@v2"].inputs, False)
    assert newest == found.get_entity(f"{registered}@latest")
    assert found.get_entity(f"workflow:{registered}").ref.name == registered
    assert EntityRef.launch_plan(registered, project=PROJECT, domain=DOMAIN) in found.list_entities("launch_plan")
    assert [ref.name for ref in found.list_entities("task")].count(registered) == 1
    assert pickle.loads(pickle.dumps(found)).to_dict() == found.to_dict()


def test_only_what_is_asked_for(flyte_sandbox: Sandbox, client: Client, registered: str) -> None:
    flyte_sandbox.calls.clear()
    found = client.interfaces(entities=[f"{registered}@v1", "pkg.nosuch", "launch_plan:other/production/x"], versions=1)
    assert [ref.name for ref in found.list_entities("launch_plan")] == [registered]
    assert (len(found), flyte_sandbox.calls.count("ListTasks")) == (1, 0)
    with pytest.raises(EntityNotFound, match=r"there is no task .* in flytesnacks/development"):
        found.get_entity(f"task:{registered}")

    async def asked() -> InterfaceSnapshot:
        async with AsyncClient(flyte_sandbox.config()) as flyte:
            return await flyte.interfaces(PROJECT, DOMAIN, entities=[f"{registered}@v1", "pkg.nosuch"], versions=1)

    assert asyncio.run(asked()).to_dict() == found.to_dict()


def test_what_it_does_not_hold(client: Client, registered: str, tmp_path: Path) -> None:
    found = client.interfaces(versions=1)
    data = found.to_dict()
    for item in data["entities"]:
        item["interfaces"].pop("v1", None)
    left = InterfaceSnapshot.from_dict(data)
    with pytest.raises(EntityNotFound, match="its interface was left out; take the snapshot again"):
        left.get_entity(f"{registered}@v1")
    with pytest.raises(EntityNotFound, match=f"'{registered}' has no version 'v9'; the newest are v2, v1"):
        found.get_entity(f"{registered}@v9")
    with pytest.raises(InvalidRequest, match=r"these are the interfaces of flytesnacks/development"):
        found.get_entity("launch_plan:other/production/x")
    with pytest.raises(InvalidRequest, match=r"nosuch.json: No such file"):
        InterfaceSnapshot.read(tmp_path / "nosuch.json")
    with pytest.raises(InvalidRequest, match=r"name a file that can be written"):
        found.write(tmp_path / "no" / "folder.json")
    path = tmp_path / "damaged.json"
    broken = found.to_dict()
    next(item for item in broken["entities"] if item["name"] == registered)["interfaces"]["v1"]["inputs"]["n"] = {
        "a": 1
    }
    for content in ("{", "[]", '"a"', "{}", '{"format": 99}', '{"format": 1}', json.dumps(broken)):
        path.write_text(content)
        with pytest.raises(InvalidRequest, match="flyte-bridge snapshot"):
            InterfaceSnapshot.read(path)
