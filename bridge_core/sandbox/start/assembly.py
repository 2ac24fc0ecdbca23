"""`Assembly`: how a sandbox is put together from what it was asked to be; done again each time it starts."""

from __future__ import annotations

import errno
import shutil
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from ..validation.tasks import limits_by_number
from .claim import usable
from .parts import Parts, guarded, login_routes, serve, task_login

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ..auth.access import Access
    from ..auth.tokens import Tokens
    from ..connectors.registry import Connectors
    from ..controls.calls import Calls
    from ..controls.faults import Faults
    from ..controls.stubs import Stubs
    from ..engine.cache import CacheUse
    from ..flyte2.wire.server import Flyte2Server
    from ..model.layout import Layout
    from ..runner.fork import Forker
    from ..runner.images import Images
    from ..runner.task_secrets import TaskSecrets
    from ..services.server import GrpcServer
    from ..web.server import HttpServer

__all__ = ["Assembly", "PortTaken"]


_PICKUP = 0.05
"""Seconds until the engine notices a run, unless it is prompt: FlytePropeller leaves it UNDEFINED for some such time."""


class PortTaken(OSError):
    """Something else listens on a port that was asked for by number, or it may not be used."""


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """The settings of one sandbox, and what it keeps while it is stopped. For their meaning see `app.Sandbox`."""

    calls: Calls
    faults: Faults
    stubs: Stubs
    connectors: Connectors
    access: Access
    images: Images
    isolation: str
    parallelism: int
    projects: tuple[str, ...]
    clock: Callable[[], datetime]
    catch_up: int
    task_callbacks: bool
    stop_orphans: bool
    task_limits: Mapping[str, str]
    secrets: TaskSecrets
    cache: CacheUse
    engine: bool
    prompt: bool
    crash_limit: int | None

    def __post_init__(self) -> None:
        limits_by_number(self.task_limits)
        if self.isolation not in ("process", "fork"):
            raise ValueError(f"isolation must be 'process' or 'fork', got {self.isolation!r}")
        if self.parallelism < 1:
            raise ValueError(f"parallelism must be at least 1, got {self.parallelism!r}")

    def open(self, layout: Layout, lock: IO[bytes], port: int, http_port: int, flyte2_port: int) -> Parts:
        """Opens the ports and starts everything behind them.

        Raises:
            PortTaken: A port that was asked for by number is not free.
        """
        from ..flyte2.assembly import open_server
        from ..services.server import GrpcServer
        from ..web.server import HttpServer

        access = self.access
        tokens = None
        if access.auth is not None:
            from ..auth.tokens import Tokens

            tokens = Tokens(access.auth, access)
        try:
            check = None if tokens is None else tokens.check_call
            grpc_server = GrpcServer(port, calls=self.calls, faults=self.faults, host=access.listen, check=check)
        except OSError as error:
            raise _taken(error, access.listen, port, "gRPC", "--port") from None
        try:
            http_server = HttpServer(http_port, access.listen, access.names)
        except OSError as error:
            grpc_server.stop()
            raise _taken(error, access.listen, http_port, "HTTP", "--http-port") from None
        flyte2_server = None
        try:
            try:
                flyte2_server = open_server(
                    flyte2_port, calls=self.calls, faults=self.faults, host=access.listen, check=check
                )
            except OSError as error:
                raise _taken(error, access.listen, flyte2_port, "Flyte 2", "--flyte2-port") from None
            with ExitStack() as resources:  # closed when a part cannot be made, else by `Parts.stop`
                resources.callback(lock.close)
                return self._assemble(
                    layout,
                    resources,
                    grpc_server=grpc_server,
                    http_server=http_server,
                    flyte2_server=flyte2_server,
                    tokens=tokens,
                )
        except BaseException:
            grpc_server.stop()
            http_server.stop()
            if flyte2_server is not None:
                flyte2_server.stop()
            raise

    def _assemble(
        self,
        layout: Layout,
        resources: ExitStack,
        *,
        grpc_server: GrpcServer,
        http_server: HttpServer,
        flyte2_server: Flyte2Server | None,
        tokens: Tokens | None,
    ) -> Parts:
        from ..admin.context import Admin
        from ..blobs.storage import Storage
        from ..console.console import Console
        from ..console.urls import run_path
        from ..engine.engine import Engine
        from ..runner.archive import CodeCache
        from ..runner.context import RunnerContext
        from ..runner.fork import Forker
        from ..runner.process import Starter
        from ..runner.reaper import Reaper
        from ..store.database import Database

        shutil.rmtree(layout.work, ignore_errors=True)  # what a killed server left behind
        with usable(layout.root):
            layout.create()
            before = self.faults.outages.check_database
            database = resources.enter_context(closing(Database(layout.database, before)))
        admin = Admin.on(database, layout, self.faults, limits_by_number(self.task_limits))
        for project in self.projects:
            admin.projects.ensure(project)
        access = self.access
        storage = resources.enter_context(closing(Storage(layout, http_server.port, access)))
        reaper = resources.enter_context(closing(Reaper()))
        starter: Starter | Forker = Starter(reaper)
        if self.isolation == "fork":
            starter = Forker(layout.work, reaper)
        resources.callback(starter.close)
        if isinstance(starter, Forker):
            starter.prepare(self.images.common.python)
        runner = RunnerContext(
            layout=layout,
            code=CodeCache(layout.code),
            images=self.images,
            starter=starter,
            endpoint=f"{access.nearby}:{grpc_server.port}" if self.task_callbacks else "",
            kills=self.faults.task_kills,
            secrets=self.secrets,
            env={**storage.task_environment, **(task_login(access.auth) if self.task_callbacks else {})},
        )
        console_url = f"http://{access.host}:{http_server.port}"
        engine = Engine(
            admin=admin,
            layout=layout,
            runner=runner,
            parallelism=self.parallelism,
            stubs=self.stubs,
            connectors=self.connectors,
            clock=self.clock,
            catch_up=self.catch_up,
            stop_orphans=self.stop_orphans,
            cache=self.cache,
            run_url=lambda identifier: console_url + run_path(identifier),
            moves=self.engine,
            pickup=0.0 if self.prompt else _PICKUP,
        )
        serve(grpc_server, engine, layout, storage.signer)
        flyte2 = None
        if flyte2_server is not None:
            from ..console.flyte2 import log_path
            from ..flyte2.assembly import Flyte2

            flyte2 = Flyte2.assemble(
                flyte2_server,
                engine,
                layout=layout,
                signer=storage.signer,
                runner=runner,
                stubs=self.stubs,
                faults=self.faults,
                endpoint=f"{access.nearby}:{flyte2_server.port}",
                pickup=0.0 if self.prompt else _PICKUP,
                moves=self.engine,
                crash_limit=self.crash_limit,
                log_url=lambda action_id, attempt: console_url + log_path(action_id, attempt),
                auth=access.auth,
                token_server=console_url,
                clock=self.clock,
                catch_up=self.catch_up,
            )
        resources.callback(engine.stop)
        engine.start()
        routes = [*storage.routes, *login_routes(grpc_server, tokens, console_url)]
        if flyte2 is not None:
            from ..console.flyte2 import Flyte2Pages
            from ..console.literals import Literals

            pages = Flyte2Pages(flyte2.engine, layout, storage.signer, Literals(layout, storage.signer))
            routes.append(guarded(pages.route, access))
            flyte2.server.show_pages_at(console_url)
        http_server.start([*routes, guarded(Console(engine, storage.signer).route, access)])
        grpc_server.start()
        if flyte2 is not None:
            flyte2.start()
        return Parts(
            layout=layout,
            grpc=grpc_server,
            http=http_server,
            flyte2=flyte2,
            console_url=console_url,
            tokens=tokens,
            engine=engine,
            resources=resources.pop_all(),
        )


def _taken(error: OSError, host: str, port: int, what: str, option: str) -> PortTaken:
    if error.errno == errno.EADDRNOTAVAIL:
        return PortTaken(f"{host} is no address of this machine; choose another one with --listen")
    why = "may not be used by you" if error.errno == errno.EACCES else "is taken by another process"
    return PortTaken(f"port {port} ({what}) {why}; choose another one with {option}")
