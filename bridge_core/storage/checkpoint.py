"""`Checkpoint`: what a task saved of its own progress, kept where its successor finds it (flytekit's ``SyncCheckpoint``)."""

from __future__ import annotations

import shutil
import threading
import weakref
from pathlib import Path
from typing import IO, Any, Protocol

from ..model.arguments import paths
from ..model.errors import InvalidRequest
from ..model.public import public
from .paths import join, scheme_of
from .scratch import make_folder

__all__ = ["Checkpoint"]

_WRITTEN = "_dst_cp"
"""Name of what has no file name; flytekit's."""


class _Files(Protocol):
    """What a checkpoint needs of a `FileAccess`."""

    def exists(self, uri: str) -> bool: ...
    def list_files(self, uri: str) -> list[str]: ...
    def remove(self, uri: str) -> None: ...
    def put_data(self, local_path: Any, remote_path: str, *, is_multipart: bool = False) -> str: ...
    def put_stream(self, stream: Any, remote_path: str) -> str: ...
    def get_data(self, remote_path: str, local_path: Any, *, is_multipart: bool = False) -> Path: ...


@public
class Checkpoint:
    """Saves to one place, restores from another (or from the same). Safe to share between threads.

    Args:
        files: Reads and writes.
        destination: Folder that is saved to.
        source: Folder of the previous checkpoint; None when there is none.

    Raises:
        InvalidRequest: One of them is ``flyte://…``: what is uploaded so cannot be listed, and gets a place that Flyte chooses.
    """

    def __init__(self, files: _Files, destination: str, source: str | None = None) -> None:
        paths(destination=destination)
        if source:
            paths(source=source)
        for place in (destination, source):
            if place and scheme_of(place) == "flyte":
                raise InvalidRequest(
                    f"checkpoint {place}: Flyte's own road only takes files; name a folder of a store that can be read, such as "
                    "s3://bucket/checkpoints"
                )
        self._files = files
        self._destination = destination
        self._source = source or None
        self._lock = threading.RLock()
        self._restored: Path | None = None
        self._folder: Path | None = None

    def prev_exists(self) -> bool:
        """Whether a previous checkpoint was named."""
        return self._source is not None

    def save(self, checkpoint: Path | str | IO[bytes]) -> str:
        """Saves a file under its name, a directory with all its files, or what a reader gives.

        Returns:
            Where it is now.

        Raises:
            InvalidRequest: It is none of these, or does not exist.
        """
        with self._lock:
            if isinstance(checkpoint, (str, Path)):
                path = Path(checkpoint)
                if path.is_dir():
                    return self._files.put_data(path, self._destination, is_multipart=True)
                return self._files.put_data(path, join(self._destination, path.name))
            if not hasattr(checkpoint, "read"):
                raise InvalidRequest(f"a checkpoint is a path or a reader, got {type(checkpoint).__qualname__}")
            return self._files.put_stream(checkpoint, join(self._destination, _WRITTEN))

    def restore(self, path: Path | str | None = None) -> Path | None:
        """Downloads the previous checkpoint, once; later calls return the same path.

        Args:
            path: An existing folder. None: a temporary one that goes away with this object.

        Returns:
            The folder; None without a previous checkpoint.

        Raises:
            ValueError: The path is no folder.
        """
        with self._lock:
            if self._source is None:
                return None
            if self._restored is None:
                target = Path(path) if path is not None else self._temporary()
                if not target.is_dir():
                    raise ValueError(f"a checkpoint is restored into an existing folder, and {target} is none")
                if not self._files.exists(self._source):
                    return None
                self._files.get_data(self._source, target, is_multipart=True)
                self._restored = target
            return self._restored

    def read(self) -> bytes | None:
        """The content of the previous checkpoint, if it is one file; None without one.

        Raises:
            ValueError: It is several files.
        """
        with self._lock:
            folder = self.restore()
            if folder is None:
                return None
            found = sorted(folder.iterdir())
            if not found:
                return None
            if len(found) > 1 or not found[0].is_file():
                names = ", ".join(item.name for item in found[:5])
                raise ValueError(f"expected a checkpoint of one file, found {len(found)} ({names}); use restore()")
            return found[0].read_bytes()

    def write(self, content: bytes) -> str:
        """Replaces whatever was saved to the destination before."""
        import io

        with self._lock:
            before = self._files.list_files(self._destination) if self._files.exists(self._destination) else []
            uri = self.save(io.BytesIO(content))
            for old in before:
                if not old.endswith(f"/{_WRITTEN}"):
                    self._files.remove(old)
            return uri

    def _temporary(self) -> Path:
        if self._folder is None:
            self._folder = make_folder("flyte-bridge-checkpoint-")
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder
