"""Objects by URI, through fsspec: one object at a time, streamed, whole or not at all. Blocking; callers run it in threads.

Local paths do not go through fsspec: its local file system writes in place, and a copy that dies half-way would leave half
a file under the right name.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..model.errors import NotFound, Unavailable
from .failures import translated
from .filesystems import FileSystems
from .paths import as_directory, check_key, is_local, join, leaf, local_path, scheme_of
from .progress import OnProgress, Progress
from .streams import CHUNK, Counted, atomic, copy, open_source, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..config import Config

__all__ = ["Store"]

_PART = 8 << 20  # bytes of one part of a multipart upload; at most ten are in memory
_MOST_PARTS = 9_000  # S3 allows 10,000
_BLOCKS = 4  # blocks of 4 MiB that are in memory at once on Azure; adlfs takes 128


class Store:
    """The stores that one client reaches directly."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.systems = FileSystems(config)

    def exists(self, uri: str, *, anonymous: bool = False) -> bool:
        """Whether an object, or anything below it, is there."""
        if is_local(uri):
            return local_path(uri).exists()
        system, path = self.systems.of(uri, anonymous=anonymous)
        return bool(self._asking(uri, lambda: system.exists(path)))

    def size(self, uri: str) -> int | None:
        """Bytes of one object; None when it is not there."""
        system, path = self.systems.of(uri)
        try:
            found = self._asking(uri, lambda: system.info(path))
        except NotFound:
            return None
        return int(found["size"]) if found.get("type") == "file" else None

    def is_directory(self, uri: str) -> bool:
        """Whether objects lie below it."""
        system, path = self.systems.of(uri)
        return bool(self._asking(uri, lambda: system.isdir(path)))

    def files(self, uri: str, *, anonymous: bool = False) -> list[tuple[str, str]]:
        """Relative name and URI of all objects below a prefix, sorted; of the object itself when it is one.

        Raises:
            NotFound: Nothing is there.
        """
        system, path = self.systems.of(uri, anonymous=anonymous)

        def find() -> list[tuple[str, str]]:
            if system.isfile(path):
                return [(leaf(path), uri)]
            # A bucket's folder markers are objects whose names end in "/": they hold nothing.
            found = sorted(str(item) for item in system.find(path.rstrip("/")) if not str(item).endswith("/"))
            below = as_directory(path)
            return [(item.removeprefix(below), _uri(uri, path, item)) for item in found]

        found: list[tuple[str, str]] = self._asking(uri, find)
        if not found:
            raise NotFound(f"nothing is stored at {uri}")
        return found

    def open(self, uri: str, mode: str = "rb", *, anonymous: bool = False) -> IO[Any]:
        """Opens one object; text modes use UTF-8."""
        system, path = self.systems.of(uri, anonymous=anonymous)
        text = {} if "b" in mode else {"encoding": "utf-8"}
        stream: IO[Any] = self._asking(uri, lambda: system.open(path, mode, **text))
        return stream

    def read_tail(self, uri: str, size: int) -> bytes:
        """The last bytes of an object; all of it when it is shorter."""
        system, path = self.systems.of(uri)
        return bytes(self._asking(uri, lambda: system.tail(path, size)))

    def remove(self, uri: str) -> None:
        """Removes one object."""
        system, path = self.systems.of(uri)
        self._asking(uri, lambda: system.rm_file(path))

    def put(
        self,
        source: Path | bytes | IO[bytes],
        uri: str,
        *,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> str:
        """Writes one object.

        Args:
            source: A file, bytes, or a stream, which is read from where it is.
            uri: The object.
            metadata: Kept with it where the store can.
            progress: Told how far it is.

        Returns:
            The URI.
        """
        if is_local(uri):
            target = local_path(uri)
            with open_source(source) as stream, atomic(target) as file:
                length = size_of(source) if isinstance(source, (Path, bytes)) else None
                copy(Counted(stream, target.name, length, progress), file, str(target))
            return uri
        system, path = self.systems.of(uri)
        check_key(path.partition("/")[2])
        if isinstance(source, Path):
            self._asking(uri, lambda: self._send(system, path, source, metadata, progress), writing=True)
        elif isinstance(source, bytes):
            self._asking(
                uri, lambda: _describing(system, path, system.pipe_file, (path, source), metadata), writing=True
            )
        else:  # a stream cannot be read twice, so this is tried once
            kept = _metadata(system, metadata)
            with translated(uri, writing=True), system.open(path, "wb", block_size=_PART, **kept) as sink:
                shutil.copyfileobj(Counted(source, leaf(uri), None, progress), sink, CHUNK)
        return uri

    def get(
        self, uri: str, target: Path, *, anonymous: bool = False, progress: OnProgress | None = None, name: str = ""
    ) -> Path:
        """Copies one object to a file, which appears only when it is whole."""
        name = name or target.name
        if is_local(uri):
            source = local_path(uri)
            if not source.exists():
                raise NotFound(f"nothing is stored at {uri}")
            with open_source(source) as stream, atomic(target) as file:
                copy(Counted(stream, name, size_of(source), progress), file, str(target))
            return target
        system, path = self.systems.of(uri, anonymous=anonymous)

        def fetch() -> None:
            with system.open(path, "rb", block_size=_PART, cache_type="readahead") as stream, atomic(target) as file:
                copy(Counted(stream, name, getattr(stream, "size", None), progress), file, str(target))

        self._asking(uri, fetch)
        return target

    def _send(
        self,
        system: Any,
        path: str,
        source: Path,
        metadata: Mapping[str, str] | None,
        progress: OnProgress | None,
    ) -> None:
        options: dict[str, Any] = {}
        scheme, length = _protocol(system), size_of(source)  # a file that is gone is no bucket that is not there
        if scheme in ("s3", "gs"):
            options["chunksize"] = max(_PART, -(-length // _MOST_PARTS))
        elif scheme == "abfs":
            options |= {"max_concurrency": _BLOCKS, "overwrite": True}  # adlfs of 2024 refuses what is there
        if progress is not None:
            options["callback"] = _callback(leaf(path), progress)
        _describing(system, path, system.put_file, (str(source), path), metadata, **options)

    def _asking(self, uri: str, ask: Callable[[], Any], *, writing: bool = False) -> Any:
        """On S3, asks again after failures of the network; other libraries do it themselves."""
        left = self._config.s3.retries if scheme_of(uri) in ("s3", "s3a") else 0
        while True:
            try:
                with translated(uri, writing=writing):
                    return ask()
            except Unavailable:
                if left <= 0:
                    raise
                left -= 1
                time.sleep(self._config.s3.backoff)


def _uri(asked: str, path: str, item: str) -> str:
    """URI of an object below the prefix that was asked for, spelled like it."""
    if is_local(asked):
        return item
    return join(asked.rstrip("/"), item.removeprefix(as_directory(path)))


def _protocol(system: Any) -> str:
    """``s3``, ``gs`` or ``abfs`` for all spellings of these; else the library's own word."""
    protocol = system.protocol
    names = (protocol,) if isinstance(protocol, str) else tuple(protocol)
    return next((name for name in ("s3", "gs", "abfs") if name in names), str(names[0]))


def _metadata(system: Any, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """The argument by which each library takes metadata; nothing for stores that keep none."""
    if not metadata:
        return {}
    clean = {
        "".join(c if c.isascii() and c.isalnum() else "_" for c in key): " ".join(value.split())
        .encode("ascii", "replace")
        .decode()
        for key, value in metadata.items()
    }
    scheme = _protocol(system)
    if scheme == "abfs":
        return {"metadata": {**clean, "is_directory": "false"}}  # what adlfs tells objects from folders by
    return {"s3": {"Metadata": clean}, "gs": {"metadata": clean}}.get(scheme, {})


def _describing(
    system: Any,
    path: str,
    write: Callable[..., object],
    arguments: tuple[Any, ...],
    metadata: Mapping[str, str] | None,
    **options: Any,
) -> None:
    """Writes one object and its metadata. adlfs takes these when it opens an object, but not when it writes a whole one."""
    kept = _metadata(system, metadata)
    after = kept.pop("metadata", None) if _protocol(system) == "abfs" else None
    write(*arguments, **kept, **options)
    if after:
        system.setxattrs(path, **after)


def _callback(name: str, progress: OnProgress) -> Any:
    from fsspec.callbacks import Callback

    class Reports(Callback):  # type: ignore[misc]  # fsspec has no types
        def call(self, *_: Any, **__: Any) -> None:
            progress(Progress(name=name, done=self.value, size=self.size))

    return Reports()
