"""`AsyncClient`: the verbs of `Client`, awaited: one line per verb, nothing else. Their docstrings are in `client.py`.

Belongs to the event loop and process that use it first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from ._verbs.data import AsyncDataVerbs
from ._verbs.insight import AsyncInsightVerbs
from ._verbs.nodes import AsyncNodeVerbs
from ._verbs.registration import AsyncRegistrationVerbs
from .model.arguments import instance
from .model.durations import seconds
from .model.public import public

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import timedelta
    from types import TracebackType

    from .config import Config
    from .literals import Codec
    from .literals.outputs import RunOutputs
    from .model.batches import BatchRun
    from .model.capabilities import Capabilities
    from .model.entities import Entity
    from .model.errors import BridgeError
    from .model.ids import EntityKind, EntityRef, RunRef
    from .model.projects import Project
    from .model.requests import LaunchRequest
    from .model.run_query import RunQuery
    from .model.runs import Launched, RunSnapshot
    from .schedules import DeployedTrigger, Trigger
    from .transport.aio import AioTransport

__all__ = ["AsyncClient"]


@public
class AsyncClient(AsyncDataVerbs, AsyncInsightVerbs, AsyncNodeVerbs, AsyncRegistrationVerbs):
    """A connection to one Flyte for code on an event loop: the verbs of `Client`, awaited.

    All waits of one client share one poll (`waiting/shared_poll.py`). `AsyncClient.shared` shares one client among many callers.

    Args:
        config: Which Flyte. None: `Config.auto`.
        codec: Converts values. None: `Codec.default`.
        credentials: ``grpc.ChannelCredentials``, for TLS that the configuration cannot describe.
    """

    def __init__(self, config: Config | None = None, *, credentials: Any = None, codec: Codec | None = None) -> None:
        from .config import Config

        instance("AsyncClient", config, Config, "a Config, as in Config.for_endpoint('localhost:30080', insecure=True)")
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
        self._files = None

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

    def poll_age(self) -> float | None:
        """Seconds since Flyte last answered for the runs that are waited for here; None when none is.

        Outages end no wait: this is what shows them. Runs that are old are asked about every `PollPolicy.longest` seconds.
        """
        return self._waiters.poll_age()

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

    @property
    def capabilities(self) -> Awaitable[Capabilities]:
        """What the Flyte at this endpoint can do; asks it once per process when the `Config` does not say which it is.

        A property all the same: ``await flyte.capabilities``.
        """
        return self._ops.capabilities()

    async def launch(self, request: LaunchRequest | EntityRef | str) -> RunRef:
        """Launches, or attaches to the identical run of that name, in whatever phase it is."""
        return await self._ops.launch.launch(request)

    async def launch_or_attach(self, request: LaunchRequest | EntityRef | str) -> Launched:
        """Like `launch`, and tells whether the run was made now, with a snapshot of it."""
        return await self._ops.launch.launch_or_attach(request)

    async def launch_many(
        self,
        requests: Sequence[LaunchRequest | EntityRef | str],
        concurrency: int = 0,
        return_exceptions: bool = False,
        *,
        group_name: str | None = None,
    ) -> list[RunRef | BridgeError]:
        """Launches all of them, several at once; references in the order of the requests. Equal names are launched in turn."""
        return await self._ops.launch.launch_many(
            requests, concurrency=concurrency, return_exceptions=return_exceptions, group_name=group_name
        )

    def run_many(
        self,
        requests: Iterable[LaunchRequest | EntityRef | str],
        *,
        concurrency: int = 0,
        in_order: bool = False,
        return_exceptions: bool = False,
        group_name: str | None = None,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> AsyncIterator[BatchRun]:
        """Launches all of them and gives each as it ends: ``BatchRun(number, request, ref, snapshot, error)``."""
        return self._ops.batches.run_many(
            requests,
            concurrency=concurrency,
            in_order=in_order,
            return_exceptions=return_exceptions,
            group_name=group_name,
            timeout=timeout,
            poll_interval=poll_interval,
        )

    async def describe(self, ref: RunRef | str) -> RunSnapshot:
        """The run as it is now. Raises `RunNotFound`."""
        return await self._ops.runs.describe(self._ops.run(ref))

    async def wait(
        self,
        ref: RunRef | str,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> RunSnapshot:
        """Waits until the run ends. Never raises for a run that ended badly: `RunSnapshot.raise_for_phase` does."""
        return await self._waiters.wait(self._ops.run(ref), timeout=timeout, poll_interval=poll_interval)

    async def wait_many(
        self,
        refs: Sequence[RunRef | str],
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> list[RunSnapshot]:
        """Waits until all of them ended, asking about up to 200 runs in one call; snapshots in order."""
        return await self._waiters.wait_many(self._ops.run_list(refs), timeout=timeout, poll_interval=poll_interval)

    def watch(
        self,
        ref: RunRef | str,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> AsyncIterator[RunSnapshot]:
        """A snapshot whenever the phase changed; the final one last."""
        return self._ops.runs.watch(self._ops.run(ref), timeout=timeout, poll_interval=poll_interval)

    async def outputs(
        self,
        ref: RunRef | str,
        *,
        node: str | None = None,
        attempt: int | None = None,
        allow_pickle: bool = False,
        read_frames: bool = False,
    ) -> RunOutputs:
        """Outputs of a run that SUCCEEDED, as plain Python; files and frames as references."""
        return await self._ops.stored.outputs(
            self._ops.run(ref), node=node, attempt=attempt, allow_pickle=allow_pickle, read_frames=read_frames
        )

    async def abort(self, ref: RunRef | str, *, reason: str | None = None) -> None:
        """Aborts the run. One that has ended stays as it is; that is success."""
        await self._ops.runs.abort(self._ops.run(ref), reason=reason)

    async def inputs(self, ref: RunRef | str, *, node: str | None = None, attempt: int | None = None) -> RunOutputs:
        """Inputs that the run, or a node or attempt as in `outputs`, was given, after defaults, as plain Python."""
        return await self._ops.stored.inputs(self._ops.run(ref), node=node, attempt=attempt)

    async def relaunch(self, ref: RunRef | str, *, name: str | None = None, overwrite_cache: bool = False) -> RunRef:
        """A new run with the spec and inputs of this one. With a name it is made once, whatever crashes in between."""
        return await self._ops.again.relaunch(self._ops.run(ref), name=name, overwrite_cache=overwrite_cache)

    async def recover(self, ref: RunRef | str, *, name: str | None = None) -> RunRef:
        """A new run that keeps what succeeded in this one and does the rest again. Named like `relaunch`."""
        return await self._ops.again.recover(self._ops.run(ref), name=name)

    async def archive(self, ref: RunRef | str, *, archived: bool = True) -> None:
        """Hides the run from lists (False: shows it again). It keeps its name."""
        await self._ops.runs.archive(self._ops.run(ref), archived=archived)

    async def list_entities(
        self,
        kind: EntityKind | str,
        *,
        project: str | None = None,
        domain: str | None = None,
        name: str | None = None,
        limit: int = 1000,
    ) -> list[EntityRef]:
        """Registered entities of a kind, by name; with ``name``, the versions of that one, newest first."""
        return await self._ops.entities.list_entities(kind, project=project, domain=domain, name=name, limit=limit)

    async def projects(self) -> list[Project]:
        """Projects that are not archived, by id, with their domains."""
        return await self._ops.backend.projects.all()

    async def domains(self, project: str | None = None) -> list[str]:
        """Ids of the domains of the installation, or of one project. Raises `NotFound`."""
        return await self._ops.domains(project)

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

    async def delete_trigger(self, ref: EntityRef | str) -> None:
        """Makes Flyte forget a trigger; one that is not there is success. Flyte 2 only: launch plans cannot be deleted."""
        await self._ops.triggers.delete(ref)

    async def whoami(self) -> str:
        """Who Flyte thinks we are; empty where it does not authenticate."""
        return await self._ops.backend.whoami()

    def list_runs(
        self, *, project: str | None = None, domain: str | None = None, limit: int = 100, query: RunQuery | None = None
    ) -> AsyncIterator[RunSnapshot]:
        """Runs of one project and domain, newest first; pages are fetched as they are consumed."""
        return self._ops.runs.list_runs(project, domain, query, limit)

    async def get_entity(self, ref: EntityRef | str) -> Entity:
        """One version of an entity: what it takes and gives, its graph or how it runs. Raises `EntityNotFound`."""
        return await self._ops.entities.get_entity(ref)

    async def call(self, method: str, request: Any, *, timeout: float | timedelta | None = None) -> Any:
        """One RPC that there is no verb for, with this client's deadline, credentials and, for reads, retries."""
        return await self._ops.backend.call(method, request, timeout=seconds(timeout))

    def clear_cache(self) -> None:
        """Forgets what was remembered of fully versioned entities."""
        self._ops.backend.clear_cache()

    def console_url(self, ref: RunRef | EntityRef | str) -> str:
        """The page of a run or an entity in Flyte's console. Asks nobody."""
        return self._ops.console_url(ref)
