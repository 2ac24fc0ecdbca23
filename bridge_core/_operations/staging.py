"""What is to be sent, before it is: read once, named by content, all mistakes at once."""

from __future__ import annotations

import os
import shutil
import weakref
from base64 import b32encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ..model.errors import InvalidRequest, LiteralError

if TYPE_CHECKING:
    from ..literals import Upload
    from ..storage.bodies import Body, Source
    from ..transport.base import Transport

__all__ = ["Scratch", "Staged", "folder_of", "stage", "staged_of"]

P = ParamSpec("P")
T = TypeVar("T")

_SHOWN = 50  # files named in one error


class Scratch:
    """A folder for frames on their way, which goes away with this object."""

    def __init__(self) -> None:
        from ..storage.scratch import make_folder

        self.path = make_folder()
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One upload, read and named by content, not sent yet."""

    token: str
    directory: bool
    bodies: tuple[Body, ...]
    digest: bytes
    scratch: Scratch | None = field(default=None, repr=False)
    """Keeps the files of frames until they are sent."""
    renamed: bool = False
    """Whether its name is `literal_name` of what it was called; such names have folders of their own."""

    @property
    def root(self) -> str:
        """Name of the folder that holds this content: FlyteAdmin's own for files; for a directory, of all its files."""
        text = folder_of(self.digest)
        if self.directory or self.renamed:
            text = text.rstrip("=").lower()
        return f"{text}-named" if self.renamed else text


async def stage(transport: Transport, uploads: Sequence[Upload]) -> tuple[Staged, ...]:
    """Reads what is to be uploaded, once, several files at a time. Sends nothing.

    Raises:
        InvalidRequest: Files are missing or unreadable; all of them are named at once.
    """
    if not uploads:
        return ()
    scratch = Scratch() if any(item.kind in ("frame", "array") for item in uploads) else None

    def open_one(upload: Upload) -> tuple[Source, ...] | InvalidRequest:
        return _or_refusal(_sources, upload, scratch)

    opened = _all(await transport.map_io(open_one, list(uploads)))
    sources_of_all = [source for sources in opened for source in sources]
    read = iter(_all(await transport.map_io(_read, sources_of_all)))
    staged = []
    for upload, sources in zip(uploads, opened, strict=True):
        staged.append(staged_of(upload.token, tuple(next(read) for _ in sources), upload.kind == "directory", scratch))
    return tuple(staged)


def staged_of(token: str, bodies: tuple[Body, ...], directory: bool, scratch: Scratch | None = None) -> Staged:
    """An upload, from what was read."""
    from ..storage.bodies import digest_of
    from ..storage.paths import literal_name

    other = None if directory else literal_name(bodies[0].name)
    return Staged(
        token=token,
        directory=directory,
        bodies=bodies if other is None else (replace(bodies[0], name=other),),
        digest=digest_of(bodies, directory=directory),
        scratch=scratch,
        renamed=other is not None,
    )


def folder_of(md5: bytes) -> str:
    """Name that FlyteAdmin gives the folder of an object."""
    return b32encode(md5).decode()


def _read(source: Source) -> Body | InvalidRequest:
    return _or_refusal(source.read)


def _or_refusal(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | InvalidRequest:
    """What it returns, or why it cannot: people correct all their inputs at once."""
    try:
        return func(*args, **kwargs)
    except InvalidRequest as error:
        return error


def _all(results: Sequence[T | InvalidRequest]) -> list[T]:
    """All results.

    Raises:
        InvalidRequest: One for all refusals.
    """
    refused = [item for item in results if isinstance(item, InvalidRequest)]
    if len(refused) == 1:
        raise refused[0]
    if refused:
        lines = "\n  ".join([item.message for item in refused[:_SHOWN]] + ["…"] * (len(refused) > _SHOWN))
        raise InvalidRequest(f"{len(refused)} files cannot be uploaded:\n  {lines}")
    return [item for item in results if not isinstance(item, InvalidRequest)]


def _write(upload: Upload, target: Path) -> None:
    """A frame or an array as a file.

    Raises:
        LiteralError: It holds what such a file cannot; names the input.
        InvalidRequest: The disk is full.
    """
    from ..literals.arrays import write_npy
    from ..literals.dataframes import write_parquet
    from ..storage.scratch import no_room

    try:
        (write_parquet if upload.kind == "frame" else write_npy)(upload.source, target)
    except LiteralError as error:
        problem = f"{upload.path}: {error.message}"
        raise LiteralError(problem, problems=(problem,)) from error
    except OSError as error:
        full = no_room(target.parent, error)
        raise full.with_message(f"{upload.path}: {full.message}") from None


def _sources(upload: Upload, scratch: Scratch | None) -> tuple[Source, ...]:
    from ..storage.bodies import sources_of

    source = upload.source
    if upload.kind in ("frame", "array") and not isinstance(source, (str, os.PathLike)):
        assert scratch is not None
        target = scratch.path / upload.token.rpartition("/")[2]
        _write(upload, target)
        source = target
    elif not isinstance(source, bytes):
        source = Path(source)
    return sources_of(source, file_name=upload.file_name, directory=upload.kind == "directory", label=upload.path)
