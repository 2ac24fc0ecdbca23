"""Sending bytes: what was staged goes by one of two roads.

``data_upload_location`` decides: ``flyte://…`` goes through Flyte's signed URLs (no cloud credentials needed, bucket part
ignored), any other scheme straight to that store through fsspec. Both put the same content at the same place, so that a
second launch finds it there and Flyte's cache recognises it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..model.errors import BridgeError, ConfigError, InvalidRequest
from ..model.run_errors import AlreadyExists
from .staging import folder_of

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..storage.bodies import Body
    from ..storage.http import HttpPool
    from ..storage.progress import OnProgress
    from ..storage.store import Store
    from ..transport.base import Transport
    from .staging import Staged

__all__ = ["Uploads", "is_signed"]

_PARALLEL = 16
"""Transfers at once: they wait for the network nearly all the time."""
_WORTH_ASKING = 8 << 20
"""Bytes from which two calls that may save an upload cost less than a tenth of it, on any network."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One object to send."""

    item: Staged
    body: Body


def is_signed(location: str) -> bool:
    """Whether a location means Flyte's signed URLs."""
    return location.lower().startswith("flyte:")


class Uploads:
    """Sends what was staged."""

    def __init__(self, backend: Backend, transport: Transport, config: Config, store: Store) -> None:
        self._backend = backend
        self._transport = transport
        self._config = config
        self._store = store

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
        from ..storage.paths import check_key

        once: dict[tuple[bytes, str], Staged] = {}
        for item in staged:
            once.setdefault((item.digest, item.bodies[0].name), item)
        tasks = [_Task(item, body) for item in once.values() for body in item.bodies]
        where = location or self._config.data_upload_location
        for task in tasks:  # all of them before anything is sent
            check_key("/".join((_key_of(where, project, domain), task.item.root, task.body.name)))
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
        from ..storage.paths import check_key, check_name
        from ..storage.progress import Progress
        from ..storage.streams import size_of

        if not project or not domain:
            raise ConfigError(
                "uploading through Flyte needs a project and a domain: name them in Config(project=…, domain=…), or in the "
                "environment as FLYTE_LOCAL_PROJECT and FLYTE_LOCAL_DOMAIN"
            )
        check_name(body.name)
        check_key("/".join((project, domain, root or folder_of(body.md5), body.name)))
        length = await self._transport.run_io(size_of, body.source)
        if length >= _WORTH_ASKING and (
            there := await self._stored(body, project, domain, root or folder_of(body.md5))
        ):
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

        return HttpPool(self._config)

    async def _signed(
        self, tasks: Sequence[_Task], project: str, domain: str, progress: OnProgress | None
    ) -> dict[tuple[bytes, str], str]:
        with self.pool() as pool:

            async def one(task: _Task) -> str:
                root = task.item.root if task.item.directory or task.item.renamed else ""
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
        from ..storage.streams import size_of

        def one(task: _Task) -> str:
            uri = join(location, task.item.root, task.body.name)
            # Its place is named by its content, so what is there already is it: an upload that broke off goes on here.
            if self._store.size(uri) != size_of(task.body.source):
                self._store.put(task.body.source, uri, metadata=metadata, progress=progress)
            return uri

        async def run(task: _Task) -> str:
            return await self._transport.run_io(one, task)

        uris = await self._transport.map_calls(run, tasks, limit=_PARALLEL)
        return {(task.item.digest, task.body.name): uri for task, uri in zip(tasks, uris, strict=True)}


def _key_of(location: str, project: str, domain: str) -> str:
    """What is known of the beginning of an object's name below its bucket."""
    if is_signed(location):
        return f"{project}/{domain}"
    return location.partition("://")[2].partition("/")[2].rstrip("/")


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
