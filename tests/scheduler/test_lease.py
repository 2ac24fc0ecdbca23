"""Who works: a file lock on one machine, a row with a counter elsewhere. Wall clocks play no part."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge_core.scheduler import Clock, Store
from bridge_core.scheduler.lease import FileLease, RowLease


class Watch(Clock):
    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path}/state.db") as store:
        yield store


def test_one_holder_until_it_lets_go(store: Store) -> None:
    one, two = RowLease(store, Watch()), RowLease(store, Watch())
    assert one.hold()
    assert not two.hold()
    assert one.hold()
    one.release()
    assert two.hold()
    assert not one.hold()


def test_a_silent_holder_is_replaced_and_notices_when_it_wakes(store: Store) -> None:
    clock = Watch()
    one, two = RowLease(store, clock, ttl=15), RowLease(store, clock, ttl=15)
    assert one.hold()
    assert not two.hold()
    clock.at = 14.9
    assert not two.hold()
    clock.at = 15.1
    assert two.hold()
    assert not one.hold()  # it wakes up, and finds its row signed by another


def test_a_beat_keeps_the_lease(store: Store) -> None:
    clock = Watch()
    one, two = RowLease(store, clock, ttl=15), RowLease(store, clock, ttl=15)
    for second in range(0, 120, 5):
        clock.at = float(second)
        assert one.hold()
        assert not two.hold()


def test_clocks_of_two_machines_need_not_agree(store: Store) -> None:
    mine, theirs = Watch(), Watch()
    theirs.at = 10.0**9
    one, two = RowLease(store, mine, ttl=15), RowLease(store, theirs, ttl=15)
    assert one.hold()
    assert not two.hold()
    theirs.at += 10
    mine.at += 10
    assert one.hold()
    assert not two.hold()
    theirs.at += 14
    assert not two.hold()


def test_scopes_are_apart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/state.db"
    with Store(url, "a") as a, Store(url, "b") as b:
        assert RowLease(a, Watch()).hold()
        assert RowLease(b, Watch()).hold()


def test_the_kernel_frees_the_lock_of_a_killed_holder(tmp_path: Path) -> None:
    path = tmp_path / "state.db.lock"
    code = f"""
import time, pathlib
from bridge_core.scheduler.lease import FileLease
assert FileLease(pathlib.Path({str(path)!r})).hold() or True
lease = FileLease(pathlib.Path({str(path)!r})); lease.hold(); print('held', flush=True); time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        mine = FileLease(path)
        assert not mine.hold()
        other.kill()
        other.wait()
    assert mine.hold()
    assert mine.hold()
    mine.release()
