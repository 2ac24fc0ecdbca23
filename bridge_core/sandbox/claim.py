"""One sandbox per data directory: two would run the same runs twice."""

from __future__ import annotations

import fcntl
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from .layout import Layout

__all__ = ["DirectoryTaken", "claimed"]


class DirectoryTaken(OSError):
    """Another sandbox works in the data directory that was asked for."""


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
