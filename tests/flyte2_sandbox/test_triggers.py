"""Triggers fire by the clock, once per tick, with the inputs that the backend gives them, and go on after a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from .wires import D, P, create, data_of, ended, unique


class Clock:
    def __init__(self):
        self.now = datetime(2026, 3, 1, 11, 59, 30, tzinfo=UTC)

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sandbox(fresh, clock):
    running = fresh(clock=clock, prompt=True)
    running.stub("pkg.tick", outputs={"o0": 7}, inputs={"x": int})
    return running


def name(trigger):
    return {"project": P, "domain": D, "taskName": "pkg.tick", "name": trigger}


def deploy(wire, trigger, schedule, active=True, **spec):
    request = {
        "name": name(trigger),
        "spec": {"active": active, "taskVersion": "stub", **spec},
        "automationSpec": {"type": "TYPE_SCHEDULE", "schedule": schedule},
    }
    return wire("DeployTrigger", request).trigger


def offloaded(wire, number):
    request = {
        "projectId": {"name": P, "domain": D},
        "taskId": {"project": P, "domain": D, "name": "pkg.tick", "version": "stub"},
        "inputs": {"literals": [{"name": "x", "value": {"scalar": {"primitive": {"integer": number}}}}]},
    }
    found = wire("UploadInputs", request).offloaded_input_data
    return {"offloadedInputData": {"uri": found.uri, "inputsHash": found.inputs_hash}}


def test_a_tick_makes_one_run_with_the_offloaded_inputs(sandbox, clock, connect):
    wire = connect(sandbox)
    deploy(wire, "noon", {"cron": {"expression": "0 12 * * *"}}, **offloaded(wire, 5))
    assert sandbox.fire_due() == []
    clock.now += timedelta(minutes=1)
    (run,) = sandbox.fire_due()
    assert sandbox.fire_due() == []
    assert ended(wire, run).metadata.trigger_name == "noon"
    assert data_of(wire, run) == ({"x": 5}, {"o0": 7})
    assert wire("GetTriggerDetails", {"name": name("noon")}).trigger.status.HasField("triggered_at")


def test_where_the_time_is_asked_for_it_is_the_only_input(sandbox, clock, connect):
    wire = connect(sandbox)
    deploy(wire, "when", {"cron": {"expression": "0 12 * * *"}, "kickoffTimeInputArg": "at"}, **offloaded(wire, 5))
    clock.now += timedelta(minutes=1)
    (run,) = sandbox.fire_due()
    ended(wire, run)
    assert set(data_of(wire, run)[0]) == {"at"}


def test_only_what_is_active_fires_and_a_rate_counts_from_its_start(sandbox, clock, connect):
    wire = connect(sandbox)
    start = clock.now.isoformat().replace("+00:00", "Z")
    rate = {"rate": {"value": 10, "unit": "FIXED_RATE_UNIT_MINUTE", "startTime": start}}
    deploy(wire, "often", rate, active=False)
    clock.now += timedelta(minutes=25)
    assert sandbox.fire_due() == []
    wire("UpdateTriggers", {"names": [name("often")], "active": True})
    clock.now += timedelta(minutes=20)  # 10 and 20 passed before it was switched on, 30 and 40 since
    assert len(sandbox.fire_due()) == 2
    wire("DeleteTriggers", {"names": [name("often")]})
    clock.now += timedelta(minutes=20)
    assert sandbox.fire_due() == []


def test_a_rate_of_nothing_never_fires_and_hangs_nothing(sandbox, clock, connect):
    wire = connect(sandbox)
    deploy(wire, "never", {"rate": {"value": 0, "unit": "FIXED_RATE_UNIT_MINUTE"}})
    clock.now += timedelta(days=1)
    assert sandbox.fire_due() == []


def test_a_trigger_is_fired_by_hand_with_what_it_has(sandbox, connect):
    wire = connect(sandbox)
    deploy(wire, "by-hand", {"cron": {"expression": "0 12 * * *"}}, active=False, **offloaded(wire, 9))
    run = unique()
    wire("CreateRun", {"runId": {"project": P, "domain": D, "name": run}, "triggerName": name("by-hand")})
    ended(wire, run)
    assert data_of(wire, run)[0] == {"x": 9}
    other = unique()
    create(wire, other, "pkg.tick", {"x": 1}, "stub")
    assert not ended(wire, other).metadata.trigger_name


def test_ticks_that_passed_without_a_sandbox_are_made_up_for(sandbox, clock, connect):
    wire = connect(sandbox)
    deploy(wire, "minutes", {"cron": {"expression": "* * * * *"}}, **offloaded(wire, 1))
    sandbox.stop()
    clock.now += timedelta(minutes=3)
    sandbox.start()
    made = sandbox.fire_due()
    wire = connect(sandbox)
    for run in made:
        ended(wire, run)
    listed = wire("ListRuns", {"triggerName": name("minutes")}).runs
    assert len(listed) == 3
