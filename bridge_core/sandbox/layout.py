"""Where things lie below the data directory. Native URLs are plain absolute paths: flytekit does not take ``file:///``.

The layout below ``blobs`` is the one of a Flyte bucket (flyteplugins ``pluginmachinery/ioutils/paths.go``):
``metadata/propeller/<project>-<domain>-<execution>/<node>/data/{inputs.pb,<attempt>/…}``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["Layout"]


class Layout:
    """Paths of one data directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "sandbox.sqlite"
        self.lock = root / "lock"
        self.blobs = root / "blobs"
        self.work = root / "work"
        self.code = root / "code"

    def create(self) -> None:
        """Makes the directories, readable for the user only."""
        for directory in (self.root, self.blobs, self.work, self.code):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def node(self, execution: Any, path: str) -> Path:
        """The data directory of a node (or of one item of an array node, with its index appended to the path)."""
        run = f"{execution.project}-{execution.domain}-{execution.name}"
        return Path(self.blobs, "metadata", "propeller", run, path, "data")

    def inputs(self, execution: Any, path: str) -> Path:
        """The inputs of a node."""
        return self.node(execution, path) / "inputs.pb"

    def attempt(self, execution: Any, path: str, attempt: int) -> Path:
        """The output prefix of one attempt."""
        return self.node(execution, path) / str(attempt)

    def raw(self, execution: Any, path: str, attempt: int) -> Path:
        """The raw output prefix of one attempt."""
        name = f"{execution.name}-{path.replace('/', '-')}-{attempt}"
        return Path(self.blobs, "raw", execution.project, execution.domain, name)

    def checkpoint(self, execution: Any, path: str, attempt: int) -> Path:
        """Where one attempt writes its checkpoints."""
        return self.raw(execution, path, attempt) / "_flytecheckpoints"

    def blob_key(self, native: str) -> str | None:
        """The path of a native URL below ``blobs``, or None when it lies elsewhere."""
        path = Path(native)
        if not path.is_absolute() or not path.resolve().is_relative_to(self.blobs.resolve()):
            return None
        return str(path.resolve().relative_to(self.blobs.resolve()))

    def blob(self, key: str) -> Path | None:
        """The file behind a key, or None when the key would leave ``blobs``."""
        path = (self.blobs / key).resolve()
        return path if key and path.is_relative_to(self.blobs.resolve()) else None
