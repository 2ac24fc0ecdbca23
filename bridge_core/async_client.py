"""`AsyncClient`: the verbs of `Client`, awaited: one line per verb, nothing else. Their docstrings are in `client.py`.

Belongs to the event loop and process that use it first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import IO, TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import timedelta
    from pathlib import Path
    from types import TracebackType

    from .config import Config
    from .entities import Entity
    from .errors import BridgeError
    from .files import AsyncFileAccess
    from .ids import EntityKind, EntityRef, RunRef
    from .literals import Codec
    from .nodes import LogLink, NodeSnapshot, SpanMetric
    from .outputs import RunOutputs
    from .references import DirectoryRef, FileRef, FrameRef
    from .requests import LaunchRequest
    from .runs import Launched, RunQuery, RunSnapshot
    from .schedules import DeployedTrigger, Trigger
    from .secrets import SecretStore
    from .storage.progress import OnProgress
    from .transport.aio import AioTransport

__all__ = ["AsyncClient"]


class AsyncClient:
    """A connection to one Flyte for code on an event loop: the verbs of `Client`, awaited.

    All waits of one client share one poll (`watcher_aio`). `AsyncClient.shared` shares one client among many callers.

    Args:
        config: Which Flyte. None: `Config.auto`.
        codec: Converts values. None: `Codec.default`.
        credentials: ``grpc.ChannelCredentials``, for TLS that the configuration cannot describe.
    """

    def __init__(self, config: Config | None = None, *, credentials: Any = None, codec: Codec | None = None) -> None:
        from .config import Config

        self._codec = codec
        self._credentials = credentials
        self._open(config if config is not None else Config.auto())
        from .watcher_aio import Renewal, Waiting

        self._renewal = Renewal(lambda: self._ops.backend, self._replace)
        self._waiting = Waiting(lambda: self._ops.backend, self.config, renew=self._renewal.renew)

    def _open(self, config: Config) -> None:
        from ._operations import Operations
        from .transport.aio import AioTransport

        self.config = config
        self._transport = AioTransport(config, self._credentials)
        self._ops = Operations(self._transport, config, self._codec)
        self._files: AsyncFileAccess | None = None

    def __repr__(self) -> str:
        return f"AsyncClient({self.config.endpoint!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Closes the connection; whoever still waits gets an error."""
        try:
            await self._waiting.aclose()
        finally:
            try:
                await self._renewal.aclose()
            finally:
                await self._transport.aclose()

    @classmethod
    def shared(
        cls, key: Hashable, load_config: Callable[[], Awaitable[Config]], linger: float = 5.0
    ) -> AbstractAsyncContextManager[AsyncClient]:
        """One client per (running loop, key), shared by everybody who asks for it while it is open.

        Args:
            key: Whatever stands for the credentials, an Airflow connection id for instance.
            load_config: Awaited once for all callers, and again after UNAUTHENTICATED. A failure reaches every caller
                that waits for it, and the next caller tries again.
            linger: Seconds that the client stays open after the last caller left.
        """
        from .shared import shared_client

        return shared_client(key, load_config, linger)

    def renew_with(self, load_config: Callable[[], Awaitable[Config]]) -> None:
        """Credentials are loaded again with this, once per UNAUTHENTICATED answer, while runs are waited for.

        It runs in a copy of this caller's context variables. Calls under way with the old credentials may end.
        """
        self._renewal.load_with(load_config)

    def _replace(self, config: Config) -> AioTransport:
        old = self._transport
        self._open(config)
        return old

    def auth_metadata(self, *pairs: tuple[str, str]) -> AbstractContextManager[None]:
        """Sends these pairs with every call that this client makes inside the ``with`` block, instead of a token of its own.

        For services that pass their callers' credentials on (auth mode Passthrough). Other tasks see nothing of it,
        the poll that all waits of this client share among them.
        """
        from .auth.passthrough import passthrough

        return passthrough(self._transport, *pairs)

    async def launch(self, request: LaunchRequest) -> RunRef:
        """See `Client.launch`."""
        return await self._ops.launch.launch(request)

    async def launch_or_attach(self, request: LaunchRequest) -> Launched:
        """See `Client.launch_or_attach`."""
        return await self._ops.launch.launch_or_attach(request)

    async def launch_many(
        self, requests: Sequence[LaunchRequest], concurrency: int = 0, return_exceptions: bool = False
    ) -> list[RunRef | BridgeError]:
        """See `Client.launch_many`."""
        return await self._ops.launch.launch_many(
            requests, concurrency=concurrency, return_exceptions=return_exceptions
        )

    async def describe(self, ref: RunRef) -> RunSnapshot:
        """See `Client.describe`."""
        return await self._ops.runs.describe(ref)

    async def wait(
        self,
        ref: RunRef,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> RunSnapshot:
        """See `Client.wait`. All waits of this client share one poll; cancelling one harms no other."""
        return await self._waiting.wait(ref, timeout=timeout, poll_interval=poll_interval)

    async def wait_many(
        self,
        refs: Sequence[RunRef],
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> list[RunSnapshot]:
        """See `Client.wait_many`."""
        return await self._waiting.wait_many(refs, timeout=timeout, poll_interval=poll_interval)

    def watch(
        self,
        ref: RunRef,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> AsyncIterator[RunSnapshot]:
        """See `Client.watch`."""
        return self._ops.runs.watch(ref, timeout=timeout, poll_interval=poll_interval)

    async def outputs(self, ref: RunRef, *, allow_pickle: bool = False, read_frames: bool = False) -> RunOutputs:
        """See `Client.outputs`."""
        return await self._ops.data.outputs(ref, allow_pickle=allow_pickle, read_frames=read_frames)

    async def abort(self, ref: RunRef, *, reason: str | None = None) -> None:
        """See `Client.abort`."""
        await self._ops.runs.abort(ref, reason=reason)

    async def inputs(self, ref: RunRef) -> RunOutputs:
        """See `Client.inputs`."""
        return await self._ops.data.inputs(ref)

    async def relaunch(self, ref: RunRef, *, name: str | None = None, overwrite_cache: bool = False) -> RunRef:
        """See `Client.relaunch`."""
        return await self._ops.again.relaunch(ref, name=name, overwrite_cache=overwrite_cache)

    async def recover(self, ref: RunRef, *, name: str | None = None) -> RunRef:
        """See `Client.recover`."""
        return await self._ops.again.recover(ref, name=name)

    async def archive(self, ref: RunRef, *, archived: bool = True) -> None:
        """See `Client.archive`."""
        await self._ops.runs.archive(ref, archived=archived)

    async def signal(
        self, ref: RunRef, signal_id: str, value: Any, *, timeout: float | timedelta | None = 60.0
    ) -> None:
        """See `Client.signal`."""
        await self._ops.inside.signal(ref, signal_id, value, timeout=timeout)

    async def nodes(self, ref: RunRef, *, attempts: bool = False) -> tuple[NodeSnapshot, ...]:
        """See `Client.nodes`."""
        return await self._ops.inside.nodes(ref, attempts=attempts)

    async def logs(self, ref: RunRef, *, node: str | None = None) -> list[LogLink]:
        """See `Client.logs`."""
        return await self._ops.inside.logs(ref, node=node)

    async def deck(self, ref: RunRef, *, node: str | None = None) -> str:
        """See `Client.deck`."""
        return await self._ops.inside.deck(ref, node=node)

    async def metrics(self, ref: RunRef) -> SpanMetric:
        """See `Client.metrics`."""
        return await self._ops.inside.metrics(ref)

    async def list_entities(
        self,
        kind: EntityKind,
        *,
        project: str | None = None,
        domain: str | None = None,
        name: str | None = None,
        limit: int = 1000,
    ) -> list[EntityRef]:
        """See `Client.list_entities`."""
        return await self._ops.launch.list_entities(kind, project=project, domain=domain, name=name, limit=limit)

    async def deploy_trigger(self, trigger: Trigger) -> DeployedTrigger:
        """See `Client.deploy_trigger`."""
        return await self._ops.triggers.deploy(trigger)

    async def list_triggers(self, *, project: str | None = None, domain: str | None = None) -> list[DeployedTrigger]:
        """See `Client.list_triggers`."""
        return await self._ops.triggers.list(project, domain)

    async def activate(self, ref: EntityRef | str) -> DeployedTrigger:
        """See `Client.activate`."""
        return await self._ops.triggers.activate(ref)

    async def deactivate(self, ref: EntityRef | str) -> DeployedTrigger:
        """See `Client.deactivate`."""
        return await self._ops.triggers.deactivate(ref)

    async def whoami(self) -> str:
        """See `Client.whoami`."""
        return await self._ops.backend.whoami()

    def list_runs(
        self, *, project: str | None = None, domain: str | None = None, limit: int = 100, query: RunQuery | None = None
    ) -> AsyncIterator[RunSnapshot]:
        """See `Client.list_runs`."""
        return self._ops.runs.list_runs(project, domain, query, limit)

    async def get_entity(self, ref: EntityRef) -> Entity:
        """See `Client.get_entity`."""
        return await self._ops.launch.get_entity(ref)

    @property
    def files(self) -> AsyncFileAccess:
        """See `Client.files`."""
        from .files import AsyncFileAccess

        if self._files is None:
            self._files = AsyncFileAccess(self._ops.files, self.config)
        return self._files

    @property
    def secrets(self) -> SecretStore:
        """See `Client.secrets`."""
        from .secrets import SecretStore

        return SecretStore(self.config)

    @property
    def codec(self) -> Codec:
        """See `Client.codec`."""
        return self._ops.data.codec

    async def upload(
        self,
        source: Path | str | bytes,
        *,
        name: str | None = None,
        location: str | None = None,
        progress: OnProgress | None = None,
    ) -> FileRef | DirectoryRef:
        """See `Client.upload`."""
        return await self._ops.files.upload(source, name=name, location=location, progress=progress)

    async def download(
        self,
        what: FileRef | DirectoryRef | FrameRef | str,
        path: str | Path,
        *,
        progress: OnProgress | None = None,
    ) -> Path:
        """See `Client.download`."""
        return await self._ops.files.download(what, path, progress=progress)

    async def open(self, what: FileRef | str) -> IO[bytes]:
        """See `Client.open`."""
        return await self._ops.files.open(what)

    async def read_frame(self, ref: FrameRef) -> Any:
        """See `Client.read_frame`."""
        return await self._ops.data.read_frame(ref)

    def clear_cache(self) -> None:
        """See `Client.clear_cache`."""
        self._ops.backend.clear_cache()

    def console_url(self, ref: RunRef) -> str:
        """See `Client.console_url`."""
        return self._ops.backend.console_url(ref)
