"""Who of several runners on one database works: the others stand by. Saves work; that a tick launches once does not rest on it.

Two kinds. On one machine (SQLite) a file lock: the kernel frees it the moment its holder dies, even by ``kill -9``. Elsewhere a
row with a counter that the leader raises: a counter that stands still for `ttl` seconds *on the watcher's monotonic clock* has
lost its owner, so neither clock skew between machines nor a jumping wall clock can make two leaders for longer than a moment.
"""

from __future__ import annotations

import os
import socket
import uuid
from typing import IO, TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from .clock import Clock
    from .store import Store

__all__ = ["FileLease", "Lease", "RowLease", "lease_for"]


class Lease(Protocol):
    """The right to work."""

    def hold(self) -> bool:
        """Takes or keeps the lease; called every second or so. False: somebody else works."""
        ...

    def release(self) -> None:
        """Gives it back, so that the next one need not wait."""
        ...


def lease_for(store: Store, clock: Clock, ttl: float) -> Lease:
    """The kind that fits the database."""
    if store.path is not None:
        return FileLease(store.path.with_name(f"{store.path.name}.lock"))
    return RowLease(store, clock, ttl)


class FileLease:
    """A lock on a file beside the database. The file stays; what counts is the lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def hold(self) -> bool:
        """Tries to lock, without waiting."""
        import fcntl

        if self._file is not None:
            return True
        file = self._path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            return False
        file.truncate(0)
        file.write(f"{socket.gethostname()} pid {os.getpid()}\n".encode())
        file.flush()
        self._file = file
        return True

    def release(self) -> None:
        """Closes the file, which frees the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None


class RowLease:
    """A row with its holder's name and a counter.

    Args:
        store: Where the row is.
        clock: Monotonic time is taken from it.
        ttl: Seconds without a beat after which the holder counts as gone; the holder beats three times as often.
    """

    def __init__(self, store: Store, clock: Clock, ttl: float = 15.0) -> None:
        self._store = store
        self._clock = clock
        self._ttl = ttl
        self._me = f"{socket.gethostname()} pid {os.getpid()} {uuid.uuid4().hex[:8]}"
        self._seen: tuple[int, float] | None = None
        self._beaten: float | None = None
        self._table = store.tables.leases

    def hold(self) -> bool:
        """Beats when it is time to; takes the lease over when nobody has beaten for `ttl` seconds."""
        now = self._clock.monotonic()
        if self._beaten is not None:
            if now - self._beaten < self._ttl / 3:
                return True
            if self._move(holder=self._me):
                self._beaten = now
                return True
            self._beaten = self._seen = None
        return self._take(now)

    def release(self) -> None:
        """Removes the row, if it is ours."""
        table = self._table
        with self._store.engine.begin() as connection:
            ours = (table.c.scope == self._store.scope) & (table.c.holder == self._me)
            connection.execute(table.delete().where(ours))
        self._beaten = self._seen = None

    def _take(self, now: float) -> bool:
        from sqlalchemy.exc import IntegrityError

        table = self._table
        with self._store.engine.connect() as connection:
            row = connection.execute(table.select().where(table.c.scope == self._store.scope)).mappings().first()
        if row is None:
            try:
                with self._store.engine.begin() as connection:
                    connection.execute(table.insert().values(scope=self._store.scope, holder=self._me, beat=1))
            except IntegrityError:
                return False
            self._beaten = now
            return True
        if self._seen is None or self._seen[0] != row["beat"]:
            self._seen = (row["beat"], now)
            return False
        if now - self._seen[1] < self._ttl or not self._move(beat=row["beat"]):
            return False
        self._beaten = now
        return True

    def _move(self, *, holder: str | None = None, beat: int | None = None) -> bool:
        """Raises the counter and signs, if the row is still as expected."""
        table = self._table
        expected = table.c.scope == self._store.scope
        expected &= table.c.holder == holder if holder is not None else table.c.beat == beat
        with self._store.engine.begin() as connection:
            update = table.update().where(expected).values(holder=self._me, beat=table.c.beat + 1)
            return bool(connection.execute(update).rowcount)
