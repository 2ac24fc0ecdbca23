"""Which service answers a path, and what is said where there is none (in the words of Go's mux).

Whatever is answered without looking at the body reads it first: hypercorn would otherwise take the rest of it for a fault of the
client and close the HTTP/2 connection with all its streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from .service import Service

__all__ = ["Routes"]

_PLAIN = {
    "/healthz": (200, b"OK"),
    "/readyz": (200, b"OK"),
    "/.well-known/oauth-authorization-server": (
        501,
        b"unimplemented: oauth2 metadata is not configured; set runs.authMetadata.externalAuthServerBaseUrl\n",
    ),
}
_PAGES = "/v2/"
_NOWHERE = (404, b"404 page not found\n")


class Routes:
    """The ASGI application of the whole server."""

    def __init__(self) -> None:
        self._services: dict[str, Service] = {}
        self.console = ""
        """Where the pages of runs are, ``http://HOST:PORT``; empty for nowhere."""

    def add(self, service: Service) -> None:
        """Serves a service."""
        self._services.update(dict.fromkeys(service.paths, service))

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[MutableMapping[str, Any]]],
        send: Callable[[MutableMapping[str, Any]], Awaitable[None]],
    ) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        service = self._services.get(path)
        if service is not None and scope["method"] != "OPTIONS":
            await service(scope, receive, send)  # type: ignore[arg-type]
            return
        while (await receive()).get("more_body"):
            pass
        status, body = (204, b"") if service is not None else _PLAIN.get(path, _NOWHERE)
        if self.console and path.startswith(_PAGES):
            place = f"{self.console}{path}".encode()
            await send({"type": "http.response.start", "status": 307, "headers": [(b"location", place)]})
            await send({"type": "http.response.body", "body": b""})
            return
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
