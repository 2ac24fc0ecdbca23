"""The verbs on files: put, get, look, list; by Flyte's signed URLs or straight through fsspec (see `uploads.py`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..model.arguments import count, flags, paths, texts, wrong
from ..model.errors import InvalidRequest, NotFound, PermissionDenied, Unsupported
from ..model.references import DirectoryRef, FileRef, FrameRef
from .staging import staged_of
from .uploads import Uploads, is_signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..backends.base import Backend
    from ..config import Config
    from ..storage.progress import OnProgress
    from ..storage.store import Store
    from ..transport.base import Transport

__all__ = ["FileOperations", "Reference"]

Reference = FileRef | DirectoryRef | FrameRef

_PARALLEL = 16
_MODES = ("r", "rb", "rt", "w", "wb", "wt", "x", "xb", "xt", "a", "ab", "at")


class FileOperations:
    """What `FileAccess` and the file verbs of a client do."""

    def __init__(self, backend: Backend, transport: Transport, config: Config) -> None:
        self._backend = backend
        self._transport = transport
        self._config = config
        self._store: Store | None = None

    def using(self, config: Config) -> FileOperations:
        """The same with another configuration."""
        return FileOperations(self._backend, self._transport, config)

    @property
    def store(self) -> Store:
        """The stores reached directly; made on first use, because fsspec costs time."""
        if self._store is None:
            from ..storage.store import Store

            self._store = Store(self._config)
        return self._store

    @property
    def uploads(self) -> Uploads:
        """Stages and sends inputs."""
        return Uploads(self._backend, self._transport, self._config, self.store)

    @property
    def raw_prefix(self) -> str:
        """Where new objects go, with a ``/`` at the end."""
        return self._config.data_upload_location.rstrip("/") + "/"

    # -- up

    async def upload(
        self,
        source: Path | bytes | str,
        *,
        name: str | None = None,
        location: str | None = None,
        progress: OnProgress | None = None,
    ) -> FileRef | DirectoryRef:
        """Sends a file, bytes or a directory; the same content always has the same place."""
        texts(name=name, location=location)
        if not isinstance(source, bytes | bytearray | memoryview):
            paths(source=source)
        from ..storage.bodies import sources_of
        from ..storage.paths import check_name, local_path

        given: Path | bytes = (
            bytes(source) if isinstance(source, (bytes, bytearray, memoryview)) else local_path(source)
        )
        directory = isinstance(given, Path) and _is_folder(given)
        file_name = name or (given.name if isinstance(given, Path) else "data")
        check_name(file_name)
        sources = sources_of(given, file_name=file_name, directory=directory, label="upload")
        bodies = tuple(await self._transport.map_io(lambda one: one.read(), sources))
        staged = staged_of("upload", bodies, directory)
        uris = await self.uploads.send(
            [staged],
            project=self._config.project or "",
            domain=self._config.domain or "",
            location=location,
            progress=progress,
        )
        size = sum(_size(body.source) for body in bodies)
        return DirectoryRef(uri=uris["upload"]) if directory else FileRef(uri=uris["upload"], size=size)

    async def put_raw(
        self,
        data: Any,
        *,
        prefix: str | None = None,
        file_name: str | None = None,
        encoding: str = "utf-8",
        skip_raw_prefix: bool = False,
        chunk: int | None = None,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> str:
        """Writes to ``{raw prefix}/{prefix}/{file name}``; see `FileAccess.put_raw_data`."""
        from ..storage.paths import check_name, join, local_path, random_name
        from ..storage.streams import binary, drain

        flags(skip_raw_data_prefix=skip_raw_prefix)
        texts(file_name=file_name, encoding=encoding, upload_prefix=prefix or None)
        if chunk is not None and (isinstance(chunk, bool) or not isinstance(chunk, int) or chunk < 1):
            raise wrong("read_chunk_size_bytes", "a whole number from 1 on", chunk)
        prefix = random_name() if prefix is None else prefix
        is_path = isinstance(data, (str, os.PathLike))
        if is_path:
            paths(data=data)
            source = local_path(data)
            if source.is_symlink():
                raise InvalidRequest(f"{source} is a symlink, which is not uploaded: name the file it leads to")
            if not source.exists():
                raise InvalidRequest(f"file {source} does not exist")
        if skip_raw_prefix and not prefix:
            raise InvalidRequest("skip_raw_data_prefix=True needs an upload_prefix: nothing else says where to write")
        name = file_name or (source.name if is_path else random_name())
        if not skip_raw_prefix and is_signed(self.raw_prefix):
            from ..storage.scratch import scratch

            with scratch() as folder:
                if not is_path:
                    source = Path(folder, "stream")
                    await self._transport.run_io(drain, data, source, encoding)
                return await self._put_signed(source, name, prefix.strip("/"), progress)
        check_name(name)
        base = prefix if skip_raw_prefix else join(self.raw_prefix, prefix)
        uri = join(base, name)
        if is_path and source.is_dir():
            return await self.put_directory(source, uri, metadata=metadata, progress=progress)
        body = source if is_path else binary(data, encoding)
        return await self._transport.run_io(
            self.store.put, body, uri, metadata=self._metadata(metadata), progress=progress
        )

    async def put(
        self,
        local_path: str | os.PathLike[str],
        uri: str,
        *,
        recursive: bool = False,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> str:
        """Copies a local file or directory to exactly this URI (on Flyte's road: to the place that Flyte chooses)."""
        from ..storage.paths import leaf
        from ..storage.paths import local_path as path_of

        paths(local_path=local_path, remote_path=uri)
        flags(is_multipart=recursive)
        source = path_of(local_path)
        if is_signed(uri):
            return await self._put_signed(source, leaf(uri.rstrip("/")) or source.name, "", progress)
        if recursive or source.is_dir():
            return await self.put_directory(source, uri, metadata=metadata, progress=progress)
        if not source.is_file():
            raise InvalidRequest(f"file {source} does not exist, or is no regular file")
        return await self._transport.run_io(
            self.store.put, source, uri, metadata=self._metadata(metadata), progress=progress
        )

    async def put_stream(self, stream: IO[bytes], uri: str) -> str:
        """Writes what a reader gives."""
        paths(remote_path=uri)
        if not callable(getattr(stream, "read", None)):
            raise wrong("stream", "something to read bytes from", stream)
        return await self._transport.run_io(self.store.put, stream, uri)

    async def put_directory(
        self,
        source: Path,
        uri: str,
        *,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> str:
        """Copies all files of a directory below a URI, several at once."""
        from ..storage.bodies import Source, sources_of
        from ..storage.paths import join

        kept = self._metadata(metadata)

        async def one(item: Source) -> str:
            return await self._transport.run_io(
                self.store.put, item.source, join(uri, item.name), metadata=kept, progress=progress
            )

        files = sources_of(source, file_name="", directory=True, label="upload")
        await self._transport.map_calls(one, files, limit=_PARALLEL)
        return uri

    async def _put_signed(self, source: Path, name: str, prefix: str, progress: OnProgress | None) -> str:
        from ..storage.bodies import Body, Source, sources_of
        from ..storage.paths import check_name

        check_name(name)
        if prefix:
            check_name(prefix)
        directory = _is_folder(source)
        sources = sources_of(source, file_name=name, directory=directory, label="upload")
        bodies = await self._transport.map_io(Source.read, sources)
        if directory:
            bodies = [Body(f"{name}/{body.name}", body.source, body.md5) for body in bodies]
        staged = staged_of("upload", tuple(bodies), directory)
        root = prefix or (staged.root if directory else "")
        project, domain = self._config.project or "", self._config.domain or ""
        uploads = self.uploads
        with uploads.pool() as pool:

            async def one(body: Body) -> str:
                return await uploads.signed(
                    body, project=project, domain=domain, root=root, pool=pool, progress=progress
                )

            uris = await self._transport.map_calls(one, bodies, limit=_PARALLEL)
        return uris[0].removesuffix(bodies[0].name) + name if directory else uris[0]

    # -- down

    async def get(
        self,
        uri: str,
        target: str | os.PathLike[str],
        *,
        recursive: bool = False,
        anonymous: bool = False,
        progress: OnProgress | None = None,
    ) -> Path:
        """Copies an object to a file, or all objects below a prefix into a folder, several at once."""
        paths(remote_path=uri, local_path=target)
        flags(is_multipart=recursive, anonymous=anonymous)
        uri = os.fspath(uri)
        place = Path(target)
        if recursive:
            await self._get_all(uri, place, anonymous=anonymous, progress=progress)
            return place
        if _is_folder(place):
            from ..storage.paths import leaf, place_below

            place = place_below(place, leaf(uri.rstrip("/")), uri)
        if anonymous or not await self._by_signed_url(uri, place, progress):
            await self._transport.run_io(self.store.get, uri, place, anonymous=anonymous, progress=progress)
        return place

    async def download(self, what: Reference | str, path: str | Path, *, progress: OnProgress | None = None) -> Path:
        """Copies a referenced file, or all files below a directory or frame, to a local path.

        Args:
            what: A reference, or a URI: of one file, or ending in ``/`` of a directory.
            path: Target file, or a folder that exists; for directories and frames the target folder.
            progress: Told how far each file is.

        Returns:
            The path that now exists.
        """
        uri = _uri_of(what)
        recursive = isinstance(what, DirectoryRef | FrameRef) or uri.endswith("/")
        return await self.get(uri, path, recursive=recursive, progress=progress)

    async def read_bytes(self, uri: str) -> bytes:
        """All of one small object: an offloaded literal, a pickle."""
        from ..storage.scratch import scratch

        with scratch() as folder:
            file = await self.get(uri, Path(folder, "object"))
            return await self._transport.run_io(file.read_bytes)

    async def open(self, what: Reference | str, mode: str = "rb", *, anonymous: bool = False) -> IO[Any]:
        """Opens one object."""
        if isinstance(what, (DirectoryRef, FrameRef)):
            raise InvalidRequest(f"{what.uri} holds several files: download it, or open one of them")
        uri = _uri_of(what)
        paths(path=uri)
        flags(anonymous=anonymous)
        if not isinstance(mode, str) or mode not in _MODES:
            raise wrong("mode", f"one of {', '.join(_MODES)}", mode)
        if not anonymous and mode in ("r", "rb", "rt") and self._may_sign(uri):
            from ..storage.scratch import scratch

            with scratch() as folder:
                place = Path(folder, "object")
                if await self._by_signed_url(uri, place, None):
                    # stays readable when its name is gone
                    return await self._transport.run_io(_opened, place, mode)
        return await self._transport.run_io(self.store.open, uri, mode, anonymous=anonymous)

    async def list_files(self, uri: str, *, anonymous: bool = False) -> list[str]:
        """URIs of all objects below a prefix, sorted; of the object itself when it is one."""
        paths(path=uri)
        return [found for _, found in await self._transport.run_io(self.store.files, uri, anonymous=anonymous)]

    async def exists(self, uri: str, *, anonymous: bool = False) -> bool:
        """Whether something is there. Never falls back to anonymous access by itself."""
        paths(path=uri)
        flags(anonymous=anonymous)
        return await self._transport.run_io(self.store.exists, uri, anonymous=anonymous)

    async def read_tail(self, uri: str, size: int) -> bytes:
        """The last bytes of an object."""
        paths(path=uri)
        count(size=size)
        return await self._transport.run_io(self.store.read_tail, uri, size)

    async def remove(self, uri: str) -> None:
        """Removes one object."""
        paths(path=uri)
        await self._transport.run_io(self.store.remove, uri)

    async def _get_all(self, uri: str, target: Path, *, anonymous: bool, progress: OnProgress | None) -> None:
        from ..storage.paths import places_below

        found = await self._transport.run_io(self.store.files, uri, anonymous=anonymous)
        places = places_below(target, [name for name, _ in found], uri)  # all are checked before any is written

        async def one(item: tuple[Path, tuple[str, str]]) -> None:
            place, (name, source) = item
            await self._transport.run_io(
                self.store.get, source, place, anonymous=anonymous, progress=progress, name=name
            )

        await self._transport.map_calls(one, list(zip(places, found, strict=True)), limit=_PARALLEL)

    def _may_sign(self, uri: str) -> bool:
        from ..storage.paths import is_local

        return is_signed(self._config.data_upload_location) and not is_local(uri)

    async def _by_signed_url(self, uri: str, target: Path, progress: OnProgress | None) -> bool:
        """Downloads by Flyte's road. False when it is not ours, or Flyte does not sign this URI."""
        from ..storage import signed

        if not self._may_sign(uri):
            return False
        with self.uploads.pool() as pool:
            # As the object is called; and as FlyteAdmin calls what others uploaded through it, which is percent-encoded.
            for spelled in (False, True) if "%" in uri else (False,):
                try:
                    url = await self._backend.download_url(uri, spelled=spelled)
                except (InvalidRequest, NotFound, PermissionDenied, Unsupported):
                    return False
                try:
                    await self._transport.run_io(signed.get, url, target, pool=pool, progress=progress)
                except NotFound:
                    if spelled or "%" not in uri:
                        raise
                else:
                    return True
        return False

    def _metadata(self, metadata: Mapping[str, str] | None) -> Mapping[str, str] | None:
        return metadata if self._config.attach_execution_metadata else None


def _uri_of(what: Any) -> str:
    if isinstance(what, FileRef | DirectoryRef | FrameRef):
        return what.uri
    if not isinstance(what, str):
        raise wrong("what", "a FileRef, DirectoryRef, FrameRef or a URI", what)
    return what


def _is_folder(path: Path) -> bool:
    return path.is_dir()


def _opened(place: Path, mode: str) -> IO[Any]:
    return place.open(mode, encoding=None if "b" in mode else "utf-8")


def _size(source: Path | bytes) -> int:
    from ..storage.streams import size_of

    return size_of(source)
