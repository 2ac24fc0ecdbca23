"""What arrived over the wire: tests assert how often a client asked, and what exactly it sent."""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Call", "Calls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One RPC that was answered.

    Attributes:
        method: Name without its service, ``"CreateExecution"``.
        request: The request message.
        code: gRPC status name of the answer, ``"OK"``.
        details: The text that went with a failure.
        metadata: What the client sent along (``x-request-id``, ``authorization``, …); the last value of a repeated key.
    """

    method: str
    request: Any
    code: str
    details: str
    metadata: Mapping[str, str | bytes]


class Calls:
    """All calls so far, from any thread.

    Counts are exact; the requests themselves are kept for the newest ``keep`` calls only, so that a server that stays up
    for days does not collect megabytes of inputs.
    """

    def __init__(self, *, keep: int = 20_000) -> None:
        self._lock = threading.Lock()
        self._kept: deque[Call] = deque(maxlen=keep)
        self._counts: Counter[str] = Counter()

    def record(self, call: Call) -> None:
        """Adds one call; the gRPC server does this."""
        with self._lock:
            self._kept.append(call)
            self._counts[call.method] += 1

    def count(self, method: str | None = None) -> int:
        """How many calls of this method arrived, or of all methods."""
        with self._lock:
            return self._counts.total() if method is None else self._counts[method]

    def of(self, method: str) -> list[Call]:
        """The calls of one method, oldest first."""
        return [call for call in self if call.method == method]

    def counts(self) -> dict[str, int]:
        """Calls per method."""
        with self._lock:
            return dict(self._counts)

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._kept.clear()
            self._counts.clear()

    def __iter__(self) -> Iterator[Call]:
        with self._lock:
            return iter(list(self._kept))

    def __len__(self) -> int:
        return self.count()
