"""Sending bytes: what the codec wants uploaded is read once, named by content, and sent by one of two roads.

``data_upload_location`` decides: ``flyte://…`` goes through Flyte's signed URLs (no cloud credentials needed, bucket part
ignored), any other scheme straight to that store through fsspec. Both put the same content at the same place, so that a
second launch finds it there and Flyte's cache recognises it.
"""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
import weakref
from base64 import b32encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ..errors import AlreadyExists, BridgeError, ConfigError, InvalidRequest

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..literals import Upload
    from ..storage.bodies import Body, Source
    from ..storage.http import HttpPool
    from ..storage.progress import OnProgress
    from ..storage.store import Store
    from ..transport.base import Transport

__all__ = ["Scratch", "Staged", "Uploads", "is_signed"]

P = ParamSpec("P")
T = TypeVar("T")

_SHOWN = 50  # files named in one error
_PARALLEL = 16
"""Transfers at once: they wait for the network nearly all the time."""
_WORTH_ASKING = 8 << 20
"""Bytes from which two calls that may save an upload cost less than a tenth of it, on any network."""


class Scratch:
    """A folder for frames on their way, which goes away with this object."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="flyte-bridge-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One upload, read and named by content, not sent yet."""

    token: str
    directory: bool
    bodies: tuple[Body, ...]
    digest: bytes
    scratch: Scratch | None = field(default=None, repr=False)
    """Keeps the files of frames until they are sent."""

    @property
    def root(self) -> str:
        """Name of the folder that holds this content: FlyteAdmin's own for files; for a directory, of all its files."""
        text = _root(self.digest)
        return text.rstrip("=").lower() if self.directory else text


@dataclass(frozen=True, slots=True)
class _Task:
    """One object to send."""

    item: Staged
    body: Body


def is_signed(location: str) -> bool:
    """Whether a location means Flyte's signed URLs."""
    return location.lower().startswith("flyte:")


class Uploads:
    """Stages and sends."""

    def __init__(self, backend: Backend, transport: Transport, config: Config, store: Store) -> None:
        self._backend = backend
        self._transport = transport
        self._config = config
        self._store = store

    async def stage(self, uploads: Sequence[Upload]) -> tuple[Staged, ...]:
        """Reads what is to be uploaded, once, several files at a time. Sends nothing.

        Raises:
            InvalidRequest: Files are missing or unreadable; all of them are named at once.
        """
        if not uploads:
            return ()
        scratch = Scratch() if any(item.kind in ("frame", "array") for item in uploads) else None

        def open_one(upload: Upload) -> tuple[Source, ...] | InvalidRequest:
            return _or_refusal(_sources, upload, scratch)

        opened = _all(await self._transport.map_io(open_one, list(uploads)))
        sources_of_all = [source for sources in opened for source in sources]
        read = iter(_all(await self._transport.map_io(_read, sources_of_all)))
        staged = []
        for upload, sources in zip(uploads, opened, strict=True):
            staged.append(
                staged_of(upload.token, tuple(next(read) for _ in sources), upload.kind == "directory", scratch)
            )
        return tuple(staged)

    async def send(
        self,
        staged: Sequence[Staged],
        *,
        project: str,
        domain: str,
        location: str | None = None,
        metadata: Mapping[str, str] | None = None,
        progress: OnProgress | None = None,
    ) -> dict[str, str]:
        """Sends it all, several objects at a time; the same content only once.

        Returns:
            Token -> URI of the object, or of the folder that holds a directory's files.
        """
        if not staged:
            return {}
        once: dict[tuple[bytes, str], Staged] = {}
        for item in staged:
            once.setdefault((item.digest, item.bodies[0].name), item)
        tasks = [_Task(item, body) for item in once.values() for body in item.bodies]
        where = location or self._config.data_upload_location
        sent = await (
            self._signed(tasks, project, domain, progress)
            if is_signed(where)
            else self._direct(tasks, where, metadata if self._config.attach_execution_metadata else None, progress)
        )
        found = {key: _place(item, sent) for key, item in once.items()}
        return {item.token: found[item.digest, item.bodies[0].name] for item in staged}

    async def signed(
        self, body: Body, *, project: str, domain: str, root: str, pool: HttpPool, progress: OnProgress | None = None
    ) -> str:
        """Sends one object by Flyte's road.

        Args:
            body: The object.
            project: Where.
            domain: Where.
            root: Folder that several objects share; empty: named by content.
            pool: Connections to use.
            progress: Told how far it is.
        """
        from ..storage import signed
        from ..storage.progress import Progress

        if not project or not domain:
            raise ConfigError(
                "uploading through Flyte needs a project and a domain: name them in Config(project=…, domain=…), or in the "
                "environment as FLYTE_LOCAL_PROJECT and FLYTE_LOCAL_DOMAIN"
            )
        length = await self._transport.run_io(signed.size, body.source)
        if length >= _WORTH_ASKING and (there := await self._stored(body, project, domain, root or _root(body.md5))):
            if progress is not None:
                progress(Progress(name=body.name, done=length, size=length))
            return there
        where = await self._backend.upload_location(project, domain, file_name=body.name, md5=body.md5, root=root)
        headers = dict(where.headers)
        if where.uri.startswith(("abfs://", "abfss://")):  # Azure demands it, and FlyteAdmin does not say so
            headers.setdefault("x-ms-blob-type", "BlockBlob")
        await self._transport.run_io(
            signed.put,
            where.url,
            body.source,
            headers=headers,
            content_md5=body.md5,
            pool=pool,
            name=body.name,
            progress=progress,
        )
        return where.uri

    async def _stored(self, body: Body, project: str, domain: str, root: str) -> str:
        """URI of the object if Flyte has it already: a launch that is tried again sends nothing big twice.

        FlyteAdmin refuses a named place that holds something when it is told no MD5, and signs it when the MD5 is that of
        what is there (flyteadmin dataproxy/service.go, CreateUploadLocation). Any other answer means: send it.
        """
        ask = functools.partial(self._backend.upload_location, project, domain, file_name=body.name, root=root)
        try:
            try:
                await ask(md5=b"")
            except AlreadyExists:
                return (await ask(md5=body.md5)).uri
        except BridgeError as error:
            if error.transient and error.code != "INTERNAL":  # INTERNAL: the server may not look into its bucket
                raise
        return ""

    def pool(self) -> HttpPool:
        """Connections for one batch."""
        from ..storage.http import HttpPool

        return HttpPool(self._config.ca_cert_file)

    async def _signed(
        self, tasks: Sequence[_Task], project: str, domain: str, progress: OnProgress | None
    ) -> dict[tuple[bytes, str], str]:
        with self.pool() as pool:

            async def one(task: _Task) -> str:
                root = task.item.root if task.item.directory else ""
                return await self.signed(
                    task.body, project=project, domain=domain, root=root, pool=pool, progress=progress
                )

            uris = await self._transport.map_calls(one, tasks, limit=_PARALLEL)
        return {(task.item.digest, task.body.name): uri for task, uri in zip(tasks, uris, strict=True)}

    async def _direct(
        self,
        tasks: Sequence[_Task],
        location: str,
        metadata: Mapping[str, str] | None,
        progress: OnProgress | None,
    ) -> dict[tuple[bytes, str], str]:
        from ..storage.paths import join
        from ..storage.signed import size

        def one(task: _Task) -> str:
            uri = join(location, task.item.root, task.body.name)
            # Its place is named by its content, so what is there already is it: an upload that broke off goes on here.
            if self._store.size(uri) != size(task.body.source):
                self._store.put(task.body.source, uri, metadata=metadata, progress=progress)
            return uri

        async def run(task: _Task) -> str:
            return await self._transport.run_io(one, task)

        uris = await self._transport.map_calls(run, tasks, limit=_PARALLEL)
        return {(task.item.digest, task.body.name): uri for task, uri in zip(tasks, uris, strict=True)}


def staged_of(token: str, bodies: tuple[Body, ...], directory: bool, scratch: Scratch | None = None) -> Staged:
    """An upload, from what was read."""
    from ..storage.bodies import digest_of

    return Staged(
        token=token,
        directory=directory,
        bodies=bodies,
        digest=digest_of(bodies, directory=directory),
        scratch=scratch,
    )


def _root(md5: bytes) -> str:
    """Name that FlyteAdmin gives the folder of an object."""
    return b32encode(md5).decode()


def _place(item: Staged, sent: Mapping[tuple[bytes, str], str]) -> str:
    if not item.directory:
        return sent[item.digest, item.bodies[0].name]
    roots = {sent[item.digest, body.name].removesuffix(body.name).rstrip("/") for body in item.bodies}
    if len(roots) != 1:
        raise InvalidRequest(
            f"Flyte put the files of one directory into {len(roots)} places ({', '.join(sorted(roots)[:2])}, …): its server does "
            "not know filename_root. Set data_upload_location to the store itself (s3://…)."
        )
    return roots.pop()


def _read(source: Source) -> Body | InvalidRequest:
    return _or_refusal(source.read)


def _or_refusal(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | InvalidRequest:
    """What it returns, or why it cannot: people correct all their inputs at once."""
    try:
        return func(*args, **kwargs)
    except InvalidRequest as error:
        return error


def _all(results: Sequence[T | InvalidRequest]) -> list[T]:
    """All results.

    Raises:
        InvalidRequest: One for all refusals.
    """
    refused = [item for item in results if isinstance(item, InvalidRequest)]
    if len(refused) == 1:
        raise refused[0]
    if refused:
        lines = "\n  ".join([item.message for item in refused[:_SHOWN]] + ["…"] * (len(refused) > _SHOWN))
        raise InvalidRequest(f"{len(refused)} files cannot be uploaded:\n  {lines}")
    return [item for item in results if not isinstance(item, InvalidRequest)]


def _sources(upload: Upload, scratch: Scratch | None) -> tuple[Source, ...]:
    from ..storage.bodies import sources_of

    source = upload.source
    if upload.kind in ("frame", "array") and not isinstance(source, (str, os.PathLike)):
        assert scratch is not None
        target = scratch.path / upload.token.rpartition("/")[2]
        if upload.kind == "frame":
            from ..literals.dataframes import write_parquet

            write_parquet(source, target)
        else:
            from ..literals.arrays import write_npy

            write_npy(source, target)
        source = target
    elif not isinstance(source, bytes):
        source = Path(source)
    return sources_of(source, file_name=upload.file_name, directory=upload.kind == "directory", label=upload.path)
