"""Copying in chunks: files that appear only when they are whole, sizes, and counting for progress."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import secrets
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..model.errors import InvalidRequest
from .progress import OnProgress, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CHUNK", "Counted", "Encoded", "atomic", "binary", "copy", "drain", "open_source", "size_of"]

CHUNK = 1 << 20
"""Bytes that are in memory at once."""

_WHOLE = frozenset({"punycode", "idna"})  # what they write of a part depends on the rest


class Counted:
    """A stream to read from that reports how far it is."""

    def __init__(self, stream: IO[bytes], name: str, size: int | None, progress: OnProgress | None) -> None:
        self._stream = stream
        self._name = name
        self._size = size
        self._progress = progress
        self.done = 0

    def read(self, size: int = -1) -> bytes:
        """Reads, and reports."""
        data = self._stream.read(size)
        self.done += len(data)
        if self._progress is not None and (data or not self._size):
            self._progress(Progress(name=self._name, done=self.done, size=self._size))
        return data


class Encoded:
    """A stream of text or bytes, read as bytes.

    Raises:
        InvalidRequest: Python has no such encoding for texts.
    """

    def __init__(self, stream: IO[Any], encoding: str) -> None:
        self._stream = stream
        self._encoding = encoding
        self._ended = False
        try:
            "".encode(encoding)  # refuses what encodes no texts: hex, zlib
            self._encoder = codecs.getincrementalencoder(encoding)()  # one for all chunks: one byte order mark
        except (LookupError, UnicodeError) as error:
            raise InvalidRequest(f"texts cannot be written in encoding {encoding!r}: {error}") from None

    def read(self, size: int = -1) -> bytes:
        """Reads about that many bytes, or characters of a text; empty at the end only.

        Raises:
            InvalidRequest: The encoding lacks a character of the text.
        """
        while not self._ended:
            data = self._stream.read(-1 if self._encoding.lower() in _WHOLE else size)
            self._ended = not data
            if data and not isinstance(data, str):
                return data  # type: ignore[no-any-return]
            try:
                encoded = self._encoder.encode(data or "", final=self._ended) if isinstance(data, str) else b""
            except UnicodeError as error:
                raise InvalidRequest(f"the text cannot be written in encoding {self._encoding!r}: {error}") from None
            if encoded:
                return encoded
        return b""


@contextlib.contextmanager
def open_source(source: Path | bytes | IO[bytes], label: str = "") -> Iterator[IO[bytes]]:
    """Opens what is to be sent; streams stay open.

    Raises:
        InvalidRequest: The file is missing or unreadable.
    """
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    if not isinstance(source, Path):
        yield source
        return
    try:
        stream = source.open("rb", buffering=0)
    except OSError as error:
        start = f"{label}: " if label else ""
        raise InvalidRequest(f"{start}file {source} cannot be read: {error.strerror or error}") from None
    with stream:
        yield stream  # a raw file reads like any other


def size_of(source: Path | bytes) -> int:
    """Bytes of what is to be sent.

    Raises:
        InvalidRequest: The file is missing or unreadable.
    """
    if isinstance(source, bytes):
        return len(source)
    try:
        return source.stat().st_size
    except OSError as error:
        raise InvalidRequest(f"file {source} cannot be read: {error.strerror or error}") from None


@contextlib.contextmanager
def atomic(target: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes its name when it is whole; otherwise nothing is left of it.

    Raises:
        InvalidRequest: It cannot be written: the disk is full, the folder is read-only, the target is a folder.
    """
    partial = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    ours = {str(place) for place in (target, partial, *target.parents)}  # what is read from may fail in here, too
    try:
        if target.is_dir():
            raise InvalidRequest(f"{target} is a folder; name the file to write")
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("xb") as file:
            yield file
        partial.replace(target)
    except OSError as error:
        if str(error.filename) in ours or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise InvalidRequest(
                f"{target} cannot be written: {error.strerror or error}; what was written of it was removed"
            ) from None
        raise
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def copy(source: Any, sink: IO[bytes], target: str) -> int:
    """Copies in chunks; failures to write are told from failures to read.

    Raises:
        InvalidRequest: The disk is full, or a limit is reached.
    """
    done = 0
    while chunk := source.read(CHUNK):
        try:
            sink.write(chunk)
        except OSError as error:
            raise InvalidRequest(
                f"{target} cannot be written after {done} bytes: {error.strerror or error}; what was written of it was removed"
            ) from None
        done += len(chunk)
    try:
        sink.flush()
    except OSError as error:
        raise InvalidRequest(
            f"{target} cannot be written: {error.strerror or error}; what was written of it was removed"
        ) from None
    return done


def binary(data: Any, encoding: str) -> bytes | IO[bytes]:
    """Bytes, or a stream of bytes, of what may be given instead of a path."""
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if not callable(getattr(data, "read", None)):
        raise InvalidRequest(f"expected a path, bytes or a stream, got {type(data).__qualname__}")
    if hasattr(data, "seek") and getattr(data, "seekable", bool)():
        data.seek(0)
    return Encoded(data, encoding)  # type: ignore[return-value]  # reads like one


def drain(data: Any, target: Path, encoding: str) -> None:
    """A stream into a file: its MD5 must be known before its first byte is sent."""
    body = binary(data, encoding)
    with target.open("wb") as file:
        if isinstance(body, bytes):
            file.write(body)
        else:
            copy(body, file, str(target))
