"""The parts of a started sandbox: which services its gRPC server has, and in which order everything ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contextlib import ExitStack

    from ..auth.access import Access, Auth
    from ..auth.tokens import Tokens
    from ..blobs.signing import Signer
    from ..engine.engine import Engine
    from ..flyte2.assembly import Flyte2
    from ..model.layout import Layout
    from ..services.server import GrpcServer
    from ..web.server import HttpServer, Route

__all__ = ["Parts", "guarded", "login_routes", "serve", "task_login"]


class Parts:
    """The parts of a started sandbox, and what is closed after its servers, the last that was opened first."""

    def __init__(
        self,
        *,
        layout: Layout,
        grpc: GrpcServer,
        http: HttpServer,
        flyte2: Flyte2 | None,
        console_url: str,
        tokens: Tokens | None,
        engine: Engine,
        resources: ExitStack,
    ) -> None:
        self.layout = layout
        self.grpc = grpc
        self.http = http
        self.flyte2 = flyte2
        self.console_url = console_url
        self.tokens = tokens
        self.engine = engine
        self._resources = resources

    def stop(self) -> None:
        """Servers first, so that nothing new begins; then the engine with its processes; then what they used."""
        self.grpc.stop()
        if self.flyte2 is not None:
            self.flyte2.server.stop()
        self.http.stop()
        self._resources.close()


def serve(server: GrpcServer, engine: Engine, layout: Layout, signer: Signer) -> None:
    """Puts the services on the server. Those about users and logging in join them where tokens are asked for."""
    from flyteidl.service import admin_pb2, dataproxy_pb2, signal_pb2

    from ..services.flyte1.attributes import AttributeHandlers
    from ..services.flyte1.dataproxy import DataProxyHandlers
    from ..services.flyte1.descriptions import DescriptionHandlers
    from ..services.flyte1.entities import EntityHandlers
    from ..services.flyte1.events import EventHandlers
    from ..services.flyte1.executions import ExecutionHandlers
    from ..services.flyte1.metrics import MetricsHandlers
    from ..services.flyte1.names import NameHandlers
    from ..services.flyte1.nodes import NodeHandlers
    from ..services.flyte1.projects import ProjectHandlers
    from ..services.flyte1.signals import SignalHandlers

    admin = engine.admin
    of_entities = (
        ProjectHandlers(admin),
        EntityHandlers(admin, engine.scheduler),
        NameHandlers(admin),
        DescriptionHandlers(admin),
        AttributeHandlers(admin),
    )
    of_runs = (ExecutionHandlers(admin, engine), NodeHandlers(admin), MetricsHandlers(admin), EventHandlers(admin))
    server.add(admin_pb2.DESCRIPTOR.services_by_name["AdminService"], *of_entities, *of_runs)
    data_proxy = DataProxyHandlers(admin, layout, signer)
    server.add(dataproxy_pb2.DESCRIPTOR.services_by_name["DataProxyService"], data_proxy)
    server.add(signal_pb2.DESCRIPTOR.services_by_name["SignalService"], SignalHandlers(admin, engine))


def login_routes(server: GrpcServer, tokens: Tokens | None, base_url: str) -> list[Route]:
    """Puts the service that says how to log in on the gRPC server; the token endpoint's routes."""
    if tokens is None:
        return []
    from flyteidl.service import auth_pb2, identity_pb2

    from ..auth.endpoint import TokenEndpoint
    from ..auth.metadata import AuthMetadataHandlers
    from ..services.flyte1.identity import IdentityHandlers

    server.add(identity_pb2.DESCRIPTOR.services_by_name["IdentityService"], IdentityHandlers())
    server.add(auth_pb2.DESCRIPTOR.services_by_name["AuthMetadataService"], AuthMetadataHandlers(tokens.auth, base_url))
    return TokenEndpoint(tokens, base_url).routes


def guarded(route: Route, access: Access) -> Route:
    """The route, behind the token when there is one."""
    if access.token is None:
        return route
    from ..auth.endpoint import gated

    return gated(route, access.token)


def task_login(auth: Auth | None) -> dict[str, str]:
    """What flytekit in an eager task reads to log in where it calls back."""
    if auth is None:
        return {}
    return {
        "FLYTE_CREDENTIALS_AUTH_MODE": "ClientSecret",
        "FLYTE_CREDENTIALS_CLIENT_ID": auth.client_id,
        "FLYTE_CREDENTIALS_CLIENT_SECRET_ENV_VAR": "FLYTE_SANDBOX_CLIENT_SECRET",
        "FLYTE_SANDBOX_CLIENT_SECRET": auth.client_secret,
    }
