"""A Flyte that asks for tokens: a gRPC server that checks them with the provider and hands good calls to a sandbox."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import grpc
from flyteidl.service import auth_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from .provider import Provider

_METADATA = "/flyteidl.service.AuthMetadataService/"


class GuardedFlyte(grpc.GenericRpcHandler):
    """See the module.

    Attributes:
        header: The metadata key that tokens come under.
        code: What a caller without a good token is answered.
        calls: ``(method, metadata)`` of every call, anonymous ones too.
        client_id: The public client that people log in with.
    """

    def __init__(
        self,
        backend: str,
        provider: Provider,
        *,
        tls: grpc.ServerCredentials | None = None,
        address: str = "127.0.0.1:0",
    ) -> None:
        self.header = "flyte-authorization"
        self.code = grpc.StatusCode.UNAUTHENTICATED
        self.calls: list[tuple[str, dict[str, str]]] = []
        self.client_id = "flytectl"
        self.proxy_token: str | None = None
        self.offers_metadata = True
        self.is_good: Callable[[str], bool] = provider.is_good
        self.issuer = provider.issuer
        self._lock = threading.Lock()
        self._backend = grpc.insecure_channel(backend)
        self._server = grpc.server(ThreadPoolExecutor(40), handlers=(self,), options=(("grpc.so_reuseport", 0),))
        self.port = (
            self._server.add_secure_port(address, tls) if tls is not None else self._server.add_insecure_port(address)
        )
        self.endpoint = f"127.0.0.1:{self.port}"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.callback = f"http://127.0.0.1:{free.getsockname()[1]}/callback"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(0.5).wait()
        self._backend.close()

    def methods(self) -> list[str]:
        """Names of the methods called so far."""
        with self._lock:
            return [method.rpartition("/")[2] for method, _ in self.calls]

    def tokens(self) -> list[str]:
        """Different tokens seen so far, in order."""
        with self._lock:
            seen = [metadata[self.header] for _, metadata in self.calls if self.header in metadata]
        return list(dict.fromkeys(token.removeprefix("Bearer ") for token in seen))

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        """Serves any method."""
        method, metadata = details.method, {pair[0]: pair[1] for pair in details.invocation_metadata}

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
            with self._lock:
                self.calls.append((method, metadata))
            if self.proxy_token and metadata.get("proxy-authorization") != f"Bearer {self.proxy_token}":
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "Received http2 header with status: 401")
            if method.startswith(_METADATA):
                return self._about(method, context)
            token = metadata.get(self.header, "").removeprefix("Bearer ")
            if not token or not self.is_good(token):
                context.abort(self.code, "token is not active" if token else "no token")
            try:
                send: Any = self._backend.unary_unary(method)
                return bytes(send(request, timeout=20))
            except grpc.RpcError as error:
                return context.abort(error.code(), error.details())

        return grpc.unary_unary_rpc_method_handler(answer)

    def _about(self, method: str, context: grpc.ServicerContext) -> bytes:
        if not self.offers_metadata:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "unknown service AuthMetadataService")
        issuer = self.issuer
        if method.endswith("GetPublicClientConfig"):
            return auth_pb2.PublicClientAuthConfigResponse(
                client_id=self.client_id,
                redirect_uri=self.callback,
                scopes=["openid", "offline_access", "all"],
                authorization_metadata_key=self.header,
                audience="https://flyte.example",
            ).SerializeToString()
        return auth_pb2.OAuth2MetadataResponse(
            issuer=issuer,
            token_endpoint=f"{issuer}/token",
            authorization_endpoint=f"{issuer}/auth",
            device_authorization_endpoint=f"{issuer}/device/auth",
        ).SerializeToString()
