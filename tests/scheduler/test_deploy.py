"""Triggers on Flyte 1: a launch plan with a schedule, on the wire."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from flyteidl.admin import common_pb2, launch_plan_pb2, schedule_pb2
from support.flyte import DOMAIN, INTEGER, PROJECT, RawFlyte, integer
from support.schedules import DATETIME

from bridge_core import (
    Client,
    Cron,
    EntityNotFound,
    EntityRef,
    FixedRate,
    InvalidRequest,
    LaunchRequest,
    LiteralError,
    RunOptions,
    Trigger,
    TriggerTime,
    Unsupported,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

NIGHTLY = Cron("0 3 * * 1-5", timezone="Europe/Berlin")


@pytest.fixture
def wf(raw: RawFlyte) -> str:
    name = "d" + uuid.uuid4().hex[:12]
    raw.register(name, {"at": DATETIME, "n": INTEGER, "m": INTEGER}, defaults={"m": integer(5)}, labels={"team": "a"})
    return name


def trigger(wf: str, automation: Cron | FixedRate = NIGHTLY, **more: Any) -> Trigger:
    settings: dict[str, Any] = {"inputs": {"at": TriggerTime, "n": 3}, **more}
    return Trigger(f"{wf}-nightly", entity=wf, automation=automation, **settings)


def plan(raw: RawFlyte, name: str) -> Any:
    identifier = common_pb2.NamedEntityIdentifier(project=PROJECT, domain=DOMAIN, name=name)
    return raw.admin("GetActiveLaunchPlan", launch_plan_pb2.ActiveLaunchPlanRequest(id=identifier))


def test_a_cron_becomes_a_launch_plan_of_its_own(client: Client, raw: RawFlyte, wf: str) -> None:
    deployed = client.deploy_trigger(trigger(wf, description="every working night", labels={"b": "c"}))
    assert (deployed.name, deployed.active, deployed.created) == (f"{wf}-nightly", True, True)
    assert deployed.schedule == "CRON_TZ=Europe/Berlin 0 3 * * 1-5"
    assert (deployed.entity.name, deployed.kickoff_input, deployed.description) == (wf, "at", "every working night")
    found = plan(raw, f"{wf}-nightly")
    schedule = found.spec.entity_metadata.schedule
    assert schedule.cron_schedule.schedule == "CRON_TZ=Europe/Berlin 0 3 * * 1-5"
    assert schedule.kickoff_time_input_arg == "at"
    assert found.spec.workflow_id.name == wf
    assert found.spec.fixed_inputs.literals["n"].scalar.primitive.integer == 3
    assert sorted(found.closure.expected_inputs.parameters) == ["at", "m"]
    assert dict(found.spec.labels.values) == {"team": "a", "b": "c", "flyte-bridge-trigger": f"{wf}-nightly"}
    # The entity's own launch plan is as it was.
    own = client.get_entity(EntityRef.launch_plan(wf))
    assert own.active is False
    assert sorted(own.inputs) == ["at", "m", "n"]


def test_what_was_deployed_launches(client: Client, wf: str) -> None:
    client.deploy_trigger(trigger(wf))
    tick = datetime(2026, 11, 20, 3, tzinfo=UTC)
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(f"{wf}-nightly"), inputs={"at": tick}))
    client.wait(ref).raise_for_phase()
    assert dict(client.outputs(ref)) == {"at": tick, "n": 3, "m": 5}


def test_deploying_again_changes_nothing(client: Client, flyte_sandbox: Sandbox, wf: str) -> None:
    first = client.deploy_trigger(trigger(wf))
    flyte_sandbox.calls.clear()
    again = client.deploy_trigger(trigger(wf))
    assert (again.ref, again.active, again.created) == (first.ref, True, False)
    assert flyte_sandbox.calls.count("UpdateLaunchPlan") == 0


def test_a_changed_trigger_replaces_the_one_before(client: Client, raw: RawFlyte, wf: str) -> None:
    first = client.deploy_trigger(trigger(wf))
    second = client.deploy_trigger(trigger(wf, Cron("@hourly")))
    assert first.ref.version != second.ref.version
    assert plan(raw, f"{wf}-nightly").id.version == second.ref.version
    back = client.deploy_trigger(trigger(wf))
    assert (back.ref, back.active, back.created) == (first.ref, True, False)


@pytest.mark.parametrize(
    ("minutes", "wanted"),
    [
        (15, (15, schedule_pb2.MINUTE)),
        (120, (2, schedule_pb2.HOUR)),
        (2880, (2, schedule_pb2.DAY)),
        (90, (90, schedule_pb2.MINUTE)),
    ],
)
def test_fixed_rates(minutes: int, wanted: tuple[int, int], client: Client, raw: RawFlyte, wf: str) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    deployed = client.deploy_trigger(trigger(wf, FixedRate(minutes), inputs={"at": at, "n": 1}))
    assert deployed.schedule == f"every {minutes} min"
    rate = plan(raw, f"{wf}-nightly").spec.entity_metadata.schedule.rate
    assert (rate.value, rate.unit) == wanted


def test_a_fixed_rate_with_a_kickoff_input_is_refused_with_the_reason(
    client: Client, flyte_sandbox: Sandbox, wf: str
) -> None:
    flyte_sandbox.calls.clear()
    with pytest.raises(
        Unsupported, match=r"'at' is TriggerTime, and Flyte 1 fills it for cron schedules only.*@every 15m"
    ):
        client.deploy_trigger(trigger(wf, FixedRate(15)))
    assert not [name for name in flyte_sandbox.calls.counts() if name.startswith(("Create", "Update"))]
    assert client.deploy_trigger(trigger(wf, Cron("@every 15m"))).schedule == "@every 15m"


def test_what_flyte_1_cannot_do_is_refused_by_name(client: Client, wf: str) -> None:
    start = FixedRate(15, start_time=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(Unsupported, match=r"start_time .* cannot be told to Flyte 1"):
        client.deploy_trigger(trigger(wf, start, inputs={"n": 1}))
    with pytest.raises(Unsupported, match="2 inputs are TriggerTime"):
        client.deploy_trigger(trigger(wf, inputs={"at": TriggerTime, "n": TriggerTime}))
    with pytest.raises(Unsupported, match="'tags' cannot be put into a Flyte 1 launch plan"):
        client.deploy_trigger(trigger(wf, options=RunOptions(tags=("a",))))
    with pytest.raises(Unsupported, match="'queue' cannot be honoured by Flyte 1"):
        client.deploy_trigger(trigger(wf, queue="fast"))


def test_inputs_are_checked_before_anything_is_sent(client: Client, flyte_sandbox: Sandbox, wf: str) -> None:
    flyte_sandbox.calls.clear()
    with pytest.raises(InvalidRequest, match="'n' is TriggerTime, but not a datetime"):
        client.deploy_trigger(trigger(wf, inputs={"n": TriggerTime}))
    with pytest.raises(InvalidRequest, match=r"'x' is TriggerTime, but .* takes at, m, n"):
        client.deploy_trigger(trigger(wf, inputs={"x": TriggerTime, "n": 1}))
    with pytest.raises(LiteralError, match="missing"):
        client.deploy_trigger(trigger(wf, inputs={"at": TriggerTime}))
    with pytest.raises(LiteralError, match="unknown input"):
        client.deploy_trigger(trigger(wf, inputs={"at": TriggerTime, "n": 1, "y": 2}))
    with pytest.raises(EntityNotFound):
        client.deploy_trigger(Trigger("t", entity="pkg.none", automation=NIGHTLY))
    assert not [name for name in flyte_sandbox.calls.counts() if name.startswith(("Create", "Update"))]


def test_activate_deactivate_and_list(client: Client, wf: str) -> None:
    name = f"{wf}-nightly"
    deployed = client.deploy_trigger(trigger(wf, auto_activate=False))
    assert not deployed.active
    assert client.activate(deployed.ref).active
    assert client.activate(name).active
    (listed,) = [item for item in client.list_triggers() if item.name == name]
    assert (listed.active, listed.schedule) == (True, "CRON_TZ=Europe/Berlin 0 3 * * 1-5")
    assert not client.deactivate(name).active
    assert not client.deactivate(name).active
    (listed,) = [item for item in client.list_triggers() if item.name == name]
    assert not listed.active
    assert wf not in [item.name for item in client.list_triggers()]  # it has no schedule
    with pytest.raises(EntityNotFound, match=r"no launch plan 'pkg.none'"):
        client.activate("pkg.none")
    with pytest.raises(InvalidRequest, match="only launch plans can be active"):
        client.activate("task:pkg.t")
