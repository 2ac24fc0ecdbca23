"""Objects by URI, through fsspec: one object at a time, streamed, whole or not at all. Blocking; callers run it in threads.

Local paths do not go through fsspec: its local file system writes in place, and a copy that dies half-way would leave half
a file under the right name.
"""

from __future__ import annotations

import contextlib
import errno
import shutil
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import BridgeError, InvalidRequest, NotFound, PermissionDenied, Unavailable
from .filesystems import FileSystems
from .paths import as_directory, is_local, join, leaf, local_path, scheme_of, shown
from .progress import OnProgress, Progress
from .streams import CHUNK, Counted, atomic, copy, open_source, size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..config import Config

__all__ = ["Store"]

_PART = 8 << 20  # bytes of one part of a multipart upload; at most ten are in memory
_MOST_PARTS = 9_000  # S3 allows 10,000
_HOPELESS = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EINVAL,
    errno.EEXIST, errno.ELOOP,
}  # fmt: skip
_CREDENTIALS = ("NoCredentialsError", "PartialCredentialsError", "ClientAuthenticationError", "DefaultCredentialsError")


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
                copy(Counted(stream, target.name, size_of(source), progress), file, str(target))
            return uri
        system, path = self.systems.of(uri)
        if isinstance(source, Path):
            self._asking(uri, lambda: self._send(system, path, source, metadata, progress))
        elif isinstance(source, bytes):
            self._asking(uri, lambda: system.pipe_file(path, source, **_metadata(uri, metadata)))
        else:  # a stream cannot be read twice, so this is tried once
            with self._translated(uri), system.open(path, "wb", block_size=_PART, **_metadata(uri, metadata)) as sink:
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
            with atomic(target) as file, system.open(path, "rb", block_size=_PART, cache_type="readahead") as stream:
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
        scheme = scheme_of(f"{_protocol(system)}://")
        options: dict[str, Any] = dict(_metadata(f"{scheme}://", metadata))
        if scheme in ("s3", "gs"):
            options["chunksize"] = max(_PART, -(-source.stat().st_size // _MOST_PARTS))
        if progress is not None:
            options["callback"] = _callback(leaf(path), progress)
        system.put_file(str(source), path, **options)

    def _asking(self, uri: str, ask: Callable[[], Any]) -> Any:
        """On S3, asks again after failures of the network; other libraries do it themselves."""
        left = self._config.s3.retries if scheme_of(uri) in ("s3", "s3a") else 0
        while True:
            try:
                with self._translated(uri):
                    return ask()
            except Unavailable:
                if left <= 0:
                    raise
                left -= 1
                time.sleep(self._config.s3.backoff)

    @contextlib.contextmanager
    def _translated(self, uri: str) -> Any:
        try:
            yield
        except BridgeError:
            raise
        except FileNotFoundError:
            raise NotFound(f"nothing is stored at {shown(uri)}") from None
        except PermissionError as error:
            raise PermissionDenied(f"the store refuses access to {shown(uri)}: {shown(error)}") from None
        except OSError as error:
            kind = InvalidRequest if error.errno in _HOPELESS else Unavailable
            raise kind(f"{shown(uri)}: {shown(error)}") from None
        except Exception as error:  # noqa: BLE001  # every store's library has errors of its own
            if type(error).__name__ in _CREDENTIALS:
                raise PermissionDenied(
                    f"{shown(uri)}: no usable credentials ({type(error).__name__}). Set them in Config (s3, azure), or where "
                    "the store's own library looks"
                ) from None
            kind = InvalidRequest if isinstance(error, (ValueError, TypeError, NotImplementedError)) else Unavailable
            raise kind(f"{shown(uri)}: {type(error).__name__}: {shown(error)}") from None


def _uri(asked: str, path: str, item: str) -> str:
    """URI of an object below the prefix that was asked for, spelled like it."""
    if is_local(asked):
        return item
    return join(asked.rstrip("/"), item.removeprefix(as_directory(path)))


def _protocol(system: Any) -> str:
    protocol = system.protocol
    return str(protocol if isinstance(protocol, str) else protocol[0])


def _metadata(uri: str, metadata: Mapping[str, str] | None) -> dict[str, Any]:
    """The argument by which each library takes metadata; nothing for stores that keep none."""
    if not metadata:
        return {}
    clean = {
        "".join(c if c.isascii() and c.isalnum() else "_" for c in key): value.encode("ascii", "replace").decode()
        for key, value in metadata.items()
    }
    scheme = scheme_of(uri)
    if scheme in ("s3", "s3a"):
        return {"Metadata": clean}
    return {"metadata": clean} if scheme in ("gs", "gcs", "abfs", "abfss", "az") else {}


def _callback(name: str, progress: OnProgress) -> Any:
    from fsspec.callbacks import Callback

    class Reports(Callback):  # type: ignore[misc]  # fsspec has no types
        def call(self, *_: Any, **__: Any) -> None:
            progress(Progress(name=name, done=self.value, size=self.size))

    return Reports()
