"""What stands for a reference: texts that can mean one thing are read, everything else says the way out."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from support.flyte import INTEGER, RawFlyte

from bridge_core import (
    Client,
    Config,
    ConfigError,
    Cron,
    EntityKind,
    EntityRef,
    FixedRate,
    InvalidRequest,
    LaunchRequest,
    NotFound,
    RunRef,
    Trigger,
    Unsupported,
)

PLACE = Config.for_sandbox()


def train(epochs: int) -> None:
    """What other SDKs launch."""


class SdkTask:
    """A task object of an SDK: callable, and named."""

    name = "pkg.tasks.train"

    def __call__(self) -> None: ...


def test_a_run_by_its_text(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    ref = client.launch(LaunchRequest(f"launch_plan:{name}", inputs={"n": 1}, name=name))
    assert client.wait(str(ref), timeout=60).ref == ref
    page = f"https://flyte.example.com/console/projects/flytesnacks/domains/development/executions/{name}?duration=all"
    for text in (name, str(ref), f"ex:flytesnacks:development:{name}", page, client.console_url(ref)):
        assert client.describe(text).ref == ref
    assert client.outputs(name) == {"n": 1}
    assert [snapshot.ref for snapshot in client.wait_many([name, ref], timeout=60)] == [ref, ref]
    with pytest.raises(InvalidRequest, match=r"got a RunSnapshot; give its \.ref"):
        client.describe(client.describe(ref))  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match=r"RunRef\.from_dict reads a mapping, got a dict"):
        client.describe(ref.to_dict())  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="runs: wanted a list of RunRefs or of their texts"):
        client.wait_many(name)
    with (
        Client(Config.for_endpoint("localhost:1", insecure=True)) as elsewhere,
        pytest.raises(ConfigError, match="--project"),
    ):
        elsewhere.describe(name)


def test_an_entity_by_its_text(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {})
    assert client.get_entity(name).ref == EntityRef.launch_plan(
        name, project="flytesnacks", domain="development", version="v1"
    )
    ref = client.launch(name)
    assert client.wait(ref, timeout=60).entity == client.get_entity(name).ref
    assert client.launch_or_attach(LaunchRequest(EntityRef.launch_plan(name), name=ref.name)).created is False
    assert client.launch_many([name, EntityRef.launch_plan(name)], return_exceptions=True)[0] != ref
    for kind in ("workflow", "workflows", "WORKFLOW", EntityKind.WORKFLOW):
        assert EntityRef.workflow(name, project="flytesnacks", domain="development") in client.list_entities(kind)
    assert client.list_entities("launch-plans", name=name) == [client.get_entity(name).ref]
    with pytest.raises(InvalidRequest, match=r"kind: wanted an EntityKind, or 'task', .* got 'runs'"):
        client.list_entities("runs")


def test_flytekits_identifiers() -> None:
    assert RunRef.parse("ex:p:d:n") == RunRef("p", "d", "n")
    assert EntityRef.parse("lp:p:d:pkg.wf:v:1") == EntityRef.launch_plan(
        "pkg.wf", project="p", domain="d", version="v:1"
    )
    assert EntityRef.parse("tsk:p:d:t:v") == EntityRef.task("t", project="p", domain="d", version="v")
    assert EntityRef.parse("wf:p:d:w:v").kind is EntityKind.WORKFLOW
    with pytest.raises(InvalidRequest, match="wanted project/domain/name"):
        RunRef.parse("ex:p:d")


@pytest.mark.parametrize(("code", "named"), [(train, "test_text_forms.train"), (SdkTask(), "pkg.tasks.train")])
def test_code_is_not_launched(client: Client, code: Any, named: str) -> None:
    way = (
        rf"{re.escape(named)} is a Python \w+, and Flyte knows only what is registered: .*'workflow:{re.escape(named)}'"
    )
    for attempt in (client.launch, LaunchRequest, client.get_entity, lambda given: Trigger("t", entity=given)):
        with pytest.raises(Unsupported, match=way):
            attempt(code)
    with pytest.raises(InvalidRequest, match=r"request: wanted a LaunchRequest, as in .*, got a dict"):
        client.launch({"entity": "pkg.wf"})  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match=r"inputs of launch_plan:pkg\.wf: wanted a mapping"):
        LaunchRequest("pkg.wf", inputs=[1])  # type: ignore[arg-type]


def test_schedules_as_the_sdk_spells_them() -> None:
    assert Cron("0 3 * * *", "Europe/Berlin") == Cron("0 3 * * *", timezone="Europe/Berlin")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert FixedRate(15, start) == FixedRate(15, start_time=start)
    given = Trigger("t", Cron("@daily"), "nightly", False, {"n": 1}, entity="pkg.wf")
    assert given == Trigger(
        "t", automation=Cron("@daily"), description="nightly", auto_activate=False, inputs={"n": 1}, entity="pkg.wf"
    )
    with pytest.raises(InvalidRequest, match=r"trigger 't': entity= says what to launch"):
        Trigger("t", Cron("@daily"))


def test_pages_of_the_console() -> None:
    with Client(PLACE) as client:
        base = "http://localhost:30002/console/projects/flytesnacks/domains/development"
        assert client.console_url("a1") == f"{base}/executions/a1"
        assert client.console_url(EntityRef.task("pkg.t", version="v/1")) == f"{base}/task/pkg.t/version/v%2F1"
        assert client.console_url("workflow:pkg.w") == f"{base}/workflows/pkg.w"
        assert client.console_url("launch-plan:pkg.w@active") == f"{base}/launchPlans/pkg.w"
        assert client.console_url("launch_plan:p/d/pkg.w@v1").endswith("/p/domains/d/launch_plan/pkg.w/version/v1")


def test_the_sandbox_serves_those_pages(client: Client, raw: RawFlyte, name: str) -> None:
    import urllib.request

    raw.register(name, {})
    for text in (f"workflow:{name}", f"workflow:{name}@v1", f"launch_plan:{name}@v1", f"launch_plan:{name}"):
        with urllib.request.urlopen(client.console_url(text), timeout=20) as page:
            assert name in page.read().decode()


def test_projects_and_domains(client: Client) -> None:
    (snacks,) = [item for item in client.projects() if item.id == "flytesnacks"]
    assert snacks.domains == ("development", "staging", "production")
    assert not snacks.archived
    assert client.domains() == client.domains("flytesnacks") == ["development", "staging", "production"]
    with pytest.raises(NotFound, match=r"no project 'nowhere'; there are .*flytesnacks"):
        client.domains("nowhere")
