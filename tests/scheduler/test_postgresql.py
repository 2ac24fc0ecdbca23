"""State in PostgreSQL."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from support.schedules import NOON, Stage, settle

from bridge_core.scheduler import Clock, Scheduler, Store
from bridge_core.scheduler.lease import RowLease
from bridge_core.scheduler.store import TickRow, TriggerRow

EVERY_MINUTE = (
    'name: SCOPE\ntriggers:\n  - {name: t, entity: WF, cron: "* * * * *", inputs: {at: $trigger_time}, missed: all}\n'
)


@pytest.fixture
def scope() -> str:
    return "s" + uuid.uuid4().hex


@pytest.fixture
def store(postgresql_url: str, scope: str) -> Iterator[Store]:
    with Store(postgresql_url, scope) as store:
        yield store


def test_what_is_written_is_read(store: Store) -> None:
    rows = [TriggerRow(name=f"t{n}", fingerprint="f", anchor=1, cursor=2) for n in range(3)]
    store.begin_triggers(rows)
    store.begin_triggers([TriggerRow(name="t0", fingerprint="g", anchor=5, cursor=6)])
    assert store.triggers()["t0"].fingerprint == "g"
    tick = TickRow(trigger="t0", tick=7, state="pending", launch_at=7)
    assert store.decide([("t0", 6, 7), ("t1", 2, 8)], [tick])
    assert store.decide([("t0", 7, 7)], [tick])  # again, by another leader
    assert store.ticks("pending") == [tick]
    assert store.triggers()["t1"].cursor == 8
    store.record([TickRow(trigger="t0", tick=7, state="launched", launch_at=7, run="a/b/c")])
    assert [row.run for row in store.ticks("launched", trigger="t0", limit=1)] == ["a/b/c"]
    assert store.pause("t2", paused=True, now=9)
    assert store.paused() == {"t2"}
    assert store.forget(8) == 1


def test_one_leads(store: Store, postgresql_url: str, scope: str) -> None:
    with Store(postgresql_url, scope) as other:
        one, two = RowLease(store, Clock()), RowLease(other, Clock())
        assert one.hold()
        assert not two.hold()
        one.release()
        assert two.hold()
        two.release()


def test_two_runners_on_two_machines(stage: Stage, postgresql_url: str, scope: str) -> None:
    path = stage.write(EVERY_MINUTE.replace("SCOPE", scope))
    one = Scheduler(stage.client, path, state=postgresql_url, clock=stage.clock)
    with one, Scheduler(stage.client, path, state=postgresql_url, clock=stage.clock) as two:
        for minute in range(4):
            stage.clock.at = NOON + 60 * minute
            settle(one, two)
        assert (one.leads, two.leads) == (True, False)
        one.close()
        for minute in range(4, 7):
            stage.clock.at = NOON + 60 * minute
            settle(two)
        assert two.leads
    assert len(stage.ticks) == len(set(stage.ticks)) == 6
