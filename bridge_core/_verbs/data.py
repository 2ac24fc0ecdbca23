"""The verbs of both clients on files and values, written out twice like the others: `client.py`, `async_client.py`."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from .._blocking import run_blocking

if TYPE_CHECKING:
    from pathlib import Path

    from .._operations import Operations
    from ..config import Config
    from ..files import AsyncFileAccess, FileAccess
    from ..literals import Codec
    from ..model.references import DirectoryRef, FileRef, FrameRef
    from ..secrets import SecretStore
    from ..storage.progress import OnProgress

__all__ = ["AsyncDataVerbs", "DataVerbs"]


class DataVerbs:
    """Of `Client`."""

    config: Config
    _ops: Operations
    _files: FileAccess | None

    @property
    def files(self) -> FileAccess:
        """Files, here and there."""
        from ..files import FileAccess

        if self._files is None:
            self._files = FileAccess(self._ops.files, self.config)
        return self._files

    @property
    def secrets(self) -> SecretStore:
        """Secrets, where Flyte mounts them."""
        from ..secrets import SecretStore

        return SecretStore(self.config)

    @property
    def codec(self) -> Codec:
        """What values are converted with."""
        return self._ops.data.codec

    def upload(
        self,
        source: Path | str | bytes,
        *,
        name: str | None = None,
        location: str | None = None,
        progress: OnProgress | None = None,
    ) -> FileRef | DirectoryRef:
        """Uploads a file, bytes, or a directory; the same content always gets the same URI.

        Args:
            source: Path or bytes.
            name: Name of the object. None: that of the file, ``data`` for bytes.
            location: Instead of `Config.data_upload_location`.
            progress: Called with `Progress` as bytes go, from several threads.
        """
        return run_blocking(self._ops.files.upload(source, name=name, location=location, progress=progress))

    def download(
        self,
        what: FileRef | DirectoryRef | FrameRef | str,
        path: str | Path,
        *,
        progress: OnProgress | None = None,
    ) -> Path:
        """Copies a referenced file (or all files of a directory or frame) to a local path, and returns that path."""
        return run_blocking(self._ops.files.download(what, path, progress=progress))

    def open(self, what: FileRef | str) -> IO[bytes]:
        """Opens a referenced file for reading."""
        return run_blocking(self._ops.files.open(what))

    def read_frame(self, ref: FrameRef) -> Any:
        """Reads a referenced table into a pandas DataFrame (``pip install 'flyte-bridge[dataframes]'``)."""
        return run_blocking(self._ops.data.read_frame(ref))


class AsyncDataVerbs:
    """Of `AsyncClient`; their docstrings are above."""

    config: Config
    _ops: Operations
    _files: AsyncFileAccess | None

    @property
    def files(self) -> AsyncFileAccess:
        """Files, here and there."""
        from ..files import AsyncFileAccess

        if self._files is None:
            self._files = AsyncFileAccess(self._ops.files, self.config)
        return self._files

    @property
    def secrets(self) -> SecretStore:
        """Secrets, where Flyte mounts them."""
        from ..secrets import SecretStore

        return SecretStore(self.config)

    @property
    def codec(self) -> Codec:
        """What values are converted with."""
        return self._ops.data.codec

    async def upload(
        self,
        source: Path | str | bytes,
        *,
        name: str | None = None,
        location: str | None = None,
        progress: OnProgress | None = None,
    ) -> FileRef | DirectoryRef:
        """Uploads a file, bytes, or a directory; the same content always gets the same URI."""
        return await self._ops.files.upload(source, name=name, location=location, progress=progress)

    async def download(
        self,
        what: FileRef | DirectoryRef | FrameRef | str,
        path: str | Path,
        *,
        progress: OnProgress | None = None,
    ) -> Path:
        """Copies a referenced file (or all files of a directory or frame) to a local path, and returns that path."""
        return await self._ops.files.download(what, path, progress=progress)

    async def open(self, what: FileRef | str) -> IO[bytes]:
        """Opens a referenced file for reading."""
        return await self._ops.files.open(what)

    async def read_frame(self, ref: FrameRef) -> Any:
        """Reads a referenced table into a pandas DataFrame (``pip install 'flyte-bridge[dataframes]'``)."""
        return await self._ops.data.read_frame(ref)
