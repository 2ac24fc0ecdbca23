"""`AsyncClient`: the verbs of `Client`, awaited: one line per verb, nothing else. Their docstrings are in `client.py`.

Belongs to the event loop and process that use it first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Self

from .model.public import public

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import timedelta
    from os import PathLike
    from pathlib import Path
    from types import TracebackType

    from .config import Config
    from .files import AsyncFileAccess
    from .literals import Codec
    from .literals.outputs import RunOutputs
    from .model.entities import Entity
    from .model.errors import BridgeError
    from .model.ids import EntityKind, EntityRef, RunRef
    from .model.nodes import LogLink, NodeSnapshot, SpanMetric
    from .model.references import DirectoryRef, FileRef, FrameRef
    from .model.registration import RegistrationReport, RegistrationSource
    from .model.requests import LaunchRequest
    from .model.runs import Launched, RunQuery, RunSnapshot
    from .schedules import DeployedTrigger, Trigger
    from .secrets import SecretStore
    from .storage.progress import OnProgress
    from .transport.aio import AioTransport

__all__ = ["AsyncClient"]


@public
class AsyncClient:
    """A connection to one Flyte for code on an event loop: the verbs of `Client`, awaited.

    All waits of one client share one poll (`waiting/shared_poll.py`). `AsyncClient.shared` shares one client among many callers.

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
        from .waiting.renewal import Renewal
        from .waiting.waiters import Waiters

        self._renewal = Renewal(lambda: self._ops.backend, self._replace)
        self._waiters = Waiters(lambda: self._ops.backend, self.config, renew=self._renewal.renew)

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
            await self._waiters.aclose()
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
        from .waiting.shared_client import shared_client

        async def open_client() -> AsyncClient:
            client = cls(await load_config())
            client.renew_with(load_config)
            return client

        return shared_client(key, open_client, linger)

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
        """Launches, or attaches to the identical run of that name, in whatever phase it is."""
        return await self._ops.launch.launch(request)

    async def launch_or_attach(self, request: LaunchRequest) -> Launched:
        """Like `launch`, and tells whether the run was made now, with a snapshot of it."""
        return await self._ops.launch.launch_or_attach(request)

    async def launch_many(
        self, requests: Sequence[LaunchRequest], concurrency: int = 0, return_exceptions: bool = False
    ) -> list[RunRef | BridgeError]:
        """Launches all of them, several at once; references in the order of the requests. Equal names are launched in turn."""
        return await self._ops.launch.launch_many(
            requests, concurrency=concurrency, return_exceptions=return_exceptions
        )

    async def describe(self, ref: RunRef) -> RunSnapshot:
        """The run as it is now. Raises `RunNotFound`."""
        return await self._ops.runs.describe(ref)

    async def wait(
        self,
        ref: RunRef,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> RunSnapshot:
        """Waits until the run ends. Never raises for a run that ended badly: `RunSnapshot.raise_for_phase` does."""
        return await self._waiters.wait(ref, timeout=timeout, poll_interval=poll_interval)

    async def wait_many(
        self,
        refs: Sequence[RunRef],
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> list[RunSnapshot]:
        """Waits until all of them ended, asking about up to 200 runs in one call; snapshots in order."""
        return await self._waiters.wait_many(refs, timeout=timeout, poll_interval=poll_interval)

    def watch(
        self,
        ref: RunRef,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> AsyncIterator[RunSnapshot]:
        """A snapshot whenever the phase changed; the final one last."""
        return self._ops.runs.watch(ref, timeout=timeout, poll_interval=poll_interval)

    async def outputs(self, ref: RunRef, *, allow_pickle: bool = False) -> RunOutputs:
        """Outputs of a run that SUCCEEDED, as plain Python; files and frames as references."""
        return await self._ops.data.outputs(ref, allow_pickle=allow_pickle)

    async def abort(self, ref: RunRef, *, reason: str | None = None) -> None:
        """Aborts the run. One that has ended stays as it is; that is success."""
        await self._ops.runs.abort(ref, reason=reason)

    async def inputs(self, ref: RunRef) -> RunOutputs:
        """Inputs that the run has stored, after defaults, as plain Python."""
        return await self._ops.data.inputs(ref)

    async def relaunch(self, ref: RunRef, *, name: str | None = None, overwrite_cache: bool = False) -> RunRef:
        """A new run with the spec and inputs of this one. With a name it is made once, whatever crashes in between."""
        return await self._ops.again.relaunch(ref, name=name, overwrite_cache=overwrite_cache)

    async def recover(self, ref: RunRef, *, name: str | None = None) -> RunRef:
        """A new run that keeps what succeeded in this one and does the rest again. Named like `relaunch`."""
        return await self._ops.again.recover(ref, name=name)

    async def archive(self, ref: RunRef, *, archived: bool = True) -> None:
        """Hides the run from lists (False: shows it again). It keeps its name."""
        await self._ops.runs.archive(ref, archived=archived)

    async def signal(
        self, ref: RunRef, signal_id: str, value: Any, *, timeout: float | timedelta | None = 60.0
    ) -> None:
        """Gives a gate of the run its value, waiting up to ``timeout`` seconds until the run reaches it."""
        await self._ops.inside.signal(ref, signal_id, value, timeout=timeout)

    async def nodes(self, ref: RunRef, *, attempts: bool = False) -> tuple[NodeSnapshot, ...]:
        """The nodes of the run as a tree: one call per parent node, however many leaves there are."""
        return await self._ops.inside.nodes(ref, attempts=attempts)

    async def logs(self, ref: RunRef, *, node: str | None = None) -> list[LogLink]:
        """Log links of one node (id or name); without one, of the failed nodes, or of all when none failed."""
        return await self._ops.inside.logs(ref, node=node)

    async def deck(self, ref: RunRef, *, node: str | None = None) -> str:
        """HTML of a node's deck; the node may be left out when only one has a deck."""
        return await self._ops.inside.deck(ref, node=node)

    async def metrics(self, ref: RunRef) -> SpanMetric:
        """Where the time of the run went."""
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
        """Registered entities of a kind, by name; with ``name``, the versions of that one, newest first."""
        return await self._ops.launch.list_entities(kind, project=project, domain=domain, name=name, limit=limit)

    async def register(
        self,
        source: RegistrationSource,
        *,
        version: str | None = None,
        project: str | None = None,
        domain: str | None = None,
        images: str | Sequence[str] | Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        source_root: str | PathLike[str] | None = None,
        destination_dir: str | None = None,
        copy: str = "auto",
        python: str | None = None,
        git_repo: str | None = None,
        raw_data_path: str | None = None,
        service_account: str | None = None,
        activate: bool = False,
        build_images: bool = False,
        skip_errors: bool = False,
        dry_run: bool = False,
        copy_bundle_to: str | PathLike[str] | None = None,
        timeout: float | timedelta = 600.0,
    ) -> RegistrationReport:
        """Registers tasks, workflows and launch plans: from a package, from source code, or from values written in Python."""
        from .model.registration import RegisterRequest

        return await self._ops.registration.register(
            RegisterRequest(
                source=source,
                version=version,
                project=project,
                domain=domain,
                images=images,
                env=env,
                source_root=source_root,
                destination_dir=destination_dir,
                copy=copy,
                python=python,
                git_repo=git_repo,
                raw_data_path=raw_data_path,
                service_account=service_account,
                activate=activate,
                build_images=build_images,
                skip_errors=skip_errors,
                dry_run=dry_run,
                copy_bundle_to=copy_bundle_to,
                timeout=timeout,
            )
        )

    async def deploy_trigger(self, trigger: Trigger) -> DeployedTrigger:
        """Makes Flyte know the trigger, and fire it unless ``auto_activate`` is False. The same again changes nothing."""
        return await self._ops.triggers.deploy(trigger)

    async def list_triggers(self, *, project: str | None = None, domain: str | None = None) -> list[DeployedTrigger]:
        """Everything in a project and domain that has a schedule, by name, active or not."""
        return await self._ops.triggers.list(project, domain)

    async def activate(self, ref: EntityRef | str) -> DeployedTrigger:
        """Starts the schedule of a launch plan: the pinned version, else the newest. The active one is left alone."""
        return await self._ops.triggers.activate(ref)

    async def deactivate(self, ref: EntityRef | str) -> DeployedTrigger:
        """Stops the schedule of a launch plan: the pinned version, else the active one."""
        return await self._ops.triggers.deactivate(ref)

    async def whoami(self) -> str:
        """Who Flyte thinks we are; empty where it does not authenticate."""
        return await self._ops.backend.whoami()

    def list_runs(
        self, *, project: str | None = None, domain: str | None = None, limit: int = 100, query: RunQuery | None = None
    ) -> AsyncIterator[RunSnapshot]:
        """Runs of one project and domain, newest first; pages are fetched as they are consumed."""
        return self._ops.runs.list_runs(project, domain, query, limit)

    async def get_entity(self, ref: EntityRef) -> Entity:
        """One version of an entity: what it takes and gives. Raises `EntityNotFound`."""
        return await self._ops.launch.get_entity(ref)

    @property
    def files(self) -> AsyncFileAccess:
        """Files, here and there."""
        from .files import AsyncFileAccess

        if self._files is None:
            self._files = AsyncFileAccess(self._ops.files, self.config)
        return self._files

    @property
    def secrets(self) -> SecretStore:
        """Secrets, where Flyte mounts them."""
        from .secrets import SecretStore

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

    def clear_cache(self) -> None:
        """Forgets what was remembered of fully versioned entities."""
        self._ops.backend.clear_cache()

    def console_url(self, ref: RunRef) -> str:
        """The page of the run in Flyte's console. Asks nobody."""
        return self._ops.backend.console_url(ref)
