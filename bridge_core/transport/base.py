"""The seam between the core and the world: everything a verb may await is here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

__all__ = ["Metadata", "Method", "Transport"]

Req = TypeVar("Req")
Resp = TypeVar("Resp")
P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Method(Generic[Req, Resp]):
    """One unary RPC.

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


def status_of(error: Any) -> tuple[str, str]:
    """Status name and text of a ``grpc.RpcError``."""
    code = error.code() if callable(getattr(error, "code", None)) else None
    details = error.details() if callable(getattr(error, "details", None)) else None
    return (code.name if code is not None else "UNKNOWN"), (details or str(error))
