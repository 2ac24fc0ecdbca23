"""`workspace`: the folders of one attempt, gone when it is over."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..model.layout import Layout

__all__ = ["Workspace", "workspace"]


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a pod's own disk is on a cluster: it goes away with the pod."""

    work: Path
    """The working directory."""
    temporary: Path
    """``TMPDIR``. flytekit makes a folder there as soon as it is imported, and leaves it to the end of the pod.

    Not for tasks of Flyte 2: where outputs go to local files, its SDK hands on files of a task where they lie.
    """


@contextlib.contextmanager
def workspace(layout: Layout) -> Iterator[Workspace]:
    """Folders for one attempt, removed at the end with all that is in them.

    The temporary one is a folder of the server's own: someone who set ``TMPDIR`` to a larger disk meant that one, and a path
    below the sandbox's root may be too long for the sockets that `multiprocessing` makes there (107 bytes).
    """
    work = Path(tempfile.mkdtemp(prefix="task-", dir=layout.work))
    try:
        temporary = Path(tempfile.mkdtemp(prefix="flyte-task-"))
        try:
            yield Workspace(work, temporary)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)
