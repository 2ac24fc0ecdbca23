"""User code: the archive of a fast registration, unpacked once per content and shared by attempts as copies of links.

Unpacked by us and not by ``pyflyte-fast-execute``: that starts Python twice and writes wherever ``--dest-dir`` points.
"""

from __future__ import annotations

import shutil
import tarfile
import threading
from pathlib import Path

from ..model.outcome import Failure

__all__ = ["CodeCache"]


class CodeCache:
    """Unpacks each archive once, then copies the tree into the working directory of each attempt."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def place(self, source: Path, work: Path) -> None:
        """Puts the code of a distribution into a fresh working directory.

        Args:
            source: The archive, or a single file that is copied as it is.
            work: The attempt's working directory.

        Raises:
            Failure: The archive is missing or cannot be unpacked safely.
        """
        if not source.is_file():
            raise Failure("CodeNotFound", f"the code distribution {source} does not exist on this machine")
        if not source.name.endswith((".tar.gz", ".tgz", ".tar")):
            shutil.copy(source, work)
            return
        shutil.copytree(self._unpacked(source), work, dirs_exist_ok=True, symlinks=True)

    def _unpacked(self, source: Path) -> Path:
        status = source.stat()
        # The directory of an upload is named after its digest; size and time tell a replaced file apart.
        target = self._directory / f"{source.parent.name[:40].strip('=')}-{status.st_size}-{status.st_mtime_ns}"
        with self._lock:
            if not target.exists():
                partial = target.with_suffix(".partial")
                shutil.rmtree(partial, ignore_errors=True)
                partial.mkdir()
                try:
                    with tarfile.open(source) as archive:
                        archive.extractall(partial, filter="data")
                except (tarfile.TarError, OSError, EOFError) as error:
                    raise Failure("CodeNotUsable", f"cannot unpack {source}: {error}") from None
                partial.rename(target)
        return target
