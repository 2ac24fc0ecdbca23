"""`Storage`: what a running sandbox has around its blobs: signed URLs, and the object server when native URLs are ``s3://``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..web.server import Route
from .files import SignedFiles
from .forward import METHODS, Forwarder
from .signing import Signer

if TYPE_CHECKING:
    from pathlib import Path

    from ..auth.access import Access
    from ..model.layout import Layout
    from .s3 import ObjectServer

__all__ = ["Storage"]


class Storage:
    """Routes of the HTTP server for blobs, and what tasks must know to reach them.

    Args:
        layout: Where blobs lie; its bucket decides whether there is an object server.
        port: Port of the HTTP server.
        access: By which names it is reached, and the secret of its objects.

    Raises:
        StorageUnavailable: Objects were asked for and there is no program to serve them.
    """

    def __init__(self, layout: Layout, port: int, access: Access) -> None:
        # The name is part of what other people's tests compare: Flyte's sandbox says localhost for its objects.
        host = "localhost" if layout.bucket is not None and access.is_local else access.host
        self._layout = layout
        self.signer = Signer(f"http://{host}:{port}")
        self.task_environment: dict[str, str] = {}
        signed = SignedFiles(layout, self.signer, self._store)
        self.routes = [
            Route(
                lambda exchange: "signature=" in exchange.query or exchange.method == "PUT",
                signed.answer,
                ("GET", "HEAD", "PUT"),
            )
        ]
        self._server: ObjectServer | None = None
        if layout.bucket is not None:
            from .s3 import SECRET_KEY, ObjectServer, task_environment

            secret = access.token or SECRET_KEY
            self._server = ObjectServer(layout, secret)
            forwarder = Forwarder(self._server.socket)
            self.routes.insert(0, Route(forwarder.wants, forwarder.answer, METHODS))
            layout.write_with(self._write)
            self.task_environment = task_environment(f"http://{access.nearby}:{port}", secret)

    def _store(self, path: Path, upload: Path) -> None:
        """Puts an upload where it belongs."""
        if self._server is None or not path.is_relative_to(self._layout.buckets.resolve()):
            path.parent.mkdir(parents=True, exist_ok=True)
            upload.replace(path)
            return
        with upload.open("rb") as body:
            self._server.put(str(path.relative_to(self._layout.buckets.resolve())), body, upload.stat().st_size)

    def _write(self, path: Path, data: bytes) -> None:
        assert self._server is not None
        self._server.put(str(path.relative_to(self._layout.buckets)), data, len(data))

    def close(self) -> None:
        """Ends the object server."""
        if self._server is not None:
            self._server.close()
