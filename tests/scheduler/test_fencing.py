"""Two who think that they lead, or a hand in the state under a leader: what was decided on an old view is not written."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from support.schedules import NOON, Stage, settle

from bridge_core.scheduler import Scheduler, Store
from bridge_core.scheduler.store import TickRow, TriggerRow

EVERY_MINUTE = (
    'name: SCOPE\ntriggers:\n  - {name: t, entity: WF, cron: "* * * * *", inputs: {at: $trigger_time}, missed: all}\n'
)


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/state.db" if sqlite else request.getfixturevalue("postgresql_url")
    with Store(url, "s" + uuid.uuid4().hex) as store:
        yield store


def tick(at: int, state: str = "pending", run: str = "") -> TickRow:
    return TickRow(trigger="t", tick=at, state=state, launch_at=at, run=run)


def test_what_was_decided_on_an_old_view_is_not_written(store: Store) -> None:
    store.begin_triggers([TriggerRow(name=name, fingerprint="f", anchor=0, cursor=0) for name in ("t", "u")])
    assert store.decide([("t", 0, 60), ("u", 0, 60)], [tick(60)])
    assert not store.decide([("u", 60, 120), ("t", 0, 50)], [tick(50)]), "a leader that was frozen: t stands at 60"
    assert [row.tick for row in store.ticks()] == [60]
    assert {name: row.cursor for name, row in store.triggers().items()} == {"t": 60, "u": 60}
    assert not store.decide([("gone", 60, 120)], [])


def test_that_a_tick_was_launched_is_not_taken_back(store: Store) -> None:
    store.begin_triggers([TriggerRow(name="t", fingerprint="f", anchor=0, cursor=0)])
    store.decide([("t", 0, 120)], [tick(60), tick(120)])
    store.record([tick(60, "launched", "p/d/a"), tick(120, "running", "p/d/b")])
    store.record([tick(60, "failed"), tick(120, "ended", "p/d/b")])  # the first by a leader that woke up late
    store.record([tick(120, "running", "p/d/b")])
    assert [(row.state, row.run) for row in store.ticks()] == [("launched", "p/d/a"), ("ended", "p/d/b")]


def test_a_rewind_under_a_leader_that_is_deciding_is_not_undone(stage: Stage) -> None:
    with stage.scheduler(stage.write(EVERY_MINUTE)) as leader:
        stage.run(leader, NOON, NOON + 60, NOON + 120)
        with Store(f"sqlite:///{leader.path}.state.db", "SCOPE") as other:
            known = leader._store.paused

            def rewind_in_the_middle() -> frozenset[str]:
                leader._store.paused = known  # type: ignore[method-assign]
                other.rewind(names=["t"], to=NOON, ahead_of=NOON)
                return known()

            leader._store.paused = rewind_in_the_middle  # type: ignore[method-assign]
            stage.clock.at = NOON + 180
            settle(leader)
            # The two that the rewind brought back are asked for again, and attached to.
            assert leader.metrics.get("ticks_total", outcome="launched") == 2 + 3
            assert [row.state for row in other.ticks()] == ["launched"] * 3
            assert {row.cursor for row in other.triggers().values()} == {NOON + 180}
    assert len(stage.ticks) == len(set(stage.ticks)) == 3


def test_a_leader_that_froze_finds_that_another_leads(stage: Stage, postgresql_url: str) -> None:
    path = stage.write(EVERY_MINUTE.replace("SCOPE", "s" + uuid.uuid4().hex))
    with (
        Scheduler(stage.client, path, state=postgresql_url, clock=stage.clock) as one,
        Scheduler(stage.client, path, state=postgresql_url, clock=stage.clock) as two,
    ):
        stage.run(one, NOON, NOON + 60)
        two._lease.hold()
        row = two._lease._table  # type: ignore[attr-defined]
        with two._store.engine.begin() as connection:  # its lease ran out while it was frozen
            connection.execute(row.delete().where(row.c.scope == two._store.scope))
        stage.run(two, NOON + 120)
        assert two.leads
        stage.clock.at = NOON + 119  # it wakes where it stood: it holds the lease, it thinks, and its minute is over
        one._decide(NOON + 119 + 1)
        one._dispatch(NOON + 120)
        assert not one._backlog._under_way, "nothing is launched on the old view"
        stage.clock.at = NOON + 180
        settle(two)
        states = [row.state for row in two._store.ticks()]
    assert states == ["launched"] * 3
    assert len(stage.ticks) == len(set(stage.ticks)) == 3


def test_a_runner_that_freezes_inside_a_transaction_does_not_hold_its_locks_for_ever(postgresql_url: str) -> None:
    with Store(postgresql_url, "s" + uuid.uuid4().hex) as store, store.engine.connect() as connection:
        idle, lock = (
            connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("idle_in_transaction_session_timeout", "lock_timeout")
        )
    assert (idle, lock) == ("30s", "20s")
