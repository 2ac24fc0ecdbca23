"""What a FlyteAdmin stands on and can lose: its database, its blob store, the Kubernetes it hands runs to.

with sandbox.faults.outage("database"):   # every call is answered as FlyteAdmin answers it then
    …

Only what clients ask for notices: runs that are going go on, as FlytePropeller does, and show what they did when it is over. The
texts are those of FlyteAdmin 1.16.8 with PostgreSQL, an S3 endpoint and the client of Kubernetes.
"""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..model.status import Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["BLOBS", "DATABASE", "KUBERNETES", "Outages"]

DATABASE, BLOBS, KUBERNETES = "database", "blobs", "kubernetes"
_ALL = (DATABASE, BLOBS, KUBERNETES)
_REFUSED = "connect: connection refused"


class Outages:
    """What is away at the moment, for calls of clients."""

    def __init__(self) -> None:
        self._away: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._thread = threading.local()

    @contextmanager
    def outage(self, what: str) -> Iterator[None]:
        """Takes a part away for the time of a ``with`` block.

        Args:
            what: ``"database"``, ``"blobs"`` or ``"kubernetes"``.
        """
        if what not in _ALL:
            raise ValueError(f"an outage is of one of {', '.join(map(repr, _ALL))}, got {what!r}")
        with self._lock:
            self._away[what] += 1
        try:
            yield
        finally:
            with self._lock:
                self._away[what] -= 1

    @contextmanager
    def serving(self) -> Iterator[None]:
        """This thread answers a client; the gRPC server says so."""
        self._thread.serving = True
        try:
            yield
        finally:
            self._thread.serving = False

    @property
    def is_serving(self) -> bool:
        """Whether this thread answers a client."""
        return getattr(self._thread, "serving", False)

    def away(self, what: str) -> bool:
        """Whether a part is away, as far as this thread is concerned."""
        return self._away[what] > 0 and self.is_serving

    def check_database(self) -> None:
        """Asked before each statement.

        Raises:
            Rejected: INTERNAL, the database is away.
        """
        if self.away(DATABASE):
            where = "127.0.0.1:5432"
            text = f"{where} (127.0.0.1): dial error: dial tcp {where}: {_REFUSED}"
            raise Rejected("INTERNAL", f"unexpected error type for: {text}")

    def check_kubernetes(self, verb: str, namespace: str, name: str = "") -> str:
        """Why Kubernetes cannot be asked to do something with a FlyteWorkflow object; empty when it can."""
        if not self.away(KUBERNETES):
            return ""
        path = f"/apis/flyte.lyft.com/v1alpha1/namespaces/{namespace}/flyteworkflows{'/' + name if name else ''}"
        return f'{verb} "http://127.0.0.1:6443{path}?timeout=30s": dial tcp 127.0.0.1:6443: {_REFUSED}'

    def check_blobs(self, verb: str, path: str) -> str:
        """Why the blob store cannot be asked; empty when it can."""
        if not self.away(BLOBS):
            return ""
        cause = f'{verb} "http://127.0.0.1:9000/{path}": dial tcp 127.0.0.1:9000: {_REFUSED}'
        return f"RequestError: send request failed\ncaused by: {cause}"
