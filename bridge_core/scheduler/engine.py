"""Opens the database of the state: what a URL means, and what each kind of database is told first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bridge_core import ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["default_state", "open_engine", "shown", "sqlite_path"]


def default_state(path: Path) -> str:
    """Where the state of a file is kept when nothing else is said: beside it."""
    return f"sqlite:///{path.absolute()}.state.db"


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite URL; None for every other database."""
    head, found, path = url.partition("sqlite:///")
    return Path(path) if found and not head and path else None


def shown(url: str) -> str:
    """The URL as messages may show it: without password, wherever it stands, and without its options."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(url).set(query={}).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):  # ValueError: a port that is no number
        return f"{url.partition('://')[0]}://…" if "://" in url else "(no URL)"


def open_engine(url: str, path: Path | None) -> Engine:
    """Opens it, and asks it once.

    Args:
        url: SQLAlchemy's.
        path: Of `sqlite_path`.

    Raises:
        ConfigError: SQLAlchemy is missing, the URL is none, or the database does not answer.
    """
    try:
        from sqlalchemy import create_engine, event
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError, SQLAlchemyError
    except ImportError:
        raise ConfigError(
            "the scheduler keeps its state through SQLAlchemy, which is not installed: pip install 'flyte-bridge[scheduler]'"
        ) from None
    if path is not None and not path.parent.is_dir():
        raise ConfigError(
            f"scheduler state {url}: the directory {path.parent} does not exist; create it, or give --state"
        )
    try:
        where = make_url(url)
        if path is not None:
            engine = create_engine(url, connect_args={"timeout": _SQLITE_WAITS})
            # Writers queue instead of failing: SQLite cannot turn a reading transaction into a writing one under WAL.
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
        elif where.get_backend_name() == "postgresql":
            libpq = where.get_dialect().driver in ("psycopg", "psycopg2")
            patience = {key: value for key, value in _PATIENCE.items() if libpq and key not in where.query}
            engine = create_engine(url, connect_args=patience)
            event.listen(engine, "connect", _prepare_postgresql)
        else:
            raise ConfigError(
                f"scheduler state {shown(url)}: the state is kept in SQLite or PostgreSQL; give sqlite:///state.db or "
                "postgresql+psycopg://user@host/database"
            )
        with engine.connect():
            return engine
    except (SQLAlchemyError, ImportError, ValueError) as error:
        # SQLAlchemy quotes what it cannot read, password included.
        why = "not an SQLAlchemy URL" if isinstance(error, ArgumentError | ValueError) else error
        raise ConfigError(
            f"scheduler state {shown(url)}: cannot be opened: {why}; give an SQLAlchemy URL such as sqlite:///state.db or "
            "postgresql+psycopg://user@host/database"
        ) from None


_PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""libpq's: a network that swallows everything is noticed within half a minute. The URL may say otherwise."""


_SQLITE_WAITS = 30.0
"""Seconds for which a connection waits for another one's lock."""


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    _use_wal(connection)
    connection.execute("PRAGMA synchronous=FULL")


def _use_wal(connection: Any) -> None:
    """Writes the journal ahead. A file that has no such journal yet is turned into one that has by whoever comes first.

    For that step alone SQLite does not wait for another one's lock (``sqlite3BtreeBeginTrans`` asks its busy handler only
    outside transactions, and here it reads before it writes), so replicas that start at once ask again.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

    patient = Retrying(
        retry=retry_if_exception(_is_locked), stop=stop_after_delay(_SQLITE_WAITS), wait=wait_fixed(0.02), reraise=True
    )
    patient(connection.execute, "PRAGMA journal_mode=WAL")


def _is_locked(error: BaseException) -> bool:
    """By somebody else: what cannot be written, or is no database, does not get better."""
    import sqlite3

    return isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    """A runner that freezes inside a transaction (a paused machine) must not hold its rows' locks until it is found dead."""
    cursor = connection.cursor()
    cursor.execute("SET idle_in_transaction_session_timeout = '30s'")
    cursor.execute("SET lock_timeout = '20s'")
    cursor.close()
    connection.commit()
