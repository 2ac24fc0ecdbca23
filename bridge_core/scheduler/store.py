"""What the runner must not forget, in a database: cursors, ticks, pauses. SQLite by default, PostgreSQL by URL.

One row per trigger: where its intervals are anchored, and the cursor up to which its ticks are decided. One row per tick that
was decided on. Both change in one transaction, before anything is sent to Flyte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from .engine import open_engine, shown, sqlite_path
from .schema import Tables, check_version, prepare

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Store", "TickRow", "TriggerRow"]

_AT_ONCE = 500
"""Names in one question: databases limit how many values it may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRow:
    """What is known of a trigger."""

    name: str
    fingerprint: str
    anchor: int
    cursor: int
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TickRow:
    """What became of a tick.

    ``pending`` (decided, not launched yet) → ``launched``; with a concurrency limit ``running`` → ``ended``; or ``skipped``,
    ``failed``.
    """

    trigger: str
    tick: int
    state: str
    launch_at: int
    run: str = ""
    note: str = ""


class Store:
    """The database of one or more runners.

    Args:
        url: SQLAlchemy's, ``sqlite:///path`` or ``postgresql+psycopg://…``.
        scope: Keeps schedules apart that share a database.

    Raises:
        ConfigError: It cannot be opened, or a newer release changed its tables so that this one must not use them.
    """

    def __init__(self, url: str, scope: str = "default") -> None:
        self.scope = scope
        self.path = sqlite_path(url)
        self.engine = open_engine(url, self.path)
        self.tables = Tables()
        try:
            prepare(self.engine, self.tables, self.shown_url)
        except BaseException:
            self.engine.dispose()
            raise

    def close(self) -> None:
        """Closes all connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def shown_url(self) -> str:
        """The URL as messages may show it."""
        return shown(self.engine.url.render_as_string(hide_password=False))

    def check(self) -> None:
        """Whether this code may still use the tables: a newer release may have changed them meanwhile.

        Raises:
            ConfigError: It may not.
        """
        with self.engine.connect() as connection:
            check_version(connection, self.tables, self.shown_url)

    # -- triggers

    def triggers(self) -> dict[str, TriggerRow]:
        """All triggers that were ever seen, by name."""
        table = self.tables.triggers
        with self.engine.connect() as connection:
            rows = connection.execute(table.select().where(table.c.scope == self.scope)).mappings()
            return {
                row["name"]: TriggerRow(
                    name=row["name"],
                    fingerprint=row["fingerprint"],
                    anchor=row["anchor"],
                    cursor=row["cursor"],
                    paused=bool(row["paused"]),
                )
                for row in rows
            }

    def begin_triggers(self, rows: Sequence[TriggerRow]) -> None:
        """Writes triggers that are new or whose schedule changed; a pause outlives the change."""
        if not rows:
            return
        table = self.tables.triggers
        known = self.triggers()
        new = [row for row in rows if row.name not in known]
        with self.engine.begin() as connection:
            if new:
                connection.execute(table.insert(), [self._trigger(row) for row in new])
            for row in rows:
                if row.name in known:
                    values = {"fingerprint": row.fingerprint, "anchor": row.anchor, "cursor": row.cursor}
                    connection.execute(table.update().where(self._is(table, row.name)).values(values))

    def paused(self) -> frozenset[str]:
        """Names that were paused by hand."""
        table = self.tables.triggers
        with self.engine.connect() as connection:
            query = table.select().where(table.c.scope == self.scope, table.c.paused.is_(True))
            return frozenset(row["name"] for row in connection.execute(query).mappings())

    def pause(self, name: str, *, paused: bool, now: int) -> bool:
        """Pauses or resumes; False when the trigger is not known yet. What passed in the pause stays passed."""
        table = self.tables.triggers
        with self.engine.begin() as connection:
            ours = self._is(table, name)
            known = bool(connection.execute(table.update().where(ours).values(paused=paused)).rowcount)
            if not paused:
                connection.execute(table.update().where(ours, table.c.cursor < now).values(cursor=now))
            return known

    def rewind(self, *, names: Sequence[str] | None, to: int, ahead_of: int) -> list[tuple[str, int]]:
        """Takes back that ticks after a moment are decided, for triggers that a wrong clock made count them as done.

        Ticks that wait to be launched in that future are decided anew when their time comes; those that were launched stay so.

        Args:
            names: Which triggers. None: those that are decided up to a moment later than `ahead_of`.
            to: The new cursor, and anchor, of those that are later.
            ahead_of: See `names`.

        Returns:
            Names, and up to where each was decided.
        """
        triggers, ticks = self.tables.triggers, self.tables.ticks
        moved = []
        for name, row in sorted(self.triggers().items()):
            until = max(row.cursor, row.anchor)
            if until > to and (until > ahead_of if names is None else name in names):
                moved.append((name, until))
        with self.engine.begin() as connection:
            for name, _ in moved:
                for column in ("cursor", "anchor"):
                    late = triggers.update().where(self._is(triggers, name), triggers.c[column] > to)
                    connection.execute(late.values({column: to}))
                waiting = (ticks.c.trigger == name) & (ticks.c.tick > to) & (ticks.c.state == "pending")
                connection.execute(ticks.delete().where(ticks.c.scope == self.scope, waiting))
            if moved:
                self._changed(connection)
        return moved

    def changes(self) -> int:
        """How often something other than the runner changed what it keeps in memory."""
        table = self.tables.changes
        with self.engine.connect() as connection:
            row = connection.execute(table.select().where(table.c.scope == self.scope)).mappings().first()
            return row["number"] if row is not None else 0

    def _changed(self, connection: Any) -> None:
        table = self.tables.changes
        update = table.update().where(table.c.scope == self.scope).values(number=table.c.number + 1)
        if not connection.execute(update).rowcount:
            connection.execute(table.insert().values(scope=self.scope, number=1))

    # -- ticks

    def decide(self, cursors: Sequence[tuple[str, int, int]], ticks: Sequence[TickRow]) -> bool:
        """Moves cursors and writes ticks down, in one transaction: the promise that these ticks will be launched.

        Args:
            cursors: Triggers, where they are thought to stand, where they go.
            ticks: Those in between that are to be launched.

        Returns:
            False, and nothing is written, when a trigger stands elsewhere: another runner has led meanwhile (this one was
            stopped for longer than its lease, say), or somebody rewound it. What was decided is not what is to be done.
        """
        from sqlalchemy import bindparam

        triggers, table = self.tables.triggers, self.tables.ticks
        expected = {name: before for name, before, _ in cursors}
        names = sorted(expected)
        with self.engine.begin() as connection:
            for first in range(0, len(names), _AT_ONCE):
                some = names[first : first + _AT_ONCE]
                query = triggers.select().where(triggers.c.scope == self.scope, triggers.c.name.in_(some))
                rows = connection.execute(query.order_by(triggers.c.name).with_for_update()).mappings()
                if {row["name"]: row["cursor"] for row in rows} != {name: expected[name] for name in some}:
                    return False
            if ticks:
                connection.execute(self._insert_new(table), [self._tick(row) for row in ticks])
            if cursors:
                update = triggers.update().where(triggers.c.scope == self.scope, triggers.c.name == bindparam("of"))
                connection.execute(
                    update.values(cursor=bindparam("to")), [{"of": name, "to": after} for name, _, after in cursors]
                )
        return True

    def record(self, ticks: Sequence[TickRow]) -> None:
        """Writes down what became of ticks. That one was launched is never taken back: whoever says otherwise is late."""
        from sqlalchemy import bindparam

        if not ticks:
            return
        table = self.tables.ticks
        update = (
            table.update()
            .where(table.c.scope == self.scope, table.c.trigger == bindparam("of"), table.c.tick == bindparam("at"))
            .where(table.c.state != "launched", table.c.state != "ended")
            .values(state=bindparam("is_now"), run=bindparam("run_ref"), note=bindparam("why"))
        )
        with self.engine.begin() as connection:
            connection.execute(
                update,
                [
                    {"of": row.trigger, "at": row.tick, "is_now": row.state, "run_ref": row.run, "why": row.note}
                    for row in ticks
                ],
            )

    def ticks(self, *states: str, trigger: str | None = None, limit: int | None = None) -> list[TickRow]:
        """Ticks in these states; the oldest first, or with a limit the newest first."""
        table = self.tables.ticks
        query = table.select().where(table.c.scope == self.scope)
        if states:
            query = query.where(table.c.state.in_(states))
        if trigger is not None:
            query = query.where(table.c.trigger == trigger)
        query = query.order_by(table.c.tick.desc()).limit(limit) if limit else query.order_by(table.c.tick)
        with self.engine.connect() as connection:
            return [
                TickRow(
                    trigger=row["trigger"],
                    tick=row["tick"],
                    state=row["state"],
                    launch_at=row["launch_at"],
                    run=row["run"],
                    note=row["note"],
                )
                for row in connection.execute(query).mappings()
            ]

    def forget(self, before: int, *, at_most: int = 20_000) -> int:
        """Deletes ticks that are settled and older than this; their cursors stay.

        Args:
            before: In seconds since 1970.
            at_most: How many in one call, so that the loop goes round meanwhile.

        Returns:
            How many it deleted.
        """
        from sqlalchemy import select, tuple_

        table = self.tables.ticks
        key = (table.c.scope, table.c.trigger, table.c.tick)
        old = table.c.state.in_(("launched", "ended", "skipped", "failed")) & (table.c.tick < before)
        some = select(*key).where(table.c.scope == self.scope, old).limit(at_most)
        with self.engine.begin() as connection:
            return connection.execute(table.delete().where(tuple_(*key).in_(some))).rowcount

    def reconnect(self) -> None:
        """Gives the connections up: after a failover they lead to a server that may never be written to again."""
        self.engine.dispose()

    def _insert_new(self, table: Any) -> Any:
        """Insert, leaving rows that exist as they are: another leader may have been a moment earlier."""
        if self.engine.dialect.name == "postgresql":
            from sqlalchemy.dialects.postgresql import insert as postgresql_insert

            return postgresql_insert(table).on_conflict_do_nothing()
        from sqlalchemy.dialects.sqlite import insert as sqlite_insert

        return sqlite_insert(table).on_conflict_do_nothing()

    def _is(self, table: Any, name: str) -> Any:
        return (table.c.scope == self.scope) & (table.c.name == name)

    def _trigger(self, row: TriggerRow) -> dict[str, Any]:
        return {
            "scope": self.scope,
            "name": row.name,
            "fingerprint": row.fingerprint,
            "anchor": row.anchor,
            "cursor": row.cursor,
            "paused": row.paused,
        }

    def _tick(self, row: TickRow) -> dict[str, Any]:
        return {
            "scope": self.scope,
            "trigger": row.trigger,
            "tick": row.tick,
            "state": row.state,
            "launch_at": row.launch_at,
            "run": row.run,
            "note": row.note,
        }
