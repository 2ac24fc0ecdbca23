"""Backfill: every tick of a window once, a few at a time; stopping and going on."""

from __future__ import annotations

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from support.flyte import RawFlyte
from support.schedules import DATETIME, executions

from bridge_core import Client, Cron, InvalidRequest, Trigger, TriggerTime
from bridge_core.scheduler import backfill

START = datetime(2026, 11, 1, tzinfo=UTC)


def hourly(workflow: str) -> Trigger:
    return Trigger("hourly", entity=workflow, automation=Cron("@hourly"), inputs={"at": TriggerTime})


def test_every_tick_of_the_window_once(client: Client, raw: RawFlyte, workflow: str) -> None:
    seen: list[datetime] = []
    results = list(backfill(client, hourly(workflow), START, START + timedelta(hours=9), before=seen.append))
    assert sorted(item.tick for item in results) == seen == [START + timedelta(hours=n) for n in range(9)]
    assert all(item.succeeded and item.created and item.total == 9 for item in results)
    again = list(backfill(client, hourly(workflow), START, START + timedelta(hours=10)))
    assert [item.tick.hour for item in again if item.created] == [9]
    assert len(executions(raw, workflow)) == 10


def test_no_more_than_max_parallel_run_at_once(client: Client, raw: RawFlyte) -> None:
    held = "b" + uuid.uuid4().hex[:12]
    raw.register(held, {"at": DATETIME}, gate="approve", activate=True)
    results = backfill(client, hourly(held), START, START + timedelta(hours=5), max_parallel=2)
    most = 0
    done = threading.Event()

    def approve() -> None:
        nonlocal most
        approved: set[str] = set()
        while not done.wait(0.02):
            going = [item.id.name for item in executions(raw, held) if item.id.name not in approved]
            most = max(most, len(going))
            for name in going[:1]:
                raw.approve(name)
                approved.add(name)

    thread = threading.Thread(target=approve)
    thread.start()
    try:
        assert len([item for item in results if item.succeeded]) == 5
    finally:
        done.set()
        thread.join()
    assert most <= 3  # two that go, and one that the approver saw a moment before it ended


def test_a_stopped_backfill_goes_on(client: Client, raw: RawFlyte, workflow: str) -> None:
    stop = threading.Event()
    results = []
    for item in backfill(client, hourly(workflow), START, START + timedelta(hours=20), max_parallel=1, stop=stop):
        results.append(item)
        if len(results) == 3:
            stop.set()
    assert len(results) <= 4
    assert len(executions(raw, workflow)) == len(results)
    rest = list(backfill(client, hourly(workflow), START, START + timedelta(hours=20), max_parallel=8))
    assert len(rest) == 20
    assert sum(item.created for item in rest) == 20 - len(results)
    assert len(executions(raw, workflow)) == 20


def test_what_cannot_be_launched_is_reported_tick_by_tick(client: Client) -> None:
    results = list(backfill(client, hourly("pkg.none"), START, START + timedelta(hours=2)))
    assert [item.succeeded for item in results] == [False, False]
    assert all("pkg.none" in str(item.error) for item in results)


def test_windows_that_make_no_sense(client: Client, workflow: str) -> None:
    with pytest.raises(InvalidRequest, match="no tick from"):
        backfill(client, hourly(workflow), START + timedelta(minutes=1), START + timedelta(minutes=2))
    with pytest.raises(InvalidRequest, match="before the start"):
        backfill(client, hourly(workflow), START, START - timedelta(hours=1))
    with pytest.raises(InvalidRequest, match="more than 100000 ticks"):
        backfill(client, hourly(workflow), START, START + timedelta(days=365 * 20))
    with pytest.raises(InvalidRequest, match="max_parallel must be at least 1"):
        backfill(client, hourly(workflow), START, START + timedelta(hours=1), max_parallel=0)
