"""`FileAccess`: everything flytekit's ``FileAccessProvider`` does, per client; `AsyncFileAccess` is the same, awaited.

One line per verb, like `client.py`; what a verb does is in `_operations/files.py`.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ._drive import run_blocking
from .model.public import public

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from ._operations.files import FileOperations
    from .config import Config
    from .storage.checkpoint import Checkpoint
    from .storage.progress import OnProgress

__all__ = ["AsyncFileAccess", "FileAccess"]


class _Places:
    """Names of places, remote and local: pure, but for the local folder, which is made when one is asked for."""

    def __init__(self, operations: FileOperations, config: Config) -> None:
        self._ops = operations
        self.config = config
        self._lock = threading.Lock()
        self._folder: Path | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw_output_prefix!r})"

    @property
    def raw_output_prefix(self) -> str:
        """`Config.data_upload_location`, with a ``/`` at the end."""
        return self._ops.raw_prefix

    @property
    def local_sandbox_dir(self) -> Path:
        """Folder of the random local paths: `Config.local.sandbox_path`, or a temporary one. Never cleaned by us."""
        with self._lock:
            if self._folder is None:
                given = self.config.local.sandbox_path
                self._folder = Path(given).expanduser() if given else Path(tempfile.mkdtemp(prefix="flyte-bridge-"))
                self._folder.mkdir(parents=True, exist_ok=True)
            return self._folder

    def get_filesystem(self, protocol: str | None = None, *, anonymous: bool = False) -> Any:
        """The fsspec file system for a scheme (None: that of the raw output prefix), with this client's settings."""
        from .storage.paths import scheme_of

        return self._ops.store.systems.by_scheme(protocol or scheme_of(self.raw_output_prefix), anonymous=anonymous)

    def get_filesystem_for_path(self, path: str = "", *, anonymous: bool = False) -> Any:
        """The fsspec file system for a path or URI."""
        return self._ops.store.systems.of(path or self.raw_output_prefix, anonymous=anonymous)[0]

    @staticmethod
    def is_remote(path: str | os.PathLike[str]) -> bool:
        """Whether it has a scheme other than ``file``."""
        from .storage.paths import is_remote

        return is_remote(path)

    @staticmethod
    def strip_file_header(path: str) -> str:
        """Without a leading ``file://``."""
        return path.removeprefix("file://")

    @staticmethod
    def get_file_tail(path: str) -> str:
        """The last component of a path. For the end of an object see `read_tail`."""
        from .storage.paths import leaf

        return leaf(path)

    @staticmethod
    def get_random_string() -> str:
        """32 hexadecimal digits."""
        from .storage.paths import random_name

        return random_name()

    @staticmethod
    def join(base: str, *parts: str) -> str:
        """The parts below the base."""
        from .storage.paths import join

        return join(base, *parts)

    def generate_new_custom_path(self, *, alt: str | None = None, stem: str | None = None) -> str:
        """A place below the raw output prefix, `alt` for the bucket, `stem` for the random name.

        A last segment of `Config.data_upload_location` is dropped unless a ``/`` follows it, as in relative URLs.

        Example:
            With ``s3://b/default-prefix-part/``, ``alt="my-alt-bucket", stem="my-stem"`` gives
            ``s3://my-alt-bucket/default-prefix-part/my-stem``.
        """
        from .storage.paths import custom_path

        return custom_path(self.config.data_upload_location, alt, stem)

    def get_random_remote_path(self, file_path_or_file_name: str | None = None) -> str:
        """A new name below the raw output prefix; given a file name, a new folder for it."""
        tail = (self.get_file_tail(file_path_or_file_name),) if file_path_or_file_name else ()
        return self.join(self.raw_output_prefix, self.get_random_string(), *tail)

    def get_random_remote_directory(self) -> str:
        """A new name below the raw output prefix."""
        return self.get_random_remote_path()

    def get_random_local_path(self, file_path_or_file_name: str | None = None) -> Path:
        """A new name below `local_sandbox_dir`; given a file name, in a new folder. Neither is made."""
        tail = (self.get_file_tail(file_path_or_file_name),) if file_path_or_file_name else ()
        return self.local_sandbox_dir.joinpath(self.get_random_string(), *tail)

    def get_random_local_directory(self) -> Path:
        """A new folder below `local_sandbox_dir`, made."""
        folder = self.get_random_local_path()
        folder.mkdir(parents=True)
        return folder


@public
class FileAccess(_Places):
    """Files, here and there, for code without an event loop. From `Client.files`.

    `Config.data_upload_location` is the raw output prefix and decides the road: ``flyte://…`` goes through Flyte's signed
    URLs, other schemes straight to the store, with the credentials of this client's `Config`.
    """

    def put_raw_data(
        self,
        data: str | os.PathLike[str] | bytes | IO[Any],
        upload_prefix: str | None = None,
        file_name: str | None = None,
        encoding: str = "utf-8",
        skip_raw_data_prefix: bool = False,  # flytekit's signature
        *,
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
            metadata: Kept with the objects where the store can.
            progress: Called with `Progress` as bytes go, from several threads.

        Returns:
            The URI. Flyte's road gives the one that Flyte chose.

        Raises:
            InvalidRequest: The path is missing, or a symlink, or holds what cannot be uploaded as it is.
        """
        return run_blocking(
            self._ops.put_raw(
                data,
                prefix=upload_prefix,
                file_name=file_name,
                encoding=encoding,
                skip_raw_prefix=skip_raw_data_prefix,
                metadata=metadata,
                progress=progress,
            )
        )

    def put_data(
        self,
        local_path: str | os.PathLike[str],
        remote_path: str,
        *,
        is_multipart: bool = False,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> str:
        """Copies a local file (or, multipart, all files of a directory) to a URI."""
        return run_blocking(
            self._ops.put(local_path, remote_path, recursive=is_multipart, metadata=metadata, progress=progress)
        )

    put = upload = put_data

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
        *,
        is_multipart: bool = False,
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

    get = download = get_data

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
class AsyncFileAccess(_Places):
    """The verbs of `FileAccess`, awaited. From `AsyncClient.files`."""

    async def put_raw_data(
        self,
        data: str | os.PathLike[str] | bytes | IO[Any],
        upload_prefix: str | None = None,
        file_name: str | None = None,
        encoding: str = "utf-8",
        skip_raw_data_prefix: bool = False,  # flytekit's signature
        *,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> str:
        """Writes to ``{raw output prefix}/{upload_prefix}/{file_name}``."""
        return await self._ops.put_raw(
            data,
            prefix=upload_prefix,
            file_name=file_name,
            encoding=encoding,
            skip_raw_prefix=skip_raw_data_prefix,
            metadata=metadata,
            progress=progress,
        )

    async def put_data(
        self,
        local_path: str | os.PathLike[str],
        remote_path: str,
        *,
        is_multipart: bool = False,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> str:
        """Copies a local file (or, multipart, all files of a directory) to a URI."""
        return await self._ops.put(
            local_path, remote_path, recursive=is_multipart, metadata=metadata, progress=progress
        )

    put = upload = put_data

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
        *,
        is_multipart: bool = False,
        anonymous: bool = False,
        progress: OnProgress | None = None,
    ) -> Path:
        """Copies an object to a local file (or, multipart, all objects below a prefix into a folder)."""
        return await self._ops.get(
            remote_path, local_path, recursive=is_multipart, anonymous=anonymous, progress=progress
        )

    get = download = get_data

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
