"""State of other releases: older ones are taken over, newer ones are used while they may be and refused by name after that."""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from support.schedules import NOON, Stage

from bridge_core import ConfigError, __version__
from bridge_core.cli import main
from bridge_core.scheduler import Store, default_state
from bridge_core.scheduler.engine import _use_wal
from bridge_core.scheduler.schema import VERSION

EVERY_MINUTE = 'triggers:\n  - {name: t, entity: WF, cron: "* * * * *", inputs: {at: $trigger_time}, missed: all}\n'

# What development versions before 0.1 wrote: no version, no table of changes, and its lease in a table of its own.
UNVERSIONED = """
CREATE TABLE flyte_bridge_triggers (scope VARCHAR(255) NOT NULL, name VARCHAR(255) NOT NULL, fingerprint VARCHAR(64) NOT NULL,
  anchor BIGINT NOT NULL, cursor BIGINT NOT NULL, paused BOOLEAN NOT NULL, PRIMARY KEY (scope, name));
CREATE TABLE flyte_bridge_ticks (scope VARCHAR(255) NOT NULL, "trigger" VARCHAR(255) NOT NULL, tick BIGINT NOT NULL,
  state VARCHAR(16) NOT NULL, launch_at BIGINT NOT NULL, run TEXT NOT NULL, note TEXT NOT NULL,
  PRIMARY KEY (scope, "trigger", tick));
CREATE INDEX flyte_bridge_ticks_by_state ON flyte_bridge_ticks (scope, state, tick);
"""


def minute(number: int) -> str:
    return f"20261120T12{number:02}00Z"


@pytest.fixture
def path(stage: Stage) -> Path:
    return stage.write(EVERY_MINUTE)


def older(path: Path, stage: Stage) -> None:
    """A state of the unversioned release: two minutes decided, the second not launched, and paused triggers of others."""
    from bridge_core.scheduler import read_triggers

    (entry,) = read_triggers(path).entries
    with closing(sqlite3.connect(default_state(path).removeprefix("sqlite:///"))) as database, database:
        database.executescript(UNVERSIONED)
        place = ("default", "t", entry.fingerprint, NOON, NOON + 120)
        database.execute("INSERT INTO flyte_bridge_triggers VALUES (?, ?, ?, ?, ?, 0)", place)
        tick = ("default", "t", NOON + 120, "pending", NOON + 120)
        database.execute("INSERT INTO flyte_bridge_ticks VALUES (?, ?, ?, ?, ?, '', '')", tick)


def test_what_an_older_release_wrote_is_taken_over(path: Path, stage: Stage) -> None:
    older(path, stage)
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON + 130, NOON + 180)
    assert stage.ticks == [("t", minute(2)), ("t", minute(3))]
    with Store(default_state(path)) as store, store.engine.begin() as connection:
        row = connection.execute(store.tables.versions.select()).mappings().one()
    assert (row["version"], row["oldest_reader"], row["release"]) == (VERSION, 1, __version__)


def written_by_the_future(path: Path, version: int, oldest_reader: int) -> None:
    with Store(default_state(path)) as store, store.engine.begin() as connection:
        new = {"version": version, "oldest_reader": oldest_reader, "release": "9.1.0"}
        connection.execute(store.tables.versions.update().values(new))


def test_a_newer_state_that_only_added_something_is_used_and_keeps_its_version(path: Path, stage: Stage) -> None:
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON, NOON + 60)
    written_by_the_future(path, VERSION + 2, VERSION)
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON + 120)
    assert stage.ticks == [("t", minute(1)), ("t", minute(2))]
    with Store(default_state(path)) as store, store.engine.begin() as connection:
        row = connection.execute(store.tables.versions.select()).mappings().one()
    assert (row["version"], row["release"]) == (VERSION + 2, "9.1.0")


def test_a_newer_state_that_would_be_got_wrong_is_refused_with_the_way_back(
    path: Path, stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    with stage.scheduler(path) as scheduler:
        stage.run(scheduler, NOON)
    written_by_the_future(path, VERSION + 2, VERSION + 1)
    with pytest.raises(ConfigError) as refused:
        stage.scheduler(path)
    said = str(refused.value)
    assert f"its tables have version {VERSION + 2}, written by flyte-bridge 9.1.0" in said
    assert f"this one, {__version__}, knows {VERSION}" in said
    assert "Install flyte-bridge 9.1.0 or newer again" in said
    assert "put the backup of the state from before the upgrade back" in said
    assert main(["scheduler", "status", str(path)]) == 2
    assert "written by flyte-bridge 9.1.0" in capsys.readouterr().err


def test_a_standby_does_not_lead_on_a_state_that_was_upgraded_meanwhile(path: Path, stage: Stage) -> None:
    with stage.scheduler(path) as one, stage.scheduler(path) as two:
        stage.run(one, NOON, NOON + 60)
        two.step()
        written_by_the_future(path, VERSION + 1, VERSION + 1)
        one._lease.release()
        stage.clock.at = NOON + 120
        with pytest.raises(ConfigError, match=r"written by flyte-bridge 9\.1\.0"):
            two.step()
    assert stage.ticks == [("t", minute(1))]


def test_replicas_that_start_at_once_on_an_empty_database(postgresql_url: str) -> None:
    base = create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    name = "d" + uuid.uuid4().hex
    try:
        with base.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        url = base.url.set(database=name).render_as_string(hide_password=False)
        errors = _at_once(8, lambda: Store(url).close())
        with base.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name}"))
    finally:
        base.dispose()
    assert errors == []


def test_replicas_that_start_at_once_on_one_file(tmp_path: Path) -> None:
    assert _at_once(8, lambda: Store(f"sqlite:///{tmp_path}/state.db").close()) == []


def test_a_file_that_another_one_just_makes_is_waited_for(tmp_path: Path) -> None:
    """SQLite refuses to change the journal of a file that is locked, however long it may wait."""
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE another (name TEXT)")
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.5, other.execute, ("COMMIT",)).start()
        Store(f"sqlite:///{tmp_path}/state.db").close()
        assert not other.in_transaction


def test_a_file_that_cannot_be_written_is_not_asked_again(tmp_path: Path) -> None:
    """Only somebody else's lock passes."""
    file = tmp_path / "state.db"
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TABLE another (name TEXT)")
    asked: list[str] = []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as readonly:
        readonly.set_trace_callback(asked.append)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            _use_wal(readonly)
    assert len(asked) == 1


def _at_once(count: int, work: Callable[[], None]) -> list[BaseException]:
    errors: list[BaseException] = []
    start = threading.Barrier(count)

    def one() -> None:
        start.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001  (whatever it is, the test shows it)
            errors.append(error)

    threads = [threading.Thread(target=one) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors
