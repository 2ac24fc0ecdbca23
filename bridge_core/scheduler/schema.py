"""The tables of the state, their version, and how a database gets from one version to the next.

Three numbers are kept in the database: the version of its tables, the oldest version of this code that may still use them, and
the release that wrote that. A change that only adds something raises the first alone, so that replicas of two releases work
side by side, and going back is installing the old release. A change that the old code would get wrong raises the second, too,
and the old release refuses the database, naming what to do. docs/versions.md lists the versions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge_core import ConfigError, __version__

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

__all__ = ["VERSION", "Tables", "check_version", "prepare"]

VERSION = 2
"""Of the tables that this code makes.

1. What 0.1 development versions wrote, without saying a version.
2. The table of versions, and those that earlier development versions lacked.
"""

_OLDEST_READER = 1
"""The oldest version of this code that can use what we write. Raise it only together with `VERSION`."""

_LOCK = 0x466C7974
"""Of PostgreSQL's advisory locks: two replicas that start on an empty database make its tables one after the other."""


class Tables:
    """The schema. Seconds since 1970 are integers: no database has an opinion on their zone."""

    def __init__(self) -> None:
        from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text

        self.metadata = MetaData()
        self.versions = Table(
            "flyte_bridge_schema",
            self.metadata,
            Column("part", String(64), primary_key=True),
            Column("version", Integer, nullable=False),
            Column("oldest_reader", Integer, nullable=False),
            Column("release", String(64), nullable=False),
        )
        self.triggers = Table(
            "flyte_bridge_triggers",
            self.metadata,
            Column("scope", String(255), primary_key=True),
            Column("name", String(255), primary_key=True),
            Column("fingerprint", String(64), nullable=False),
            Column("anchor", BigInteger, nullable=False),
            Column("cursor", BigInteger, nullable=False),
            Column("paused", Boolean, nullable=False),
        )
        self.changes = Table(
            "flyte_bridge_changes",
            self.metadata,
            Column("scope", String(255), primary_key=True),
            Column("number", BigInteger, nullable=False),
        )
        self.ticks = Table(
            "flyte_bridge_ticks",
            self.metadata,
            Column("scope", String(255), primary_key=True),
            Column("trigger", String(255), primary_key=True),
            Column("tick", BigInteger, primary_key=True),
            Column("state", String(16), nullable=False),
            Column("launch_at", BigInteger, nullable=False),
            Column("run", Text, nullable=False),
            Column("note", Text, nullable=False),
            Index("flyte_bridge_ticks_by_state", "scope", "state", "tick"),
        )
        self.leases = Table(
            "flyte_bridge_leases",
            self.metadata,
            Column("scope", String(255), primary_key=True),
            Column("holder", String(255), nullable=False),
            Column("beat", BigInteger, nullable=False),
        )


_PART = "scheduler"


def prepare(engine: Engine, tables: Tables, shown: str) -> None:
    """Makes the tables, or brings those that are there to `VERSION`, in one transaction.

    Args:
        engine: The database.
        tables: The schema.
        shown: How the database is called in messages.

    Raises:
        ConfigError: A newer release changed the tables in a way that this one would get wrong.
    """
    from sqlalchemy import inspect, text

    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
        there = set(inspect(connection).get_table_names())
        if tables.versions.name in there and (check_version(connection, tables, shown) or 0) >= VERSION:
            return
        tables.metadata.create_all(connection)  # every change so far is a table more
        row: dict[str, Any] = {"version": VERSION, "oldest_reader": _OLDEST_READER, "release": __version__}
        ours = tables.versions.c.part == _PART
        if not connection.execute(tables.versions.update().where(ours).values(row)).rowcount:
            connection.execute(tables.versions.insert().values(part=_PART, **row))


def check_version(connection: Connection, tables: Tables, shown: str) -> int | None:
    """The version of the tables that are there.

    Returns:
        None when the table of versions does not say.

    Raises:
        ConfigError: This code must not use them.
    """
    row = connection.execute(tables.versions.select().where(tables.versions.c.part == _PART)).mappings().first()
    if row is None:
        return None
    if row["oldest_reader"] > VERSION:
        raise ConfigError(
            f"scheduler state {shown}: its tables have version {row['version']}, written by flyte-bridge {row['release']}, and "
            f"need at least a release that knows version {row['oldest_reader']}; this one, {__version__}, knows {VERSION}. "
            f"Install flyte-bridge {row['release']} or newer again. To stay with {__version__}, stop all runners and put the "
            "backup of the state from before the upgrade back, or give another --state: the triggers then begin now, and "
            "runs that were launched are found by name, not launched again"
        )
    return int(row["version"])
