"""Schedules of active launch plans, by a clock that the test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from flyteidl.admin import common_pb2, execution_pb2, launch_plan_pb2, schedule_pb2
from flyteidl.core import types_pb2

from bridge_core.sandbox import Sandbox
from bridge_core.sandbox.model.ids import scheduled_name

from .protos import (
    INTEGER,
    PHASE,
    D,
    P,
    add_node,
    add_output,
    echo_task,
    new_workflow,
    plan_id,
    rejected,
    unique,
)
from .test_executions import list_runs
from .test_processes import wait_until

DATETIME = types_pb2.LiteralType(simple=types_pb2.DATETIME)
START = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)


class Clock:
    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def forward(self, **by):
        self.now += timedelta(**by)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ticking(fresh, clock):
    return fresh(clock=clock, catch_up=3)


@pytest.fixture
def wire(ticking, connect):
    return connect(ticking)


def scheduled(wire, *, version="v1", name=None, kickoff="", inputs=None, active=True, **schedule):
    """when -> echo -> o0, as an active launch plan with a schedule."""
    name = name or unique("scheduled")
    inputs = {"when": DATETIME} if inputs is None else inputs
    task = echo_task(f"{name}.task", inputs, inputs, version)
    template = new_workflow(name, inputs, inputs, version)
    add_node(template, "n0", task, **{key: ("", key) for key in inputs})
    for key in inputs:
        add_output(template, key, "n0", key)
    plan = launch_plan_pb2.LaunchPlanSpec()
    plan.entity_metadata.schedule.CopyFrom(schedule_pb2.Schedule(kickoff_time_input_arg=kickoff, **schedule))
    target = wire.register(template, tasks=[task], plan=plan)
    if active:
        activate(wire, target)
    return target


def activate(wire, target, state=launch_plan_pb2.ACTIVE):
    wire.admin.UpdateLaunchPlan(launch_plan_pb2.LaunchPlanUpdateRequest(id=target, state=state))


def cron(text):
    return schedule_pb2.CronSchedule(schedule=text)


def rate(value, unit=schedule_pb2.FixedRateUnit.MINUTE):
    return schedule_pb2.FixedRate(value=value, unit=unit)


def runs_of(wire, target):
    sort = {"key": "id", "direction": common_pb2.Sort.ASCENDING}
    return list(list_runs(wire, f"eq(launch_plan.name,{target.name})", **sort).executions)


def test_cron_fires_once_per_tick_with_the_deterministic_name(ticking, wire, clock):
    target = scheduled(wire, cron_schedule=cron("*/5 * * * *"), kickoff="when")
    assert ticking.fire_due() == []
    clock.forward(minutes=4, seconds=29)
    assert ticking.fire_due() == []
    clock.forward(seconds=1)
    tick = datetime(2026, 3, 1, 12, 5, tzinfo=UTC)
    name = scheduled_name(target, int(tick.timestamp()))
    assert ticking.fire_due() == [name]
    assert ticking.fire_due() == []
    (run,) = runs_of(wire, target)
    assert run.id.name == name
    assert run.spec.metadata.mode == execution_pb2.ExecutionMetadata.SCHEDULED
    assert run.spec.metadata.scheduled_at.ToDatetime(tzinfo=UTC) == tick
    assert wire.wait(run.id).closure.phase == PHASE.SUCCEEDED
    assert wire.outputs_raw(run.id).literals["when"].scalar.primitive.datetime.ToDatetime(tzinfo=UTC) == tick


def test_names_are_flyteschedulers():
    """The algorithm of protocol section 3, written down once more, for many ticks."""

    def fnv1_64(data):
        value = 0xCBF29CE484222325
        for byte in data:
            value = (value * 0x100000001B3) & (2**64 - 1)
            value ^= byte
        return value

    target = plan_id("name", "v1")
    for tick in range(1_700_000_000, 1_700_000_300, 60):
        value = fnv1_64(f"{P}:{D}:name:v1:{tick}".encode())
        name = scheduled_name(target, tick)
        assert name == "f" + (value.to_bytes(8, "little") + bytes(8)).hex()[:19]
        assert len(name) == 20
        assert name.endswith("000")
    assert fnv1_64(b"") == 0xCBF29CE484222325
    assert fnv1_64(b"a") == 0xAF63BD4C8601B7BE  # FNV's own test vector for FNV-1


def test_a_fixed_rate_counts_from_activation_and_gets_no_kickoff_time(ticking, wire, clock):
    target = scheduled(wire, rate=rate(2, schedule_pb2.FixedRateUnit.HOUR), inputs={})
    clock.forward(hours=1, minutes=59)
    assert ticking.fire_due() == []
    clock.forward(minutes=1)
    assert ticking.fire_due() == [scheduled_name(target, int((START + timedelta(hours=2)).timestamp()))]
    kicked = scheduled(wire, rate=rate(1, schedule_pb2.FixedRateUnit.DAY), kickoff="when")
    clock.forward(days=1)
    names = ticking.fire_due()
    assert runs_of(wire, kicked) == []  # the server leaves the argument to its default, and there is none
    assert len(names) == 3  # of the other one: the newest of twelve missed ticks


def test_missed_ticks_are_made_up_for_in_order_up_to_the_limit(wire, clock, fresh, connect, caplog, ticking):  # noqa: PLR0917
    target = scheduled(wire, cron_schedule=cron("0 * * * *"), kickoff="when")
    clock.forward(hours=2)
    ticking.stop()
    again = fresh(clock=clock, catch_up=3)
    assert len(again.fire_due()) == 2
    wire = connect(again)
    ticks = [run.spec.metadata.scheduled_at.ToDatetime(tzinfo=UTC).hour for run in runs_of(wire, target)]
    assert ticks == [13, 14]
    clock.forward(days=400)
    assert len(again.fire_due()) == 3
    assert "are skipped" in caplog.text
    assert again.fire_due() == []
    assert len(runs_of(wire, target)) == 5


def test_only_the_active_version_fires(ticking, wire, clock):
    first = scheduled(wire, cron_schedule=cron("* * * * *"), kickoff="when")
    second = scheduled(wire, name=first.name, version="v2", cron_schedule=cron("* * * * *"), kickoff="when")
    clock.forward(minutes=1)
    (name,) = ticking.fire_due()
    assert name == scheduled_name(second, int(clock.now.replace(second=0).timestamp()))
    activate(wire, second, launch_plan_pb2.INACTIVE)
    clock.forward(minutes=1)
    assert ticking.fire_due() == []
    activate(wire, second)  # what passed meanwhile is not made up for
    assert ticking.fire_due() == []
    clock.forward(minutes=1)
    assert len(ticking.fire_due()) == 1
    activate(wire, second)  # again: nothing changes
    clock.forward(minutes=1)
    assert len(ticking.fire_due()) == 1


def test_a_tick_whose_execution_exists_is_done_with(ticking, wire, clock):
    target = scheduled(wire, cron_schedule=cron("1 * * * *"), kickoff="when")
    clock.forward(minutes=1)
    name = scheduled_name(target, int(clock.now.replace(second=0).timestamp()))
    other = scheduled(wire, cron_schedule=cron("0 0 1 1 *"), active=False, kickoff="when")
    inputs = launch_plan_pb2.LaunchPlanSpec().fixed_inputs
    inputs.literals["when"].scalar.primitive.datetime.FromDatetime(START.replace(tzinfo=None))
    wire.launch(other, name, inputs)
    assert ticking.fire_due() == []
    assert runs_of(wire, target) == []


def test_zones_and_next_fires(ticking, wire, clock):
    target = scheduled(wire, cron_schedule=cron("CRON_TZ=Europe/Berlin 0 3 * * *"), kickoff="when")
    (identifier, moment), *_ = ticking._started.engine.scheduler.next_fires()
    assert identifier.name == target.name
    assert moment == datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def test_it_fires_by_itself(connect):
    moment = [datetime.now(UTC)]
    with Sandbox(clock=lambda: moment[0]) as sandbox:
        wire = connect(sandbox)
        target = scheduled(wire, cron_schedule=cron("@every 10s"), kickoff="when")
        moment[0] += timedelta(seconds=10)
        wait_until(lambda: len(runs_of(wire, target)) == 1)


def test_what_flyteadmin_refuses(wire):
    def refused(**schedule):
        return rejected("INVALID_ARGUMENT", scheduled, wire, active=False, **schedule)

    assert "unbound required input. [when] is required" in refused(cron_schedule=cron("* * * * *"))
    assert "[nothing] is not free" in refused(cron_schedule=cron("* * * * *"), kickoff="nothing", inputs={})
    assert "must reference a datetime input. [n]" in refused(
        cron_schedule=cron("* * * * *"), kickoff="n", inputs={"n": INTEGER}
    )
    for wrong in ("hourly", "* * * * * *", "0 0 * * 7", "x"):
        assert "Invalid cron expression" in refused(cron_schedule=cron(wrong), kickoff="when")
    assert "Invalid cron expression" in refused(cron_expression="0 0 * * ? *", kickoff="when")
    assert scheduled(wire, rate=rate(0), kickoff="when")  # taken, activated, and never fires
    old = scheduled(wire, cron_expression="0 0 * * ?", kickoff="when", active=False)
    assert "unknown schedule expression type" in rejected("INTERNAL", activate, wire, old)
    active = wire.admin.GetLaunchPlan(common_pb2.ObjectGetRequest(id=old))
    assert active.closure.state == launch_plan_pb2.INACTIVE


def test_catch_up_is_checked():
    with pytest.raises(ValueError, match="catch_up"):
        Sandbox(catch_up=0).start()
