"""Signed PUT and GET: one file goes into the storage or comes out of it, whole or not at all."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..model.layout import Layout
    from ..web.server import Exchange
    from .signing import Signer, Ticket

__all__ = ["SignedFiles"]

_CHUNK = 1 << 20
# Decks are whatever a task wrote: they may run scripts, but not as this origin and without the network.
_DECK_POLICY = "sandbox allow-scripts; default-src 'unsafe-inline' 'unsafe-eval' data:"


class SignedFiles:
    """Answers requests that carry a signature of ours.

    Args:
        layout: Where files lie.
        signer: Checks the URLs.
        store: Puts a finished upload where it belongs, or raises OSError.
    """

    def __init__(self, layout: Layout, signer: Signer, store: Callable[[Path, Path], None]) -> None:
        self._store = store
        self._layout = layout
        self._signer = signer

    def answer(self, exchange: Exchange) -> None:
        """Stores or sends the file that a valid URL names."""
        ticket = self._signer.check(exchange.method, exchange.target)
        if ticket is None:
            exchange.refuse(403, "bad or expired signature")
            return
        path = self._layout.of_url_path(ticket.path)
        if path is None:
            exchange.refuse(400, "no such place")
        elif exchange.method == "PUT":
            self._put(exchange, path, ticket)
        else:
            _get(exchange, path)

    def _put(self, exchange: Exchange, path: Path, ticket: Ticket) -> None:
        wrong = [name for name in ticket.headers if exchange.headers.get(name) != ticket.md5]
        if wrong:  # S3 says the same of a signed header that is not sent as it was signed
            exchange.refuse(403, f"SignatureDoesNotMatch: the URL wants {wrong[0]}: {ticket.md5}")
            return
        length = exchange.headers.get("Content-Length", "")
        if not length.isdecimal():
            exchange.refuse(400, "Content-Length is required")
            return
        try:
            wanted = {value for value in (ticket.md5, exchange.headers.get("Content-MD5", "")) if value}
            self._receive(exchange, path, int(length), wanted)
        except ValueError as error:
            exchange.refuse(400, str(error))
        except (OSError, RecursionError) as error:  # the latter from directories nested too deep
            exchange.refuse(500, f"cannot store: {error}")
        else:
            exchange.answer(200, b"", "text/plain")

    def _receive(self, exchange: Exchange, path: Path, length: int, wanted: set[str]) -> None:
        temporary = self._layout.work / f"upload-{secrets.token_hex(8)}.part"
        digest = hashlib.md5(usedforsecurity=False)
        try:
            with temporary.open("wb") as file:
                while length > 0:
                    chunk = exchange.input.read(min(length, _CHUNK))
                    if not chunk:
                        raise ValueError("the upload ended early")
                    file.write(chunk)
                    digest.update(chunk)
                    length -= len(chunk)
            found = base64.b64encode(digest.digest()).decode()
            if wanted - {found}:
                raise ValueError(f"Content-MD5 does not match: got {found}, wanted {' and '.join(sorted(wanted))}")
            self._store(path, temporary)
        finally:
            with contextlib.suppress(FileNotFoundError):
                temporary.unlink()


def _get(exchange: Exchange, path: Path) -> None:
    if not path.is_file():
        exchange.refuse(404, "no such file")
        return
    html = path.suffix == ".html"
    kind = "text/html; charset=utf-8" if html else "application/octet-stream"
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        exchange.head(200, {"Content-Type": kind, "Content-Length": str(size), "Content-Security-Policy": _DECK_POLICY})
        if exchange.method != "HEAD":
            shutil.copyfileobj(file, exchange.output, _CHUNK)
