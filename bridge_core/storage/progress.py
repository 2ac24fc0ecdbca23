"""How far a transfer is: what progress callbacks are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..model.public import public

__all__ = ["OnProgress", "Progress"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """One report about one file. Callbacks may be called from several threads at once."""

    name: str
    """The file: its name below the upload or download, ``shards/00001.bin``."""

    done: int
    """Bytes moved so far. Begins again at 0 when a transfer is tried again."""

    size: int | None
    """Bytes in all, when known."""

    @property
    def finished(self) -> bool:
        """Whether this is the last report about this file."""
        return self.done == self.size


OnProgress = Callable[[Progress], None]
