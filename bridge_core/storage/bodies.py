"""What one upload consists of: a file, some bytes, or all files of a directory; and the digest that names its content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..model.errors import InvalidRequest
from . import signed
from .paths import check_name

__all__ = ["Body", "Source", "digest_of", "sources_of"]

_SHOWN = 80  # characters of a path that is none


@dataclass(frozen=True, slots=True)
class Source:
    """One object that will be sent; nothing of it was read yet."""

    name: str
    """Its name below the upload's prefix; may contain ``/`` for files of a directory."""
    source: Path | bytes = field(repr=False)
    label: str = ""
    """Which input it is, for messages."""

    def read(self) -> Body:
        """Reads it once, for its digest.

        Raises:
            InvalidRequest: It cannot be read.
        """
        return Body(self.name, self.source, signed.md5(self.source, self.label))


@dataclass(frozen=True, slots=True)
class Body:
    """One object to send."""

    name: str
    source: Path | bytes = field(repr=False)
    md5: bytes = field(repr=False)


def sources_of(source: Path | bytes, *, file_name: str, directory: bool, label: str) -> tuple[Source, ...]:
    """The objects of one upload, in a stable order.

    Args:
        source: A path, or the bytes themselves.
        file_name: Name of the object; files of a directory keep their own.
        directory: Whether a directory is wanted.
        label: Which input it is, for messages.

    Raises:
        InvalidRequest: A path is missing, is of the wrong kind, or holds what cannot be uploaded as it is.
    """
    if isinstance(source, bytes):
        check_name(file_name, label)
        return (Source(file_name, source, label),)
    try:
        source.stat()
    except PermissionError as error:
        raise InvalidRequest(f"{label}: {source} cannot be read: {error.strerror}") from None
    except (FileNotFoundError, NotADirectoryError):
        pass  # said below, by kind
    except (OSError, ValueError) as error:  # too long, or with characters that no path has: some other text
        shown = str(source) if len(str(source)) <= _SHOWN else f"{str(source)[:_SHOWN]}…"
        reason = (error.strerror if isinstance(error, OSError) else None) or "it holds characters that no path has"
        raise InvalidRequest(f"{label}: {shown!a} is no path of a file here: {reason}") from None
    if not directory:
        if not source.is_file():
            what = "is a directory, and a file is wanted" if source.is_dir() else "does not exist"
            if source.exists() and not source.is_dir():
                what = "is no regular file"
            raise InvalidRequest(f"{label}: file {source} {what}")
        check_name(file_name, label)
        return (Source(file_name, source, label),)
    if not source.is_dir():
        what = "is a file, and a directory is wanted" if source.exists() else "does not exist"
        raise InvalidRequest(f"{label}: directory {source} {what}")
    files = _files(source, label)
    if not files:
        raise InvalidRequest(f"{label}: directory {source} holds no files")
    names = [file.relative_to(source).as_posix() for file in files]
    for name in names:
        check_name(name, label)
    return tuple(Source(name, file, label) for name, file in zip(names, files, strict=True))


def _files(source: Path, label: str) -> list[Path]:
    """All files of a tree. What an object store cannot hold is refused, because leaving it out would lose it silently."""

    def refuse(error: OSError) -> None:
        raise InvalidRequest(f"{label}: directory {error.filename} cannot be read: {error.strerror or error}") from None

    root = source.resolve()
    found = []
    for folder, folders, names in os.walk(source, onerror=refuse):
        for name in folders:
            if (link := Path(folder, name)).is_symlink():
                raise InvalidRequest(
                    f"{label}: {link} is a symlink to a directory; copy the directory, or leave it out"
                )
        for name in names:
            file = Path(folder, name)
            if not file.resolve().is_relative_to(root):
                raise InvalidRequest(f"{label}: {file} is a symlink out of {source}; copy the file, or leave it out")
            if not file.is_file():
                what = "is a symlink to nothing" if file.is_symlink() else "is no regular file"
                raise InvalidRequest(f"{label}: {file} {what}; leave it out")
            found.append(file)
    return sorted(found)


def digest_of(bodies: Sequence[Body], *, directory: bool) -> bytes:
    """MD5 of what the upload holds: of the object, or of names and digests of all files of a directory."""
    if not directory:
        return bodies[0].md5
    whole = hashlib.md5(usedforsecurity=False)
    for body in bodies:
        name = body.name.encode()
        whole.update(b"%d:%s" % (len(name), name) + body.md5)
    return whole.digest()
