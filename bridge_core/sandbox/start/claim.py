"""One sandbox per data directory: two would run the same runs twice."""

from __future__ import annotations

import contextlib
import fcntl
import sqlite3
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..model.layout import Layout

__all__ = ["DirectoryTaken", "DirectoryUnusable", "claimed", "usable"]


class DirectoryTaken(OSError):
    """Another sandbox works in the data directory that was asked for."""


class DirectoryUnusable(OSError):
    """The data directory that was asked for cannot be written, or what is in it cannot be read."""


@contextlib.contextmanager
def usable(root: Path) -> Iterator[None]:
    """Says which directory it is when its files cannot be made, written or read inside the block.

    Raises:
        DirectoryUnusable: With the reason in one line.
    """
    try:
        yield
    except DirectoryTaken:
        raise
    except OSError as error:
        where = "" if error.filename is None or Path(error.filename) == root else f" ({error.filename})"
        reason = (error.strerror or str(error)) + where
        raise _unusable(root, reason) from None
    except sqlite3.Error as error:
        raise _unusable(root, f"sandbox.sqlite: {error}") from None


def _unusable(root: Path, reason: str) -> DirectoryUnusable:
    return DirectoryUnusable(f"cannot keep data in {root}: {reason}; choose another directory with --data-dir")


def claimed(layout: Layout) -> IO[bytes]:
    """Holds the data directory for as long as the file is open, also over kill -9."""
    file = layout.lock.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise DirectoryTaken(
            f"another sandbox works in {layout.root}; stop it, or choose another directory with --data-dir"
        ) from None
    return file
