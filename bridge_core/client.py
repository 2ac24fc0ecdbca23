"""`Client`: one line per verb, nothing else. What a verb does is in `_operations`; `async_client.py` has the same verbs, awaited.

Nothing is opened by a constructor. A client may be used from many threads and survives a fork: the child opens its own
connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self

from ._blocking import iter_blocking, run_blocking
from ._verbs.data import DataVerbs
from ._verbs.insight import InsightVerbs
from ._verbs.nodes import NodeVerbs
from ._verbs.registration import RegistrationVerbs
from .model.arguments import instance
from .model.durations import seconds
from .model.public import public

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
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

__all__ = ["Client"]


@public
class Client(DataVerbs, InsightVerbs, NodeVerbs, RegistrationVerbs):
    """A connection to one Flyte, for code without an event loop.

    Args:
        config: Which Flyte. None: `Config.auto`.
        codec: Converts values. None: `Codec.default`.
        credentials: ``grpc.ChannelCredentials``, for TLS that the configuration cannot describe.

    Example:
        >>> from bridge_core import Client, Config, EntityRef, LaunchRequest
        >>> with Client(Config.for_sandbox()) as flyte:  # doctest: +SKIP
        ...     ref = flyte.launch(LaunchRequest(EntityRef.launch_plan("pkg.wf"), inputs={"n": 3}))
        ...     flyte.wait(ref).raise_for_phase()
        ...     print(flyte.outputs(ref)["o0"])
    """

    def __init__(self, config: Config | None = None, *, credentials: Any = None, codec: Codec | None = None) -> None:
        from ._operations import Operations
        from .config import Config
        from .transport.blocking import BlockingTransport

        instance("Client", config, Config, "a Config, as in Config.for_endpoint('localhost:30080', insecure=True)")
        self.config = config if config is not None else Config.auto()
        self._files = None
        self._transport = BlockingTransport(self.config, credentials)
        self._ops = Operations(self._transport, self.config, codec)

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

    def auth_metadata(self, *pairs: tuple[str, str]) -> AbstractContextManager[None]:
        """Sends these pairs with every call that this client makes inside the ``with`` block, instead of a token of its own.

        For services that pass their callers' credentials on (auth mode Passthrough). Other threads and tasks see nothing of it.
        """
        from .auth.passthrough import passthrough

        return passthrough(self._transport, *pairs)

    @property
    def capabilities(self) -> Capabilities:
        """What the Flyte at this endpoint can do; asks it once per process when the `Config` does not say which it is."""
        return run_blocking(self._ops.capabilities())

    def launch(self, request: LaunchRequest | EntityRef | str) -> RunRef:
        """Launches, or attaches to the identical run of that name, in whatever phase it is.

        Raises:
            AlreadyExists: The name belongs to a run of another entity, or with other inputs; nothing was sent.
            EntityNotFound: No such entity or version.
            LiteralError: Inputs are unknown, missing, fixed, or do not fit; all problems at once, nothing was sent.
            LimitExceeded: The launch plan's concurrency limit is reached.
            Unavailable: Flyte could not be asked. The run may or may not exist: launch again under the same name.
        """
        return run_blocking(self._ops.launch.launch(request))

    def launch_or_attach(self, request: LaunchRequest | EntityRef | str) -> Launched:
        """Like `launch`, and tells whether the run was made now, with a snapshot of it."""
        return run_blocking(self._ops.launch.launch_or_attach(request))

    def launch_many(
        self,
        requests: Sequence[LaunchRequest | EntityRef | str],
        concurrency: int = 0,
        return_exceptions: bool = False,
        *,
        group_name: str | None = None,
    ) -> list[RunRef | BridgeError]:
        """Launches all of them, several at once; references in the order of the requests. Equal names are launched in turn.

        Args:
            requests: What to launch; `LaunchRequest.zipped` makes them from lists of values.
            concurrency: How many launches at once; 0 chooses, 1 launches one after the other. `run_many` bounds how many *run*.
            return_exceptions: A failed launch yields its error instead of ending all. Without it, the first error is raised
                and requests that have not begun are not launched.
            group_name: Label of all of them (``flyte-bridge-group``).
        """
        return run_blocking(
            self._ops.launch.launch_many(
                requests, concurrency=concurrency, return_exceptions=return_exceptions, group_name=group_name
            )
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
    ) -> Iterator[BatchRun]:
        """Launches all of them and gives each as it ends: ``BatchRun(number, request, ref, snapshot, error)``.

        A run that ended badly is a result like others: ``snapshot.raise_for_phase()`` raises for it. Stopping early, and errors
        that are raised, leave the runs that were launched as they are.

        Args:
            requests: What to launch, taken as there is room: a generator of a million is fine.
            concurrency: How many *run* at once; 0 is no limit of ours.
            in_order: Results in the order of the requests, instead of as they end.
            return_exceptions: What cannot be launched, or is gone, is a `BatchRun` with an ``error``; otherwise it is raised.
            group_name: Label of all of them (``flyte-bridge-group``).
            timeout: Seconds for all of it; None for ever.
            poll_interval: As in `wait`.

        Raises:
            WaitTimeout: Some were still running; none was aborted.
        """
        return iter_blocking(
            self._ops.batches.run_many(
                requests,
                concurrency=concurrency,
                in_order=in_order,
                return_exceptions=return_exceptions,
                group_name=group_name,
                timeout=timeout,
                poll_interval=poll_interval,
            )
        )

    def describe(self, ref: RunRef | str) -> RunSnapshot:
        """The run as it is now. Raises `RunNotFound`."""
        return run_blocking(self._ops.runs.describe(self._ops.run(ref)))

    def wait(
        self,
        ref: RunRef | str,
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
        return run_blocking(self._ops.runs.wait(self._ops.run(ref), timeout=timeout, poll_interval=poll_interval))

    def wait_many(
        self,
        refs: Sequence[RunRef | str],
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> list[RunSnapshot]:
        """Waits until all of them ended, asking about up to 200 runs in one call; snapshots in order."""
        return run_blocking(
            self._ops.runs.wait_many(self._ops.run_list(refs), timeout=timeout, poll_interval=poll_interval)
        )

    def watch(
        self,
        ref: RunRef | str,
        *,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
    ) -> Iterator[RunSnapshot]:
        """A snapshot whenever the phase changed; the final one last."""
        return iter_blocking(self._ops.runs.watch(self._ops.run(ref), timeout=timeout, poll_interval=poll_interval))

    def outputs(
        self,
        ref: RunRef | str,
        *,
        node: str | None = None,
        attempt: int | None = None,
        allow_pickle: bool = False,
        read_frames: bool = False,
    ) -> RunOutputs:
        """Outputs of a run that SUCCEEDED, as plain Python; files and frames as references.

        Args:
            ref: The run.
            node: Of this node of it (id or name) instead.
            attempt: Of this try of the node, 0 for the first.
            allow_pickle: True downloads pickles and loads them, which runs whatever code is in them. Never the default.
            read_frames: True reads frames at once, as `read_frame` does, in lists and maps too. Those inside a structure stay
                what they are there.

        Raises:
            RunEnded: The run ended badly and has none.
            InvalidRequest: The run has not ended, or the node did not end well.
            Unavailable: There must be some, and Flyte returned none.
        """
        found = self._ops.stored.outputs(
            self._ops.run(ref), node=node, attempt=attempt, allow_pickle=allow_pickle, read_frames=read_frames
        )
        return run_blocking(found)

    def abort(self, ref: RunRef | str, *, reason: str | None = None) -> None:
        """Aborts the run. One that has ended stays as it is; that is success.

        Args:
            ref: The run.
            reason: Recorded with the run. None: names this user, host and process.
        """
        run_blocking(self._ops.runs.abort(self._ops.run(ref), reason=reason))

    def inputs(self, ref: RunRef | str, *, node: str | None = None, attempt: int | None = None) -> RunOutputs:
        """Inputs that the run, or a node or attempt as in `outputs`, was given, after defaults, as plain Python."""
        return run_blocking(self._ops.stored.inputs(self._ops.run(ref), node=node, attempt=attempt))

    def relaunch(self, ref: RunRef | str, *, name: str | None = None, overwrite_cache: bool = False) -> RunRef:
        """A new run with the spec and inputs of this one. With a name it is made once, whatever crashes in between.

        Raises:
            AlreadyExists: The name belongs to a run that is no relaunch of this one.
        """
        return run_blocking(self._ops.again.relaunch(self._ops.run(ref), name=name, overwrite_cache=overwrite_cache))

    def recover(self, ref: RunRef | str, *, name: str | None = None) -> RunRef:
        """A new run that keeps what succeeded in this one and does the rest again. Named like `relaunch`."""
        return run_blocking(self._ops.again.recover(self._ops.run(ref), name=name))

    def archive(self, ref: RunRef | str, *, archived: bool = True) -> None:
        """Hides the run from lists (False: shows it again). It keeps its name."""
        run_blocking(self._ops.runs.archive(self._ops.run(ref), archived=archived))

    def list_entities(
        self,
        kind: EntityKind | str,
        *,
        project: str | None = None,
        domain: str | None = None,
        name: str | None = None,
        limit: int = 1000,
    ) -> list[EntityRef]:
        """Registered entities of a kind, by name; with ``name``, the versions of that one, newest first."""
        return run_blocking(
            self._ops.entities.list_entities(kind, project=project, domain=domain, name=name, limit=limit)
        )

    def projects(self) -> list[Project]:
        """Projects that are not archived, by id, with their domains."""
        return run_blocking(self._ops.backend.projects.all())

    def domains(self, project: str | None = None) -> list[str]:
        """Ids of the domains of the installation, or of one project. Raises `NotFound`."""
        return run_blocking(self._ops.domains(project))

    def deploy_trigger(self, trigger: Trigger) -> DeployedTrigger:
        """Makes Flyte know the trigger, and fire it unless ``auto_activate`` is False. The same again changes nothing.

        On Flyte 1 this is a launch plan of the trigger's name that carries the schedule.

        Raises:
            Unsupported: This Flyte cannot fire it so; the message says why and what can.
            LiteralError: Inputs are unknown, missing or do not fit.
        """
        return run_blocking(self._ops.triggers.deploy(trigger))

    def list_triggers(self, *, project: str | None = None, domain: str | None = None) -> list[DeployedTrigger]:
        """Everything in a project and domain that has a schedule, by name, active or not."""
        return run_blocking(self._ops.triggers.list(project, domain))

    def activate(self, ref: EntityRef | str) -> DeployedTrigger:
        """Starts the schedule of a launch plan: the pinned version, else the newest. The active one is left alone."""
        return run_blocking(self._ops.triggers.activate(ref))

    def deactivate(self, ref: EntityRef | str) -> DeployedTrigger:
        """Stops the schedule of a launch plan: the pinned version, else the active one."""
        return run_blocking(self._ops.triggers.deactivate(ref))

    def delete_trigger(self, ref: EntityRef | str) -> None:
        """Makes Flyte forget a trigger; one that is not there is success. Flyte 2 only: launch plans cannot be deleted.

        Args:
            ref: ``launch_plan:NAME``, the trigger's own name.
        """
        run_blocking(self._ops.triggers.delete(ref))

    def whoami(self) -> str:
        """Who Flyte thinks we are; empty where it does not authenticate."""
        return run_blocking(self._ops.backend.whoami())

    def list_runs(
        self, *, project: str | None = None, domain: str | None = None, limit: int = 100, query: RunQuery | None = None
    ) -> Iterator[RunSnapshot]:
        """Runs of one project and domain, newest first; pages are fetched as they are consumed.

        Snapshots from a list have error messages cut to 100 bytes by FlyteAdmin; `describe` gives the whole.

        Args:
            project: None: the Config's.
            domain: None: the Config's.
            limit: How many at most.
            query: Which ones, see `RunQuery`. None: all that are not archived.
        """
        return iter_blocking(self._ops.runs.list_runs(project, domain, query, limit))

    def get_entity(self, ref: EntityRef | str) -> Entity:
        """One version of an entity: what it takes and gives, its graph or how it runs. Raises `EntityNotFound`."""
        return run_blocking(self._ops.entities.get_entity(ref))

    def call(self, method: str, request: Any, *, timeout: float | timedelta | None = None) -> Any:
        """One RPC that there is no verb for, with this client's deadline, credentials and, for reads, retries.

        Args:
            method: As Flyte calls it: ``"GetVersion"``, or with its service, ``"AdminService/GetVersion"``.
            request: Its ``flyteidl`` message, or a mapping in the JSON form of protobuf. The answer is a message.
            timeout: Seconds; None: `Config.rpc_timeout`.
        """
        return run_blocking(self._ops.backend.call(method, request, timeout=seconds(timeout)))

    def clear_cache(self) -> None:
        """Forgets what was remembered of fully versioned entities."""
        self._ops.backend.clear_cache()

    def console_url(self, ref: RunRef | EntityRef | str) -> str:
        """The page of a run or an entity in Flyte's console. Asks nobody.

        Args:
            ref: A text is a run's, unless it begins with a kind (``task:…``). Without a version, an entity's page shows them all.
        """
        return self._ops.console_url(ref)
