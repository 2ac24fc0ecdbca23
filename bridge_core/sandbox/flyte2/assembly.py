"""How the Flyte 2 half of a sandbox is put together. Without the packages it needs there is none, and one line says so."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ..auth.access import Auth
    from ..blobs.signing import Signer
    from ..controls.calls import Calls
    from ..controls.faults import Faults
    from ..controls.stubs import Stubs
    from ..engine.engine import Engine
    from ..model.layout import Layout
    from ..runner.context import RunnerContext
    from .engine.engine import Flyte2Engine
    from .engine.scheduler import Flyte2Scheduler
    from .store.tasks import Tasks
    from .wire.server import Flyte2Server

__all__ = ["Flyte2", "missing", "open_server"]

_NEEDED = ("flyteidl2", "connectrpc", "hypercorn")


def missing() -> str:
    """Why there is no Flyte 2 here, in one line; empty when there can be."""
    absent = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if not absent:
        return ""
    return f"Flyte 2 is off, because {' and '.join(absent)} cannot be imported: pip install 'flyte-bridge[sandbox]'"


def open_server(
    port: int,
    *,
    calls: Calls,
    faults: Faults,
    host: str,
    check: Callable[[str, Mapping[str, str]], None] | None,
) -> Flyte2Server | None:
    """Takes the port; None when Flyte 2 is off.

    Raises:
        OSError: The port is taken.
    """
    if missing():
        return None
    from .wire.server import Flyte2Server

    return Flyte2Server(port, calls=calls, faults=faults, host=host, check=check)


class Flyte2:
    """The parts of a running Flyte 2."""

    scheduler: Flyte2Scheduler

    def __init__(self, server: Flyte2Server, engine: Flyte2Engine, tasks: Tasks, *, moves: bool) -> None:
        self._moves = moves
        self.server = server
        self.engine = engine
        self.tasks = tasks

    @classmethod
    def assemble(
        cls,
        server: Flyte2Server,
        engine: Engine,
        *,
        layout: Layout,
        signer: Signer,
        runner: RunnerContext,
        stubs: Stubs,
        faults: Faults,
        endpoint: str,
        pickup: float,
        moves: bool,
        crash_limit: int | None,
        log_url: Callable[[Any, int], str],
        auth: Auth | None,
        token_server: str,
        clock: Callable[[], datetime],
        catch_up: int,
    ) -> Flyte2:
        """Puts it together on the store, the storage, the loop and the pool of Flyte 1.

        Args:
            server: Where it is served.
            engine: Flyte 1's.
            layout: Where files lie.
            signer: Signs URLs of files.
            runner: Runs processes.
            stubs: What is played.
            faults: What goes wrong on purpose.
            endpoint: ``HOST:PORT`` for tasks on this machine.
            pickup: Seconds between steps that are calls of their own on a cluster.
            moves: Whether actions are moved at all.
            crash_limit: How often a process that died without a word is made anew; None for ever.
            log_url: The page with the log of an action's attempt.
            auth: The login, or None when nobody has to log in.
            token_server: Where clients log in, ``http://HOST:PORT``.
            clock: What schedules take for the time.
            catch_up: How many missed ticks of a trigger are made up for.
        """
        from ..engine.deletions import JobDeleter
        from ..store.jobs import Jobs
        from .engine.context import Flyte2Context
        from .engine.engine import Flyte2Engine
        from .engine.hub import Hub
        from .engine.places import Places
        from .engine.scheduler import Flyte2Scheduler
        from .services.registry import serve
        from .store.actions import Actions
        from .store.secrets import Secrets
        from .store.tasks import Tasks
        from .store.triggers import Triggers

        jobs = Jobs(engine.database)
        context = Flyte2Context(
            database=engine.database,
            actions=Actions(engine.database),
            places=Places(layout),
            hub=Hub(faults.flyte2),
            loop=engine.loop,
            pool=engine.pool,
            runner=runner,
            connectors=engine.connectors,
            jobs=jobs,
            deletions=JobDeleter(engine.connectors, jobs, engine.loop, flyte=2),
            stubs=stubs,
            faults=faults.flyte2,
            endpoint=endpoint,
            pickup=pickup,
            crash_limit=crash_limit,
            secrets=Secrets(engine.database).of_task,
            log_url=log_url,
        )
        triggers = Triggers(engine.database, clock)
        flyte2 = cls(server, Flyte2Engine(context, moves=moves), Tasks(engine.database), moves=moves)
        create = serve(
            server,
            engine=flyte2.engine,
            projects=engine.admin.projects,
            tasks=flyte2.tasks,
            stored_triggers=triggers,
            layout=layout,
            signer=signer,
            auth=auth,
            token_server=token_server,
        )
        flyte2.scheduler = Flyte2Scheduler(triggers, engine.loop, create, clock=clock, catch_up=catch_up)
        return flyte2

    def start(self) -> None:
        """Goes on with what was left, and begins to answer."""
        self.engine.start()
        if self._moves:
            self.scheduler.start()
        self.server.start()

    def outputs_of_stub(self, where: tuple[str, str, str], outputs: Mapping[str, Any]) -> Any | None:
        """The literals that a stub puts out for a task that is deployed here; None when there is none of that name."""
        from flyteidl.core import interface_pb2

        from ..controls.values import literals_of

        spec = self.tasks.newest(*where)
        if spec is None:
            return None
        interface = interface_pb2.TypedInterface.FromString(spec.task_template.interface.SerializeToString())
        return literals_of(outputs, interface.outputs.variables, f"stub {where[2]!r}")

    def register_stub(self, where: tuple[str, str, str], interface: Any) -> None:
        """Deploys a task for a stub, unless there is one of that name.

        Args:
            where: Project, domain and name.
            interface: Its TypedInterface, of flyteidl.
        """
        from flyteidl2.task import task_definition_pb2

        project, domain, name = where
        if self.tasks.newest(*where) is not None:
            return
        task_id = task_definition_pb2.TaskIdentifier(project=project, domain=domain, name=name, version="stub")
        spec = task_definition_pb2.TaskSpec(short_name=name.rpartition(".")[2])
        template = spec.task_template
        template.id.project, template.id.domain, template.id.name, template.id.version = project, domain, name, "stub"
        template.id.resource_type = 1
        template.type = "sandbox-stub"
        template.metadata.runtime.version = "1"
        # Entries of a map and entries of a list have the same numbers in both generations.
        template.interface.ParseFromString(interface.SerializeToString())
        self.tasks.deploy(task_id, spec)
