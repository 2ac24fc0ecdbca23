"""What one upload consists of: a file, some bytes, or all files of a directory; and the digest that names its content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import InvalidRequest
from . import signed

__all__ = ["Body", "bodies_of", "digest_of"]


@dataclass(frozen=True, slots=True)
class Body:
    """One object to PUT."""

    name: str
    """Its name below the upload's prefix; may contain ``/`` for files of a directory."""
    source: Path | bytes = field(repr=False)
    md5: bytes = field(repr=False)


def bodies_of(source: Path | bytes, *, file_name: str, directory: bool, label: str) -> tuple[Body, ...]:
    """The objects of one upload, in a stable order.

    Args:
        source: A path, or the bytes themselves.
        file_name: Name of the object; files of a directory keep their own.
        directory: Whether a directory is wanted.
        label: Which input it is, for messages.

    Raises:
        InvalidRequest: A path is missing, is of the wrong kind, or a symlink leads out of the directory.
    """
    if isinstance(source, bytes):
        return (Body(file_name, source, signed.md5(source)),)
    if not directory:
        if not source.is_file():
            what = "is a directory, and a file is wanted" if source.is_dir() else "does not exist"
            raise InvalidRequest(f"{label}: file {source} {what}")
        return (Body(file_name, source, signed.md5(source)),)
    if not source.is_dir():
        raise InvalidRequest(f"{label}: directory {source} does not exist")
    files = sorted(file for file in source.rglob("*") if file.is_file())
    root = source.resolve()
    for file in files:
        if not file.resolve().is_relative_to(root):
            raise InvalidRequest(f"{label}: {file} is a symlink out of {source}; copy the file, or leave it out")
    if not files:
        raise InvalidRequest(f"{label}: directory {source} holds no files")
    return tuple(Body(file.relative_to(source).as_posix(), file, signed.md5(file)) for file in files)


def digest_of(bodies: tuple[Body, ...], *, directory: bool) -> bytes:
    """MD5 of what the upload holds: of the object, or of names and digests of all files of a directory."""
    if not directory:
        return bodies[0].md5
    whole = hashlib.md5(usedforsecurity=False)
    for body in bodies:
        name = body.name.encode()
        whole.update(b"%d:%s" % (len(name), name) + body.md5)
    return whole.digest()
