"""`Client`: one line per verb, nothing else. What a verb does is in `_operations`; `async_client.py` has the same verbs, awaited.

Nothing is opened by a constructor. A client may be used from many threads and survives a fork: the child opens its own
connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Self

from ._drive import iter_blocking, run_blocking
from .model.public import public

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import timedelta
    from os import PathLike
    from pathlib import Path
    from types import TracebackType

    from .config import Config
    from .files import FileAccess
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

__all__ = ["Client"]


@public
class Client:
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

        self.config = config if config is not None else Config.auto()
        self._files: FileAccess | None = None
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
        self, requests: Sequence[LaunchRequest], concurrency: int = 0, return_exceptions: bool = False
    ) -> list[RunRef | BridgeError]:
        """Launches all of them, several at once; references in the order of the requests. Equal names are launched in turn.

        Args:
            requests: What to launch.
            concurrency: How many at once; 0 chooses, 1 launches one after the other.
            return_exceptions: A failed launch yields its error instead of ending all. Without it, the first error is raised
                and requests that have not begun are not launched.
        """
        return run_blocking(
            self._ops.launch.launch_many(requests, concurrency=concurrency, return_exceptions=return_exceptions)
        )

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

    def outputs(self, ref: RunRef, *, allow_pickle: bool = False) -> RunOutputs:
        """Outputs of a run that SUCCEEDED, as plain Python; files and frames as references.

        Args:
            ref: The run.
            allow_pickle: True downloads pickles and loads them, which runs whatever code is in them. Never the default.

        Raises:
            RunEnded: The run ended badly and has none.
            InvalidRequest: The run has not ended.
        """
        return run_blocking(self._ops.data.outputs(ref, allow_pickle=allow_pickle))

    def abort(self, ref: RunRef, *, reason: str | None = None) -> None:
        """Aborts the run. One that has ended stays as it is; that is success.

        Args:
            ref: The run.
            reason: Recorded with the run. None: names this user, host and process.
        """
        run_blocking(self._ops.runs.abort(ref, reason=reason))

    def inputs(self, ref: RunRef) -> RunOutputs:
        """Inputs that the run has stored, after defaults, as plain Python."""
        return run_blocking(self._ops.data.inputs(ref))

    def relaunch(self, ref: RunRef, *, name: str | None = None, overwrite_cache: bool = False) -> RunRef:
        """A new run with the spec and inputs of this one. With a name it is made once, whatever crashes in between.

        Raises:
            AlreadyExists: The name belongs to a run that is no relaunch of this one.
        """
        return run_blocking(self._ops.again.relaunch(ref, name=name, overwrite_cache=overwrite_cache))

    def recover(self, ref: RunRef, *, name: str | None = None) -> RunRef:
        """A new run that keeps what succeeded in this one and does the rest again. Named like `relaunch`."""
        return run_blocking(self._ops.again.recover(ref, name=name))

    def archive(self, ref: RunRef, *, archived: bool = True) -> None:
        """Hides the run from lists (False: shows it again). It keeps its name."""
        run_blocking(self._ops.runs.archive(ref, archived=archived))

    def signal(self, ref: RunRef, signal_id: str, value: Any, *, timeout: float | timedelta | None = 60.0) -> None:
        """Gives a gate of the run its value, waiting up to ``timeout`` seconds until the run reaches it.

        Raises:
            NotFound: The run ended, or did not reach such a gate in time.
            LiteralError: The gate wants another type.
        """
        run_blocking(self._ops.inside.signal(ref, signal_id, value, timeout=timeout))

    def nodes(self, ref: RunRef, *, attempts: bool = False) -> tuple[NodeSnapshot, ...]:
        """The nodes of the run as a tree: one call per parent node, however many leaves there are.

        Args:
            ref: The run.
            attempts: Also fetch the attempts with their errors and log links: one more call per node.
        """
        return run_blocking(self._ops.inside.nodes(ref, attempts=attempts))

    def logs(self, ref: RunRef, *, node: str | None = None) -> list[LogLink]:
        """Log links of one node (id or name); without one, of the failed nodes, or of all when none failed."""
        return run_blocking(self._ops.inside.logs(ref, node=node))

    def deck(self, ref: RunRef, *, node: str | None = None) -> str:
        """HTML of a node's deck; the node may be left out when only one has a deck."""
        return run_blocking(self._ops.inside.deck(ref, node=node))

    def metrics(self, ref: RunRef) -> SpanMetric:
        """Where the time of the run went."""
        return run_blocking(self._ops.inside.metrics(ref))

    def list_entities(
        self,
        kind: EntityKind,
        *,
        project: str | None = None,
        domain: str | None = None,
        name: str | None = None,
        limit: int = 1000,
    ) -> list[EntityRef]:
        """Registered entities of a kind, by name; with ``name``, the versions of that one, newest first."""
        return run_blocking(
            self._ops.launch.list_entities(kind, project=project, domain=domain, name=name, limit=limit)
        )

    def register(
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
        """Registers tasks, workflows and launch plans: from a package, from source code, or from values written in Python.

        Everything is compared with the server before the first write. The same again changes nothing; killed half-way and run
        again ends as if it had not been killed.

        Args:
            source: A package of ``pyflyte package`` (archive or folder); a Python file, a folder of code or a dotted module,
                serialised by flytekit in an interpreter that has it; several of them; `ContainerTask`, `ShellTask`,
                `LaunchPlan`, or several of these. None: ``sdk.workflow_packages`` of the configuration.
            version: Of all entities that have none of their own. None: a digest of the content, the same on every machine.
            project: None: the configuration's.
            domain: None: the configuration's.
            images: For code: ``"uri"``, ``"name=uri"``, several, or name -> uri; one default at most.
            env: For code: environment variables of its containers.
            source_root: For code: where imports begin. None: the first folder upwards without ``__init__.py``.
            destination_dir: Folder of the container that the code is unpacked in. None: ``/root`` for code, the working
                directory for packages.
            copy: Which files make the code archive: ``"auto"`` (imported modules), ``"all"`` (all below the root that no ignore
                file names), ``"none"`` (the code is in the image).
            python: For code: the interpreter. None: this one, in a process of its own.
            git_repo: For code: where it is kept, for the console. None: the remote of its git repository.
            raw_data_path: For code: where launch plans let their runs write.
            service_account: For code: of the launch plans.
            activate: Activates all launch plans, those that exist already too.
            build_images: For code: lets flytekit build the images that it describes.
            skip_errors: Registers what can be; the report says what could not.
            dry_run: Reads and compares only; the report says what would happen.
            copy_bundle_to: Keeps a copy of the code archive there.
            timeout: Seconds that importing or serialising code may take.

        Raises:
            AlreadyExists: This version holds something else; nothing was written, the message shows what differs.
            InvalidRequest: The source or an entity is wrong; names file and entity.
            EntityNotFound: Something refers to an entity that does not exist; nothing was written.
            ConfigError: No project or domain, or an interpreter without flytekit.
        """
        from .model.registration import RegisterRequest

        return run_blocking(
            self._ops.registration.register(
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
        )

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

    def get_entity(self, ref: EntityRef) -> Entity:
        """One version of an entity: what it takes and gives. Raises `EntityNotFound`."""
        return run_blocking(self._ops.launch.get_entity(ref))

    @property
    def files(self) -> FileAccess:
        """Files, here and there."""
        from .files import FileAccess

        if self._files is None:
            self._files = FileAccess(self._ops.files, self.config)
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

    def upload(
        self,
        source: Path | str | bytes,
        *,
        name: str | None = None,
        location: str | None = None,
        progress: OnProgress | None = None,
    ) -> FileRef | DirectoryRef:
        """Uploads a file, bytes, or a directory; the same content always gets the same URI.

        Args:
            source: Path or bytes.
            name: Name of the object. None: that of the file, ``data`` for bytes.
            location: Instead of `Config.data_upload_location`.
            progress: Called with `Progress` as bytes go, from several threads.
        """
        return run_blocking(self._ops.files.upload(source, name=name, location=location, progress=progress))

    def download(
        self,
        what: FileRef | DirectoryRef | FrameRef | str,
        path: str | Path,
        *,
        progress: OnProgress | None = None,
    ) -> Path:
        """Copies a referenced file (or all files of a directory or frame) to a local path, and returns that path."""
        return run_blocking(self._ops.files.download(what, path, progress=progress))

    def open(self, what: FileRef | str) -> IO[bytes]:
        """Opens a referenced file for reading."""
        return run_blocking(self._ops.files.open(what))

    def read_frame(self, ref: FrameRef) -> Any:
        """Reads a referenced table into a pandas DataFrame (``pip install 'flyte-bridge[dataframes]'``)."""
        return run_blocking(self._ops.data.read_frame(ref))

    def clear_cache(self) -> None:
        """Forgets what was remembered of fully versioned entities."""
        self._ops.backend.clear_cache()

    def console_url(self, ref: RunRef) -> str:
        """The page of the run in Flyte's console. Asks nobody."""
        return self._ops.backend.console_url(ref)
