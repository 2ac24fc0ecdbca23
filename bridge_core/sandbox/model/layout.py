"""Where things lie below the data directory, and how a file there is called by tasks and clients: its *native URL*.

Native URLs are plain absolute paths by default (flytekit does not take ``file:///``), or ``s3://BUCKET/…`` when an S3 endpoint
serves the same files. The engine itself always works on the files. The layout below ``blobs`` is the one of a Flyte bucket
(flyteplugins ``pluginmachinery/ioutils/paths.go``):
``metadata/propeller/<project>-<domain>-<execution>/<node>/data/{inputs.pb,<attempt>/…}``, and for nodes inside of others
``…/data/<attempt>/<node>/{inputs.pb,<attempt>/…}``; what tasks write themselves is in ``data/<shard>/<pod>``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .ids import shard_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BUCKET", "FILES_URL", "Layout"]

BUCKET = "my-s3-bucket"
"""The bucket of Flyte's own sandbox, which examples and tests of others name."""

FILES_URL = "blobs"
"""First part of the path of signed URLs for files that are in no bucket."""

_S3 = "s3://"


class Layout:
    """Paths of one data directory.

    Args:
        root: The data directory.
        bucket: Keep blobs in this bucket and call them ``s3://bucket/…``; None for plain paths. Files that were written the
            other way stay where they are and can still be read.
    """

    def __init__(self, root: Path, bucket: str | None = None) -> None:
        self.root = root
        self.bucket = bucket
        self.database = root / "sandbox.sqlite"
        self.lock = root / "lock"
        self.buckets = root / "s3"
        self.files = root / "blobs"
        self.blobs = self.files if bucket is None else self.buckets / bucket
        self._write: Callable[[Path, bytes], None] = _write_file
        self.work = root / "work"
        self.code = root / "code"

    def create(self) -> None:
        """Makes the directories, readable for the user only."""
        for directory in (self.root, self.blobs, self.work, self.code):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def write_with(self, write: Callable[[Path, bytes], None]) -> None:
        """Files below ``blobs`` are written like this from now on: past the object server, it would not see them."""
        self._write = write

    def write(self, path: Path, data: bytes) -> None:
        """Writes a file below ``blobs``, so that tasks and clients find it under its native URL.

        Raises:
            OSError: It could not be stored.
        """
        self._write(path, data)

    def node(self, execution: Any, node_id: str) -> Path:
        """The data directory of a node at the top of an execution. Those below are in their parent's output prefix."""
        run = f"{execution.project}-{execution.domain}-{execution.name}"
        return Path(self.blobs, "metadata", "propeller", run, node_id, "data")

    def raw(self, name: str) -> Path:
        """The raw output prefix of one attempt, by the name of its pod."""
        return Path(self.blobs, "data", shard_of(name), name)

    def checkpoint(self, name: str) -> Path:
        """Where one attempt writes its checkpoints, by the name of its pod."""
        return self.raw(name) / "_flytecheckpoints"

    def native(self, path: Path) -> str:
        """What tasks and clients call a file below ``blobs``."""
        if self.bucket is None:
            return str(path)
        return f"{_S3}{self.bucket}/{path.relative_to(self.blobs)}"

    def local(self, native: str) -> Path:
        """The file behind a native URL. A URL of a store that is not ours becomes a path that does not exist."""
        if native.startswith(_S3):
            found = _below(self.buckets, native[len(_S3) :])
            return found if found is not None else Path(native)
        return Path(native)

    def url_path(self, native: str) -> str | None:
        """The path of signed URLs of a native URL, or None when it is not in this sandbox's storage."""
        if native.startswith(_S3):
            key = native[len(_S3) :]
            found = _below(self.buckets, key)
            there = (
                found is not None and self.buckets.joinpath(found.relative_to(self.buckets.resolve()).parts[0]).is_dir()
            )
            return f"/{key}" if there else None
        if not native.startswith("/"):
            return None
        found = _below(self.files, native)  # an absolute path stays what it is
        return None if found is None else f"/{FILES_URL}/{found.relative_to(self.files.resolve())}"

    def of_url_path(self, url_path: str) -> Path | None:
        """The file behind the path of a signed URL, or None when it would leave the storage."""
        first, _, key = url_path.removeprefix("/").partition("/")
        if not key:
            return None
        return _below(self.files, key) if first == FILES_URL else _below(self.buckets, f"{first}/{key}")


def _write_file(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _below(root: Path, key: str) -> Path | None:
    """The path of a key, or None when the key would leave the directory, or can name nothing."""
    if "\0" in key:
        return None
    path = (root / key).resolve()
    return path if key and path.is_relative_to(root.resolve()) and path != root.resolve() else None
