"""The seam between the core and the world: everything a verb may await is here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

from ..model.errors import ConfigError

__all__ = ["Metadata", "Method", "Transport", "check_speech", "status_of"]

Req = TypeVar("Req")
Resp = TypeVar("Resp")
P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Method(Generic[Req, Resp]):
    """One RPC: unary, or a server stream.

    Attributes:
        path: ``/package.Service/Method``.
        encode: Request -> bytes.
        decode: Bytes -> response.
        safe: Whether sending the identical request twice cannot do anything twice.
    """

    path: str
    encode: Callable[[Req], bytes]
    decode: Callable[[bytes], Resp]
    safe: bool

    @property
    def name(self) -> str:
        """``Method`` alone, for messages."""
        return self.path.rpartition("/")[2]


class Transport(Protocol):
    """Everything the core may await. Two implementations: blocking and aio."""

    @property
    def target(self) -> str:
        """Whom calls go to, ``host:port``."""
        ...

    async def unary(self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata) -> Resp:
        """One attempt of one call. Every failure is a `BridgeError`; grpc's own never get past here."""
        ...

    def stream(
        self, method: Method[Req, Resp], request: Req, *, timeout: float, metadata: Metadata
    ) -> AsyncIterator[Resp]:
        """One attempt of one server stream. That it ended well says nothing about what it told of: see `connect.py`."""
        ...

    @property
    def protocol(self) -> str:
        """What calls are sent in: ``grpc`` or ``connect``."""
        ...

    def speak(self, protocol: str) -> None:
        """Calls that begin from now on are sent so."""
        ...

    def spoken(self, protocol: str) -> Transport:
        """Another one like this, that speaks so; `release` it."""
        ...

    async def release(self) -> None:
        """Closes what it opened."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        ...

    async def run_io(self, func: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs blocking I/O (files, HTTP) where it may block."""
        ...

    async def map_io(self, func: Callable[[A], T], items: Sequence[A]) -> list[T]:
        """Runs blocking I/O for several items at once; results in order; the first error is raised."""
        ...

    async def map_calls(self, func: Callable[[A], Awaitable[T]], items: Sequence[A], *, limit: int) -> list[T]:
        """Awaits it for several items, at most `limit` at once; results in order. The first error ends the rest and is raised."""
        ...

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def chance(self) -> float:
        """A random number from 0 to 1, for jitter."""
        ...


def check_speech(protocol: str, *, credentials: bool) -> None:
    """Refuses what would silently be left out.

    Raises:
        ConfigError: The caller brought gRPC's credentials, and calls are to go over Connect.
    """
    if protocol == "connect" and credentials:
        raise ConfigError(
            "credentials= are gRPC's, and calls go over Connect here (transport='connect', or Flyte answers nothing else): "
            "describe TLS in the Config (ca_cert_file, client_cert_file, client_key_file) instead"
        )


def status_of(error: Any) -> tuple[str, str]:
    """Status name and text of a ``grpc.RpcError``."""
    code = error.code() if callable(getattr(error, "code", None)) else None
    details = error.details() if callable(getattr(error, "details", None)) else None
    return (code.name if code is not None else "UNKNOWN"), (details or str(error))
