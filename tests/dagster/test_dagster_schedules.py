"""Triggers on Dagster's scheduler: cron and zone, one run per tick, and what cron cannot say."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from flyteidl.core import types_pb2
from support.flyte import INTEGER, RawFlyte
from support.schedules import executions

from bridge_core import Cron, FixedRate, InvalidRequest, RunRef, Trigger, TriggerTime
from dagster_integration import FlyteResource, build_flyte_schedule

DATETIME = types_pb2.LiteralType(simple=types_pb2.DATETIME)
START = datetime(2026, 1, 1, tzinfo=UTC)


def trigger(automation: Cron | FixedRate, **more: Any) -> Trigger:
    return Trigger("nightly-report", entity="pkg.report", automation=automation, **more)


def tick(schedule: dg.ScheduleDefinition, at: datetime) -> dg.ScheduleExecutionData:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_schedule_context(instance=instance, scheduled_execution_time=at)
        return schedule.evaluate_tick(context)


def test_cron_and_zone_become_dagsters() -> None:
    schedule = build_flyte_schedule(trigger(Cron("30 2,*/8 ? * mon-fri", timezone="Europe/Berlin")))
    assert schedule.cron_schedule == "30 0,2,8,16 * * 1,2,3,4,5"
    assert schedule.execution_timezone == "Europe/Berlin"
    assert schedule.name == "nightly_report_schedule"
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    assert "Monday to Friday" in (schedule.description or "")


def test_a_tick_requests_one_run_with_its_key() -> None:
    it = trigger(Cron("0 3 * * *", timezone="Europe/Berlin"))
    at = datetime(2026, 11, 20, 2, tzinfo=UTC)
    (request,) = tick(build_flyte_schedule(it), at).run_requests or []
    assert request.run_key == it.run_name(at)
    assert request.tags["flyte/tick"] == "2026-11-20T02:00:00+00:00"


def test_a_tick_that_flyte_would_not_fire_is_skipped_with_the_reason() -> None:
    """31 March 2024 has no 02:30 in Berlin: Dagster moves it, Flyte leaves it out."""
    schedule = build_flyte_schedule(trigger(Cron("30 2 * * *", timezone="Europe/Berlin")))
    data = tick(schedule, datetime(2024, 3, 31, 1, tzinfo=UTC))
    assert not data.run_requests
    assert "is no tick of nightly-report" in (data.skip_message or "")


@pytest.mark.parametrize(
    ("rate", "wanted"),
    [
        (FixedRate(15, start_time=START), "0,15,30,45 * * * *"),
        (FixedRate(120, start_time=START.replace(minute=7)), "7 0,2,4,6,8,10,12,14,16,18,20,22 * * *"),
        (FixedRate(90, start_time=START), ["0 0,3,6,9,12,15,18,21 * * *", "30 1,4,7,10,13,16,19,22 * * *"]),
        (FixedRate(1440, start_time=START.replace(hour=5)), "0 5 * * *"),
        (FixedRate(1, start_time=START), None),
    ],
)
def test_fixed_rates_that_cron_can_say(rate: FixedRate, wanted: str | list[str] | None) -> None:
    schedule = build_flyte_schedule(trigger(rate))
    if wanted is not None:
        assert schedule.cron_schedule == wanted
    assert schedule.execution_timezone == "UTC"
    assert tick(schedule, rate.next_after(START.replace(month=2))).run_requests
    assert not tick(schedule, datetime(2025, 1, 1, 0, 0, tzinfo=UTC)).run_requests  # before its start


@pytest.mark.parametrize(
    ("automation", "reason"),
    [
        (FixedRate(15), "counts from activation.*give it a start_time"),
        (Cron("@every 15m"), "counts from activation.*use a cron like"),
        (FixedRate(7, start_time=START), "at other clock times each day, which cron cannot say; take 6 minutes"),
        (FixedRate(2880, start_time=START), "which cron cannot say; take 1440 minutes"),
        (FixedRate(15, start_time=START.replace(second=5)), "no whole minute"),
    ],
)
def test_what_cron_cannot_say_is_refused_with_the_reason(automation: Cron | FixedRate, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        build_flyte_schedule(trigger(automation))


def test_a_trigger_without_a_schedule_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="has no schedule"):
        build_flyte_schedule(Trigger("t", entity="pkg.wf"))


def test_a_scheduled_run_launches_with_its_tick(
    raw: RawFlyte, name: str, flyte: FlyteResource, instance: dg.DagsterInstance
) -> None:
    raw.register(name, {"at": DATETIME, "n": INTEGER}, activate=True)
    it = Trigger(name, entity=name, automation=Cron("@hourly"), inputs={"at": TriggerTime, "n": 3})
    defs = dg.Definitions(schedules=[build_flyte_schedule(it)], resources={"flyte": flyte})
    dg.Definitions.validate_loadable(defs)
    schedule = defs.resolve_schedule_def(f"{name}_schedule")
    at = datetime(2026, 11, 20, 2, tzinfo=UTC)
    (request,) = tick(schedule, at).run_requests or []
    job = defs.resolve_job_def(schedule.job_name)
    result = job.execute_in_process(instance=instance, tags=dict(request.tags))
    assert result.success
    (run,) = executions(raw, name)
    with flyte.get_client() as client:
        assert client.inputs(RunRef(run.id.project, run.id.domain, run.id.name))["at"] == at


DAYS = dg.DailyPartitionsDefinition("2026-11-01")


def daily(**more: Any) -> Trigger:
    return Trigger("nightly-report", entity="pkg.report", automation=Cron("0 3 * * *"), **more)


def requested(schedule: dg.ScheduleDefinition, at: datetime, *assets: dg.AssetsDefinition) -> dg.RunRequest:
    """What the tick requests, among definitions: Dagster holds a partition key against them."""
    repository = dg.Definitions(
        assets=assets, schedules=[schedule], resources={"flyte": FlyteResource(endpoint="flyte.example:443")}
    ).get_repository_def()
    with dg.DagsterInstance.ephemeral() as instance:
        given = {"instance": instance, "scheduled_execution_time": at, "repository_def": repository}
        (request,) = schedule.evaluate_tick(dg.build_schedule_context(**given)).run_requests or []
    return request


@dg.asset(partitions_def=DAYS)
def partitioned() -> None: ...


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["eu", "us"]))
def by_region() -> None: ...


@pytest.mark.parametrize(
    "more",
    [
        {"asset": {"partitions_def": DAYS}},
        {"target": partitioned},
        {"target": [partitioned]},
    ],
    ids=["its own asset", "an asset", "assets"],
)
def test_a_tick_runs_the_newest_partition_that_has_ended(more: dict[str, Any]) -> None:
    schedule = build_flyte_schedule(daily(), **more)
    assets = [partitioned] if "target" in more else []
    assert requested(schedule, datetime(2026, 11, 20, 3, tzinfo=UTC), *assets).partition_key == "2026-11-19"


@pytest.mark.parametrize(
    "target",
    [dg.AssetSelection.assets("partitioned"), dg.define_asset_job("nightly_job", [partitioned])],
    ids=["selection", "job"],
)
def test_a_selection_gets_its_partitions_from_the_definitions(target: Any) -> None:
    schedule = build_flyte_schedule(daily(), target=target)
    assert requested(schedule, datetime(2026, 11, 20, 3, tzinfo=UTC), partitioned).partition_key == "2026-11-19"


def test_a_tick_before_the_first_partition_is_skipped_with_the_reason() -> None:
    data = tick(build_flyte_schedule(daily(), target=partitioned), datetime(2026, 11, 1, 3, tzinfo=UTC))
    assert not data.run_requests
    assert "no partition of the target had ended yet" in (data.skip_message or "")


def test_partitions_that_say_nothing_about_time_need_to_be_named() -> None:
    with pytest.raises(InvalidRequest, match=r"StaticPartitionsDefinition.*give partition="):
        build_flyte_schedule(daily(), target=by_region)
    schedule = build_flyte_schedule(daily(), target=by_region, partition=lambda at: "eu" if at.day % 2 == 0 else "us")
    assert requested(schedule, datetime(2026, 11, 20, 3, tzinfo=UTC), by_region).partition_key == "eu"


def test_two_deployments_that_are_one_launch_a_tick_once(
    raw: RawFlyte, name: str, flyte: FlyteResource, flyte_sandbox: Any
) -> None:
    raw.register(name, {"at": DATETIME, "n": INTEGER}, activate=True)
    it = Trigger(name, entity=name, automation=Cron("@hourly"), inputs={"at": TriggerTime, "n": 3})
    at = datetime(2026, 11, 20, 2, tzinfo=UTC)

    def deployment(instance: dg.DagsterInstance, *, shared: bool, tags: dict[str, str]) -> dg.ExecuteInProcessResult:
        defs = dg.Definitions(schedules=[build_flyte_schedule(it, shared=shared)], resources={"flyte": flyte})
        schedule = defs.resolve_schedule_def(f"{name}_schedule")
        result = defs.resolve_job_def(schedule.job_name).execute_in_process(instance=instance, tags=tags)
        assert result.success
        return result

    with dg.DagsterInstance.ephemeral() as one, dg.DagsterInstance.ephemeral() as other:
        tags = dict(requested(build_flyte_schedule(it), at).tags)
        for instance in (one, other):
            deployment(instance, shared=True, tags=tags)
        assert flyte_sandbox.calls.count("CreateExecution") == 1
        for instance in (one, other):  # told nothing, each has its own; so has a run that a person started
            deployment(instance, shared=False, tags=tags)
            deployment(instance, shared=True, tags={})
        assert flyte_sandbox.calls.count("CreateExecution") == 5


def test_a_shared_schedule_names_the_way_out_for_a_target_of_ones_own() -> None:
    with pytest.raises(InvalidRequest, match=r"give build_flyte_assets or flyte_assets work="):
        build_flyte_schedule(daily(), target=partitioned, shared=True)
