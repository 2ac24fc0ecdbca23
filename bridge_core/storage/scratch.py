"""Temporary folders for what is on its way; a disk that is full or cannot be written is an error like others."""

from __future__ import annotations

import contextlib
import errno
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["make_folder", "no_room", "scratch", "writing"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def no_room(place: Path | str, error: OSError) -> InvalidRequest:
    """The error for a temporary place that cannot be written."""
    return InvalidRequest(
        f"{place} cannot be written: {error.strerror or error}; free some space there, or set TMPDIR to a folder on another disk"
    )


def make_folder(prefix: str = "flyte-bridge-") -> Path:
    """A new temporary folder.

    Raises:
        InvalidRequest: None can be made.
    """
    try:
        return Path(tempfile.mkdtemp(prefix=prefix))
    except OSError as error:
        place = Path(error.filename).parent if error.filename else "no temporary folder (TMPDIR, /tmp, …)"
        raise no_room(place, error) from None


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Tells failures to write below the folder.

    Raises:
        InvalidRequest: The disk is full, or a limit is reached.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL or str(error.filename or "").startswith(f"{folder}/"):
            raise no_room(folder, error) from None
        raise


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder that goes away at the end.

    Raises:
        InvalidRequest: None can be made, or the disk is full.
    """
    import shutil

    folder = make_folder()
    try:
        with writing(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
