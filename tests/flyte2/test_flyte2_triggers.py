"""Triggers that Flyte 2 itself fires: deployed around what its scheduler does wrong, started, stopped, launched on demand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from flyteidl2.core import literals_pb2, types_pb2
from scripted_flyte2 import DOMAIN, PROJECT, ScriptedFlyte2

from bridge_core import (
    Client,
    Cron,
    DeployedTrigger,
    EntityNotFound,
    EntityRef,
    FixedRate,
    InvalidRequest,
    LaunchRequest,
    RunOptions,
    Trigger,
    TriggerTime,
    Unsupported,
)

DAILY, TAGGED = Cron("@daily"), RunOptions(tags=("a",))
_NOON = dt.datetime(2026, 11, 28, 12, tzinfo=dt.UTC)
INTEGER, DATETIME = types_pb2.INTEGER, types_pb2.DATETIME


@pytest.fixture(autouse=True)
def _tasks(flyte: ScriptedFlyte2) -> None:
    two = literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(integer=2)))
    flyte.deploy("env.raw", {"at": DATETIME, "x": INTEGER, "y": INTEGER}, {}, defaults={"y": two})
    flyte.deploy("env.sdk", {"at": DATETIME, "x": INTEGER}, {}, runtime="2.12.1")
    flyte.deploy("env.only", {"at": DATETIME}, {})


def deployed(flyte: ScriptedFlyte2, name: str) -> Any:
    return flyte.triggers[PROJECT, DOMAIN, name]


def test_a_trigger_is_deployed_once(flyte: ScriptedFlyte2, client: Client) -> None:
    trigger = Trigger(
        "nightly",
        entity="task:env.only",
        automation=Cron("0 3 * * *", timezone="Europe/Berlin"),
        inputs={"at": TriggerTime},
        options=RunOptions(labels={"team": "ml"}, env_vars={"A": "1"}),
        description="every night",
    )
    first = client.deploy_trigger(trigger)
    assert (first.created, first.active, first.kickoff_input) == (True, True, "at")
    assert first.schedule == "CRON_TZ=Europe/Berlin 0 3 * * *"
    there = deployed(flyte, "nightly")
    assert there.spec.run_spec.labels.values["team"] == "ml"
    assert there.automation_spec.schedule.kickoff_time_input_arg == "at"
    again = client.deploy_trigger(trigger)
    assert not again.created
    assert flyte.calls.count("DeployTrigger") == 1
    assert [item.name for item in client.list_triggers()] == ["nightly"]


def test_constants_are_stored_with_defaults(flyte: ScriptedFlyte2, client: Client) -> None:
    client.deploy_trigger(
        Trigger("rate", entity="task:env.raw", automation=FixedRate(15), inputs={"x": 1, "at": _NOON})
    )
    spec = deployed(flyte, "rate").spec
    assert spec.WhichOneof("input_wrapper") == "offloaded_input_data"
    stored = flyte.stored[spec.offloaded_input_data.uri]
    assert {item.name for item in stored.literals} == {"x", "y", "at"}
    assert deployed(flyte, "rate").automation_spec.schedule.rate.value == 15


def test_a_tick_and_constants_go_through_the_context_of_stored_inputs(flyte: ScriptedFlyte2, client: Client) -> None:
    client.deploy_trigger(
        Trigger("both", entity="task:env.sdk", automation=Cron("@hourly"), inputs={"x": 1, "at": TriggerTime})
    )
    there = deployed(flyte, "both")
    assert there.automation_spec.schedule.kickoff_time_input_arg == "", "else the scheduler drops x"
    stored = flyte.stored[there.spec.offloaded_input_data.uri]
    assert {item.key: item.value for item in stored.context} == {"_u_kickoff_time_input_arg": "at"}
    assert [item.name for item in stored.literals] == ["x"]


@pytest.mark.parametrize(
    ("trigger", "error", "words"),
    [
        (Trigger("t", entity="task:env.raw", automation=DAILY, inputs={"x": 1, "at": TriggerTime}), Unsupported, "leaves out"),
        (Trigger("t", entity="task:env.only", automation=DAILY, inputs={"no": TriggerTime}), InvalidRequest, "takes at"),
        (Trigger("t", entity="task:env.gone", automation=Cron("@daily")), EntityNotFound, "no task"),
        (Trigger("t", entity="task:env.only", automation=DAILY, options=TAGGED), Unsupported, "tags"),
    ],
)  # fmt: skip
def test_what_cannot_be_fired_is_refused(
    flyte: ScriptedFlyte2, client: Client, trigger: Trigger, error: type, words: str
) -> None:
    with pytest.raises(error, match=words):
        client.deploy_trigger(trigger)
    assert "DeployTrigger" not in flyte.calls


def test_started_stopped_deleted(flyte: ScriptedFlyte2, client: Client) -> None:
    trigger = Trigger("t", entity="task:env.only", automation=Cron("@daily"), inputs={"at": TriggerTime}, active=False)
    assert not client.deploy_trigger(trigger).active
    ref = EntityRef.launch_plan("t")
    assert client.activate(ref).active
    assert client.activate(ref).active
    assert flyte.calls.count("UpdateTriggers") == 1, "each time would be a revision"
    assert not client.deactivate(ref).active
    with pytest.raises(EntityNotFound, match="deploy it first"):
        client.activate("launch_plan:none")
    client.delete_trigger(ref)
    client.delete_trigger(ref)
    assert client.list_triggers() == []


def test_a_trigger_is_launched_on_demand(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    client.deploy_trigger(
        Trigger("now", entity="task:env.raw", inputs={"x": 1, "at": _NOON}, options=RunOptions(env_vars={"A": "1"}))
    )
    ref = client.launch(LaunchRequest("launch_plan:now", name=name, options=RunOptions(env_vars={"B": "2"})))
    (sent,) = flyte.creates()
    assert sent.trigger_name.name == "now"
    assert sent.WhichOneof("input_wrapper") is None, "what is sent would replace what is stored"
    assert {item.key: item.value for item in sent.run_spec.envs.values} == {"A": "1", "B": "2"}, (
        "the server merges nothing"
    )
    assert client.inputs(ref)["x"] == 1
    assert not client.launch_or_attach(LaunchRequest("launch_plan:now", name=name)).created
    with pytest.raises(InvalidRequest, match="give at, y too, or none at all"):
        client.launch(LaunchRequest("launch_plan:now", inputs={"x": 5}))


def test_the_run_of_a_tick_is_known_by_its_name() -> None:
    """As the open-source server named them: ticks that were recorded."""
    at = dt.datetime(2026, 11, 28, 12, 11, tzinfo=dt.UTC)
    trigger = DeployedTrigger(
        ref=EntityRef.launch_plan("live", project=PROJECT, domain=DOMAIN),
        entity=EntityRef.task("rec120553.ok", project=PROJECT, domain=DOMAIN),
        schedule="* * * * *",
    )
    assert trigger.run_at(at).name == "rf6e8715fb2592d38"
    assert trigger.run_at(at + dt.timedelta(minutes=1)).name == "rf6e4fb5fb2562e9f"
    berlin = at.astimezone(dt.timezone(dt.timedelta(hours=1)))
    assert trigger.run_at(berlin) == trigger.run_at(at)
    flyte1 = DeployedTrigger(ref=trigger.ref, entity=EntityRef.workflow("w"), schedule="")
    with pytest.raises(Unsupported):
        flyte1.run_at(at)
