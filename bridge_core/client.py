"""`Client` and `AsyncClient`: one line per verb, nothing else. What a verb does is in `_operations`.

Nothing is opened by a constructor. A `Client` may be used from many threads and survives a fork (the child opens its own
connection). An `AsyncClient` belongs to the event loop and process that use it first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any, Self

from ._drive import iter_blocking, run_blocking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable
    from contextlib import AbstractAsyncContextManager
    from datetime import timedelta
    from pathlib import Path
    from types import TracebackType

    from .config import Config
    from .entities import Entity
    from .errors import BridgeError
    from .ids import EntityRef, RunRef
    from .references import DirectoryRef, FileRef, FrameRef
    from .runs import Launched, LaunchRequest, RunOutputs, RunSnapshot

__all__ = ["AsyncClient", "Client"]


class Client:
    """A connection to one Flyte, for code without an event loop.

    Args:
        config: Which Flyte. None: `Config.auto`.

    Example:
        >>> from bridge_core import Client, Config, EntityRef, LaunchRequest
        >>> with Client(Config.for_sandbox()) as flyte:  # doctest: +SKIP
        ...     ref = flyte.launch(LaunchRequest(EntityRef.launch_plan("pkg.wf"), inputs={"n": 3}))
        ...     flyte.wait(ref).raise_for_phase()
        ...     print(flyte.outputs(ref)["o0"])
    """

    def __init__(self, config: Config | None = None) -> None:
        from ._operations import Operations
        from .config import Config
        from .transport.blocking import BlockingTransport

        self.config = config if config is not None else Config.auto()
        self._transport = BlockingTransport(self.config)
        self._ops = Operations(self._transport, self.config)

    def __repr__(self) -> str:
        return f"Client({self.config.endpoint!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection. Using the client again opens a new one."""
        self._transport.close()

    def launch(self, request: LaunchRequest) -> RunRef:
        """Launches, or attaches to the identical run of that name, in whatever phase it is.

        Raises:
            AlreadyExists: The name belongs to a run of another entity, or with other inputs; nothing was sent.
            EntityNotFound: No such entity or version.
            LiteralError: Inputs are unknown, missing, fixed, or do not fit; all problems at once, nothing was sent.
            LimitExceeded: The launch plan's concurrency limit is reached.
            Unavailable: Flyte could not be asked. The run may or may not exist: launch again under the same name.
        """
        return run_blocking(self._ops.launch.launch(request))

    def launch_or_attach(self, request: LaunchRequest) -> Launched:
        """Like `launch`, and tells whether the run was made now, with a snapshot of it."""
        return run_blocking(self._ops.launch.launch_or_attach(request))

    def launch_many(
        self, requests: Sequence[LaunchRequest], *, return_exceptions: bool = False
    ) -> list[RunRef | BridgeError]:
        """Launches in order; with ``return_exceptions`` a failed launch yields its error instead of ending all."""
        return run_blocking(self._ops.launch.launch_many(requests, return_exceptions=return_exceptions))

    def describe(self, ref: RunRef) -> RunSnapshot:
        """The run as it is now. Raises `RunNotFound`."""
        return run_blocking(self._ops.runs.describe(ref))

    def wait(
        self,
        ref: RunRef,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> RunSnapshot:
        """Waits until the run ends. Never raises for a run that ended badly: `RunSnapshot.raise_for_phase` does.

        Args:
            ref: The run.
            timeout: Seconds (or timedelta); None waits for ever. One last check is made after it.
            poll_interval: Seconds between questions; None adapts to the run's age (`PollPolicy`).

        Raises:
            WaitTimeout: Still running; the run was not aborted. An unreachable Flyte ends here too, never as a failed run.
            RunNotFound: No such run.
        """
        return run_blocking(self._ops.runs.wait(ref, timeout=timeout, poll_interval=poll_interval))

    def wait_many(
        self,
        refs: Sequence[RunRef],
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> list[RunSnapshot]:
        """Waits until all of them ended, asking about up to 200 runs in one call; snapshots in order."""
        return run_blocking(self._ops.runs.wait_many(refs, timeout=timeout, poll_interval=poll_interval))

    def watch(
        self,
        ref: RunRef,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> Iterator[RunSnapshot]:
        """A snapshot whenever the phase changed; the final one last."""
        return iter_blocking(self._ops.runs.watch(ref, timeout=timeout, poll_interval=poll_interval))

    def outputs(self, ref: RunRef) -> RunOutputs:
        """Outputs of a run that SUCCEEDED, as plain Python; files and frames as references.

        Raises:
            RunEnded: The run ended badly and has none.
            InvalidRequest: The run has not ended.
        """
        return run_blocking(self._ops.data.outputs(ref))

    def abort(self, ref: RunRef, *, reason: str | None = None) -> None:
        """Aborts the run. One that has ended stays as it is; that is success.

        Args:
            ref: The run.
            reason: Recorded with the run. None: names this user, host and process.
        """
        run_blocking(self._ops.runs.abort(ref, reason=reason))

    def get_entity(self, ref: EntityRef) -> Entity:
        """One version of an entity: what it takes and gives. Raises `EntityNotFound`."""
        return run_blocking(self._ops.launch.get_entity(ref))

    def download(self, what: FileRef | DirectoryRef | FrameRef | str, path: str | Path) -> Path:
        """Copies a referenced file (or all files of a directory or frame) to a local path, and returns that path."""
        return run_blocking(self._ops.data.download(what, path))

    def open(self, what: FileRef | str) -> IO[bytes]:
        """Opens a referenced file for reading."""
        return run_blocking(self._ops.data.open(what))

    def read_frame(self, ref: FrameRef) -> Any:
        """Reads a referenced table into a pandas DataFrame (``pip install 'flyte-bridge[dataframes]'``)."""
        return run_blocking(self._ops.data.read_frame(ref))

    def console_url(self, ref: RunRef) -> str:
        """The page of the run in Flyte's console. Asks nobody."""
        return self._ops.backend.console_url(ref)


class AsyncClient:
    """A connection to one Flyte for code on an event loop: the verbs of `Client`, awaited.

    All waits of one client share one poll (`watcher_aio`). `AsyncClient.shared` shares one client among many callers.

    Args:
        config: Which Flyte. None: `Config.auto`.
    """

    def __init__(self, config: Config | None = None) -> None:
        from .config import Config

        self._renew_config: Callable[[], Awaitable[Config]] | None = None
        self._open(config if config is not None else Config.auto())
        from .watcher_aio import Waiting

        self._waiting = Waiting(lambda: self._ops.backend, self.config, renew=self._renew)

    def _open(self, config: Config) -> None:
        from ._operations import Operations
        from .transport.aio import AioTransport

        self.config = config
        self._transport = AioTransport(config)
        self._ops = Operations(self._transport, config)

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
        await self._waiting.aclose()
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
        """Credentials are loaded again with this, once per UNAUTHENTICATED answer, while runs are waited for."""
        self._renew_config = load_config

    async def _renew(self) -> bool:
        if self._renew_config is None:
            return False
        old, config = self._transport, await self._renew_config()
        self._open(config)
        await old.aclose()
        return True

    async def launch(self, request: LaunchRequest) -> RunRef:
        """See `Client.launch`."""
        return await self._ops.launch.launch(request)

    async def launch_or_attach(self, request: LaunchRequest) -> Launched:
        """See `Client.launch_or_attach`."""
        return await self._ops.launch.launch_or_attach(request)

    async def launch_many(
        self, requests: Sequence[LaunchRequest], *, return_exceptions: bool = False
    ) -> list[RunRef | BridgeError]:
        """See `Client.launch_many`."""
        return await self._ops.launch.launch_many(requests, return_exceptions=return_exceptions)

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
        return await self._ops.runs.wait_many(refs, timeout=timeout, poll_interval=poll_interval)

    def watch(
        self,
        ref: RunRef,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> AsyncIterator[RunSnapshot]:
        """See `Client.watch`."""
        return self._ops.runs.watch(ref, timeout=timeout, poll_interval=poll_interval)

    async def outputs(self, ref: RunRef) -> RunOutputs:
        """See `Client.outputs`."""
        return await self._ops.data.outputs(ref)

    async def abort(self, ref: RunRef, *, reason: str | None = None) -> None:
        """See `Client.abort`."""
        await self._ops.runs.abort(ref, reason=reason)

    async def get_entity(self, ref: EntityRef) -> Entity:
        """See `Client.get_entity`."""
        return await self._ops.launch.get_entity(ref)

    async def download(self, what: FileRef | DirectoryRef | FrameRef | str, path: str | Path) -> Path:
        """See `Client.download`."""
        return await self._ops.data.download(what, path)

    async def open(self, what: FileRef | str) -> IO[bytes]:
        """See `Client.open`."""
        return await self._ops.data.open(what)

    async def read_frame(self, ref: FrameRef) -> Any:
        """See `Client.read_frame`."""
        return await self._ops.data.read_frame(ref)

    def console_url(self, ref: RunRef) -> str:
        """See `Client.console_url`."""
        return self._ops.backend.console_url(ref)
