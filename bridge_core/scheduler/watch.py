"""Notices that the triggers file changed: by its bytes, looked at when its status says that they may differ."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from bridge_core import ConfigError

from .file import read_triggers

if TYPE_CHECKING:
    from .file import TriggerFile

__all__ = ["FileWatch"]

log = logging.getLogger("bridge_core.scheduler")


class FileWatch:
    """The last good content of a file.

    Args:
        path: The file; it must be good now.

    Raises:
        ConfigError: It is not: nothing is ever launched from a broken file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._status = self._look()
        self._bytes = self._read()
        self.good: TriggerFile = read_triggers(path, self._decode(self._bytes))
        self.trouble: str | None = None

    def changed(self, *, force: bool = False) -> TriggerFile | None:
        """The new content when it changed and is good. Broken content is logged once, and the previous one stays."""
        status = self._look()
        if status == self._status and not force:
            return None
        self._status = status
        try:
            content = self._read()
            if content == self._bytes and not force:
                return None
            self._bytes = content
            new = read_triggers(self._path, self._decode(content))
            if new.scope(shared=None) != self.good.scope(shared=None):
                raise ConfigError(
                    f"{self._path}: the name changed from {self.good.name!r} to {new.name!r}; its state is kept under the name: "
                    "restart the scheduler"
                )
        except ConfigError as error:
            self.trouble = str(error)
            # No traceback: the message says file, line and fix.
            log.log(logging.ERROR, "the changed triggers file is not used, the previous one goes on:\n%s", error)
            return None
        self.good, self.trouble = new, None
        return new

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> bytes:
        try:
            return self._path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{self._path}: cannot be read: {error.strerror}; give the path of a triggers file"
            ) from None

    def _decode(self, content: bytes) -> str:
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            line = content[: error.start].count(b"\n") + 1
            raise ConfigError(f"{self._path}, line {line}: not UTF-8; save the file as UTF-8 text") from None
