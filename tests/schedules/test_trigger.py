"""`Trigger` and `TriggerTime`: names and meaning of the Flyte 2 SDK, and one run name per tick."""

from __future__ import annotations

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge_core import Cron, EntityRef, FixedRate, InvalidRequest, RunOptions, Trigger, TriggerTime

TICK = datetime(2026, 11, 20, 3, tzinfo=UTC)


def nightly(**more: object) -> Trigger:
    settings: dict[str, object] = {"entity": "pkg.report", "automation": Cron("0 3 * * *"), **more}
    return Trigger("nightly", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "expression"),
    [
        (Trigger.minutely, "* * * * *"), (Trigger.hourly, "0 * * * *"), (Trigger.daily, "0 0 * * *"),
        (Trigger.weekly, "0 0 * * 0"), (Trigger.monthly, "0 0 1 * *"),
    ],
)  # fmt: skip
def test_the_sdks_helpers(make: object, expression: str) -> None:
    trigger = make("at", entity="pkg.wf", inputs={"n": 1})  # type: ignore[operator]
    assert trigger.automation == Cron(expression)
    assert trigger.inputs == {"at": TriggerTime, "n": 1}
    assert trigger.auto_activate
    assert trigger.name == make.__name__  # type: ignore[attr-defined]


def test_the_helpers_are_the_installed_sdks() -> None:
    import flyte

    for helper in ("minutely", "hourly", "daily", "weekly", "monthly"):
        theirs = getattr(flyte.Trigger, helper)("at")
        ours = getattr(Trigger, helper)("at", entity="pkg.wf")
        assert (theirs.name, theirs.automation.expression) == (ours.name, ours.automation.expression)
        assert theirs.automation.timezone == ours.automation.timezone
        assert list(theirs.inputs) == list(ours.inputs)


def test_aliases_and_settings() -> None:
    assert nightly(automation=None, schedule=Cron("0 3 * * *"), active=False) == nightly(auto_activate=False)
    assert nightly(env_vars={"A": "1"}, labels={"b": "2"}).options == RunOptions(env_vars={"A": "1"}, labels={"b": "2"})
    with pytest.raises(InvalidRequest, match="say the same thing"):
        nightly(schedule=FixedRate(5))
    with pytest.raises(InvalidRequest, match="given directly and in options="):
        nightly(labels={"a": "b"}, options=RunOptions(labels={"c": "d"}))
    with pytest.raises(InvalidRequest, match="'nightly': unknown run option 'colour'"):
        nightly(colour="red")
    with pytest.raises(InvalidRequest, match="'nightly': options"):
        nightly(options={"service_account": "a"})


@pytest.mark.parametrize("name", ["", " ", "x" * 256, "two\nlines", None])
def test_names(name: object) -> None:
    with pytest.raises(InvalidRequest, match="a name is 1 to 255 printable characters"):
        Trigger(name, entity="pkg.wf", automation=Cron("@daily"))  # type: ignore[arg-type]


def test_trigger_time_needs_a_schedule() -> None:
    with pytest.raises(InvalidRequest, match="'at' is TriggerTime"):
        Trigger("t", entity="pkg.wf", inputs={"at": TriggerTime})
    assert Trigger("t", entity="pkg.wf").next_after(TICK) is None
    with pytest.raises(InvalidRequest, match=r"Cron\(…\) or FixedRate\(…\)"):
        nightly(automation="0 3 * * *")


def test_trigger_time_is_one_value_everywhere() -> None:
    assert pickle.loads(pickle.dumps(TriggerTime)) is TriggerTime
    assert copy.deepcopy({"at": TriggerTime})["at"] is TriggerTime
    assert repr(TriggerTime) == "TriggerTime"


def test_a_tick_becomes_a_request() -> None:
    trigger = nightly(inputs={"at": TriggerTime, "n": 3})
    request = trigger.request(TICK.astimezone(timezone(timedelta(hours=2))))
    assert request.inputs == {"at": TICK, "n": 3}
    assert request.name == trigger.run_name(TICK)
    assert request.entity == EntityRef.launch_plan("pkg.report")
    assert trigger.kickoff_inputs == ("at",)


def test_the_run_name_is_the_tick_and_nothing_that_may_change_meanwhile() -> None:
    name = nightly().run_name(TICK)
    assert name == nightly(entity="pkg.report@v2", inputs={"n": 1}, labels={"a": "b"}).run_name(TICK)
    assert name == nightly(automation=Cron("@hourly")).run_name(TICK)
    others = {
        nightly().run_name(TICK + timedelta(days=1)),
        nightly(entity="pkg.other").run_name(TICK),
        nightly(entity="task:pkg.report").run_name(TICK),
        Trigger("other", entity="pkg.report").run_name(TICK),
    }
    assert len(others) == 4
    assert name not in others


@pytest.mark.parametrize(
    "trigger",
    [
        nightly(inputs={"at": TriggerTime, "n": 3}, labels={"a": "b"}, description="d", auto_activate=False),
        Trigger("rate", entity="task:a/b/pkg.t@v1", automation=FixedRate(5, start_time=TICK)),
        Trigger("demand", entity="pkg.wf", inputs={"x": [1, {"y": None}]}),
    ],
)
def test_plain_json_both_ways(trigger: Trigger) -> None:
    assert Trigger.from_dict(json.loads(json.dumps(trigger.to_dict()))) == trigger
    assert pickle.loads(pickle.dumps(trigger)) == trigger


def test_descriptions() -> None:
    assert nightly().describe() == "nightly: launch_plan:pkg.report at 03:00 every day (UTC)"
    assert Trigger("t", entity="pkg.wf").describe() == "t: launch_plan:pkg.wf on demand"
