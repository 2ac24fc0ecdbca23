"""The parts of a started sandbox: which services its gRPC server has, and in which order everything ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .blobs.http import HttpServer
    from .blobs.signing import Signer
    from .engine.engine import Engine
    from .layout import Layout
    from .services.server import GrpcServer
    from .store.entities import Entities

__all__ = ["Parts", "serve"]


class _Closing(Protocol):
    def close(self) -> None: ...


class Parts:
    """The parts of a started sandbox, and what is closed after them."""

    def __init__(
        self,
        *,
        layout: Layout,
        grpc: GrpcServer,
        http: HttpServer,
        console_url: str,
        engine: Engine,
        closing: Iterable[_Closing],
    ) -> None:
        self.layout = layout
        self.grpc = grpc
        self.http = http
        self.console_url = console_url
        self._engine = engine
        self._closing = closing

    def stop(self) -> None:
        """Servers first, so that nothing new begins; then the engine with its processes; then what they used."""
        self.grpc.stop()
        self.http.stop()
        self._engine.stop()
        for resource in self._closing:
            resource.close()


def serve(server: GrpcServer, entities: Entities, engine: Engine, layout: Layout, signer: Signer) -> None:
    """Puts the services on the server. AuthMetadataService is absent, as on a cluster without authentication."""
    from flyteidl.service import admin_pb2, dataproxy_pb2, identity_pb2, signal_pb2

    from .services.flyte1.dataproxy import DataProxyHandlers
    from .services.flyte1.entities import EntityHandlers
    from .services.flyte1.executions import ExecutionHandlers
    from .services.flyte1.identity import IdentityHandlers
    from .services.flyte1.nodes import NodeHandlers
    from .services.flyte1.signals import SignalHandlers

    admin = (EntityHandlers(engine.database, entities), ExecutionHandlers(engine), NodeHandlers(engine))
    server.add(admin_pb2.DESCRIPTOR.services_by_name["AdminService"], *admin)
    data_proxy = DataProxyHandlers(layout, signer, entities)
    server.add(dataproxy_pb2.DESCRIPTOR.services_by_name["DataProxyService"], data_proxy)
    server.add(signal_pb2.DESCRIPTOR.services_by_name["SignalService"], SignalHandlers(engine))
    server.add(identity_pb2.DESCRIPTOR.services_by_name["IdentityService"], IdentityHandlers())
