"""`FileAccess`: everything flytekit's ``FileAccessProvider`` does, per client; `AsyncFileAccess` is the same, awaited.

One line per verb, like `client.py`; what a verb does is in `_operations/files.py`.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from ._blocking import run_blocking
from ._file_places import FilePlaces
from .model.arguments import either
from .model.public import public

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import Path

    from .storage.checkpoint import Checkpoint
    from .storage.progress import OnProgress

__all__ = ["AsyncFileAccess", "FileAccess"]


@public
class FileAccess(FilePlaces):
    """Files, here and there, for code without an event loop. From `Client.files`.

    `Config.data_upload_location` is the raw output prefix and decides the road: ``flyte://…`` goes through Flyte's signed
    URLs, other schemes straight to the store, with the credentials of this client's `Config`.
    """

    def put_raw_data(
        self,
        data: str | os.PathLike[str] | bytes | IO[Any] | None = None,
        upload_prefix: str | None = None,
        file_name: str | None = None,
        encoding: str = "utf-8",
        skip_raw_data_prefix: bool = False,  # flytekit's signature
        *,
        lpath: str | os.PathLike[str] | bytes | IO[Any] | None = None,
        read_chunk_size_bytes: int | None = None,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> str:
        """Writes to ``{raw output prefix}/{upload_prefix}/{file_name}``.

        Args:
            data: A path (of a file, or of a directory with all its files), bytes, or a stream of bytes or text.
            upload_prefix: None: random. Empty: none.
            file_name: None: the leaf of the path; random for bytes and streams.
            encoding: Of text streams.
            skip_raw_data_prefix: True: `upload_prefix` is a whole URI.
            lpath: flytekit's name of `data`.
            read_chunk_size_bytes: flytekit's; checked, and of no effect on what is written: pieces have 1 MiB here.
            metadata: Kept with the objects where the store can.
            progress: Called with `Progress` as bytes go, from several threads.

        Returns:
            The URI. Flyte's road gives the one that Flyte chose.

        Raises:
            InvalidRequest: The path is missing, or a symlink, or holds what cannot be uploaded as it is.
        """
        return run_blocking(
            self._ops.put_raw(
                either("data", data, "lpath", lpath),
                prefix=upload_prefix,
                file_name=file_name,
                encoding=encoding,
                skip_raw_prefix=skip_raw_data_prefix,
                chunk=read_chunk_size_bytes,
                metadata=metadata,
                progress=progress,
            )
        )

    def put_data(
        self,
        local_path: str | os.PathLike[str],
        remote_path: str,
        is_multipart: bool = False,
        *,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> str:
        """Copies a local file (or, multipart, all files of a directory) to a URI."""
        return run_blocking(
            self._ops.put(local_path, remote_path, recursive=is_multipart, metadata=metadata, progress=progress)
        )

    put = put_data

    def upload(self, file_path: str | os.PathLike[str], to_path: str) -> str:
        """`put_data` under flytekit's other name."""
        return self.put_data(file_path, to_path)

    def put_stream(self, stream: IO[bytes], remote_path: str) -> str:
        """Writes what a reader gives to a URI."""
        return run_blocking(self._ops.put_stream(stream, remote_path))

    def upload_directory(self, local_path: str | os.PathLike[str], remote_path: str) -> str:
        """`put_data` with ``is_multipart=True``."""
        return self.put_data(local_path, remote_path, is_multipart=True)

    def get_data(
        self,
        remote_path: str,
        local_path: str | os.PathLike[str],
        is_multipart: bool = False,
        *,
        anonymous: bool = False,
        progress: OnProgress | None = None,
    ) -> Path:
        """Copies an object to a local file (or, multipart, all objects below a prefix into a folder).

        Raises:
            NotFound: Nothing is there.
            InvalidRequest: The disk is full, or an object's name leads out of the folder; nothing half-written is left.
        """
        return run_blocking(
            self._ops.get(remote_path, local_path, recursive=is_multipart, anonymous=anonymous, progress=progress)
        )

    def get(self, from_path: str, to_path: str | os.PathLike[str], recursive: bool = False) -> Path:
        """`get_data` under flytekit's other name; `recursive` is ``is_multipart``."""
        return self.get_data(from_path, to_path, is_multipart=recursive)

    def download(self, remote_path: str, local_path: str | os.PathLike[str]) -> Path:
        """`get_data` of one object."""
        return self.get_data(remote_path, local_path)

    def download_directory(self, remote_path: str, local_path: str | os.PathLike[str]) -> Path:
        """`get_data` with ``is_multipart=True``."""
        return self.get_data(remote_path, local_path, is_multipart=True)

    def exists(self, path: str, *, anonymous: bool = False) -> bool:
        """Whether an object, or anything below it, is there. Anonymous access only on request."""
        return run_blocking(self._ops.exists(path, anonymous=anonymous))

    def open(self, path: str, mode: str = "rb", *, anonymous: bool = False) -> IO[Any]:
        """Opens one object, streamed."""
        return run_blocking(self._ops.open(path, mode, anonymous=anonymous))

    def list_files(self, path: str) -> list[str]:
        """URIs of all objects below a prefix, sorted. Raises `NotFound`."""
        return run_blocking(self._ops.list_files(path))

    def read_tail(self, path: str, size: int = 1024) -> bytes:
        """The last bytes of an object."""
        return run_blocking(self._ops.read_tail(path, size))

    def remove(self, path: str) -> None:
        """Removes one object."""
        run_blocking(self._ops.remove(path))

    def checkpoint(self, destination: str, source: str | None = None) -> Checkpoint:
        """A `Checkpoint` that saves to one folder and restores from another."""
        from .storage.checkpoint import Checkpoint

        return Checkpoint(self, destination, source)


@public
class AsyncFileAccess(FilePlaces):
    """The verbs of `FileAccess`, awaited. From `AsyncClient.files`."""

    async def put_raw_data(
        self,
        data: str | os.PathLike[str] | bytes | IO[Any] | None = None,
        upload_prefix: str | None = None,
        file_name: str | None = None,
        encoding: str = "utf-8",
        skip_raw_data_prefix: bool = False,  # flytekit's signature
        *,
        lpath: str | os.PathLike[str] | bytes | IO[Any] | None = None,
        read_chunk_size_bytes: int | None = None,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> str:
        """Writes to ``{raw output prefix}/{upload_prefix}/{file_name}``."""
        return await self._ops.put_raw(
            either("data", data, "lpath", lpath),
            prefix=upload_prefix,
            file_name=file_name,
            encoding=encoding,
            skip_raw_prefix=skip_raw_data_prefix,
            chunk=read_chunk_size_bytes,
            metadata=metadata,
            progress=progress,
        )

    async def put_data(
        self,
        local_path: str | os.PathLike[str],
        remote_path: str,
        is_multipart: bool = False,
        *,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> str:
        """Copies a local file (or, multipart, all files of a directory) to a URI."""
        return await self._ops.put(
            local_path, remote_path, recursive=is_multipart, metadata=metadata, progress=progress
        )

    put = put_data

    async def upload(self, file_path: str | os.PathLike[str], to_path: str) -> str:
        """`put_data` under flytekit's other name."""
        return await self.put_data(file_path, to_path)

    async def put_stream(self, stream: IO[bytes], remote_path: str) -> str:
        """Writes what a reader gives to a URI."""
        return await self._ops.put_stream(stream, remote_path)

    async def upload_directory(self, local_path: str | os.PathLike[str], remote_path: str) -> str:
        """`put_data` with ``is_multipart=True``."""
        return await self.put_data(local_path, remote_path, is_multipart=True)

    async def get_data(
        self,
        remote_path: str,
        local_path: str | os.PathLike[str],
        is_multipart: bool = False,
        *,
        anonymous: bool = False,
        progress: OnProgress | None = None,
    ) -> Path:
        """Copies an object to a local file (or, multipart, all objects below a prefix into a folder)."""
        return await self._ops.get(
            remote_path, local_path, recursive=is_multipart, anonymous=anonymous, progress=progress
        )

    async def get(self, from_path: str, to_path: str | os.PathLike[str], recursive: bool = False) -> Path:
        """`get_data` under flytekit's other name; `recursive` is ``is_multipart``."""
        return await self.get_data(from_path, to_path, is_multipart=recursive)

    async def download(self, remote_path: str, local_path: str | os.PathLike[str]) -> Path:
        """`get_data` of one object."""
        return await self.get_data(remote_path, local_path)

    async def download_directory(self, remote_path: str, local_path: str | os.PathLike[str]) -> Path:
        """`get_data` with ``is_multipart=True``."""
        return await self.get_data(remote_path, local_path, is_multipart=True)

    async def exists(self, path: str, *, anonymous: bool = False) -> bool:
        """Whether an object, or anything below it, is there. Anonymous access only on request."""
        return await self._ops.exists(path, anonymous=anonymous)

    async def open(self, path: str, mode: str = "rb", *, anonymous: bool = False) -> IO[Any]:
        """Opens one object, streamed."""
        return await self._ops.open(path, mode, anonymous=anonymous)

    async def list_files(self, path: str) -> list[str]:
        """URIs of all objects below a prefix, sorted. Raises `NotFound`."""
        return await self._ops.list_files(path)

    async def read_tail(self, path: str, size: int = 1024) -> bytes:
        """The last bytes of an object."""
        return await self._ops.read_tail(path, size)

    async def remove(self, path: str) -> None:
        """Removes one object."""
        await self._ops.remove(path)
