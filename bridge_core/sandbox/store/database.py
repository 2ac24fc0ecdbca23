"""The SQLite file: one connection, transactions; its tables are in `schema`.

One connection behind one lock: SQLite writes one at a time anyway, all statements here take microseconds, and a test
that kills the server finds a consistent file (WAL).
"""

# Statements are put together from constants of this package; values always go in as parameters.

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .schema import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from ..validation.filters import Query

__all__ = ["Database", "Page"]


class Page:
    """One page of rows and the token of the next one (decimal offset; flyteadmin ``validation.go``).

    A next token is given iff the page is full, so an empty last page is normal (``execution_manager.go:1776``).
    """

    def __init__(self, rows: list[sqlite3.Row], offset: int, limit: int) -> None:
        self.rows = rows
        self.token = str(offset + limit) if rows and len(rows) == limit else ""


class Database:
    """An open store. Usable from any thread; `transaction` nests.

    Args:
        path: The file.
        before: Asked before each statement; raises when the database is to be away.

    Raises:
        sqlite3.Error: When the file cannot be read, or a newer flyte-bridge wrote it.
    """

    def __init__(self, path: Path, before: Callable[[], None] = lambda: None) -> None:
        self._before = before
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._connection.row_factory = sqlite3.Row
            migrate(self._connection)
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._connection.execute("PRAGMA case_sensitive_like=ON")  # as in Postgres
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else in between: also the lock for read-modify-write."""
        self._before()
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def execute(self, statement: str, arguments: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Runs one statement."""
        self._before()
        with self._lock:
            return self._connection.execute(statement, arguments)

    def one(self, statement: str, arguments: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row, or None."""
        self._before()
        with self._lock:
            row: sqlite3.Row | None = self._connection.execute(statement, arguments).fetchone()
            return row

    def all(self, statement: str, arguments: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows."""
        self._before()
        with self._lock:
            return self._connection.execute(statement, arguments).fetchall()

    def page(self, query: Query, columns: Iterable[str] = ("*",)) -> Page:
        """One page of what is listed; a limit of 0 is none."""
        statement, arguments = query.select(columns)
        rows = self.all(
            f"{statement} ORDER BY {query.order} LIMIT {query.limit or -1:d} OFFSET {query.offset:d}", arguments
        )
        return Page(rows, query.offset, query.limit)

    def page_then_filter(self, query: Query, statement: str, arguments: Sequence[Any]) -> Page:
        """The page of a statement, of which the filters of the query leave some rows."""
        cut = f"{statement} ORDER BY {query.order} LIMIT {query.limit or -1:d} OFFSET {query.offset:d}"
        filtered, more = query.filter(cut)
        return Page(self.all(f"{filtered} ORDER BY {query.order}", [*arguments, *more]), query.offset, query.limit)
