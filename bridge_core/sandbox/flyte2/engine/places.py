"""Where Flyte 2 keeps what, and what it is called: always a URI, ``file://…`` on this machine, unlike Flyte 1's plain paths.

The layout is the backend's: inputs of a run in ``<project>/<domain>/<run>/inputs``, outputs of an attempt in
``<shard>/<project>/<domain>/<run>/<action>/<attempt>``, with the shard first also below another base.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ...model.ids import shard_of

if TYPE_CHECKING:
    from ...model.layout import Layout

__all__ = ["Places"]

_FILE = "file://"


class Places:
    """Paths and URIs of one sandbox."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def prefix(self) -> str:
        """The URI of everything, without a slash at its end."""
        return self.uri(self._layout.blobs)

    def uri(self, path: Path) -> str:
        """What tasks and clients call a file."""
        if path == self._layout.blobs and self._layout.bucket is not None:
            return f"s3://{self._layout.bucket}"
        native = self._layout.native(path)
        return native if "://" in native else _FILE + native

    def path(self, uri: str) -> Path:
        """The file behind a URI, also behind one of a store that is not ours (a path that does not exist)."""
        return self._layout.local(uri.removeprefix(_FILE))

    def native(self, uri: str) -> str:
        """As `Layout` calls it, for its signed URLs."""
        return uri.removeprefix(_FILE)

    def is_ours(self, uri: str) -> bool:
        """Whether this sandbox may write there."""
        return self.path(uri).is_relative_to(self._layout.blobs)

    def write(self, uri: str, data: bytes) -> None:
        """Stores a file, so that others find it under its URI."""
        self._layout.write(self.path(uri), data)

    def read(self, uri: str) -> bytes | None:
        """What a file holds; None when there is none."""
        try:
            return self.path(uri).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def run_base(self, run: Any, base: str = "") -> str:
        """The base of a run, without a slash at its end."""
        return f"{(base or self.prefix).rstrip('/')}/{run.project}/{run.domain}/{run.name}"

    def output_prefix(self, run_base: str, run: str, action: str, attempt: int) -> str:
        """Where an attempt writes: the base with a shard as its first directory, which spreads runs over a bucket."""
        base = run_base.rstrip("/")
        root = self.prefix
        if not base.startswith(root + "/"):
            parts = urlsplit(base)
            root = f"{parts.scheme}://{parts.netloc}"
        shard = shard_of(f"flyte/{run}-{action}")
        return f"{root}/{shard}{base[len(root) :]}/{action}/{attempt}"
