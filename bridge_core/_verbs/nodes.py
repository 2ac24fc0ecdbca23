"""The verbs of both clients on the inside of runs, written out twice like the others: `client.py`, `async_client.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._blocking import iter_blocking, run_blocking

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import timedelta

    from .._operations import Operations
    from ..model.ids import RunRef
    from ..model.nodes import LogLine, LogLink, NodeSnapshot, SpanMetric

__all__ = ["AsyncNodeVerbs", "NodeVerbs"]


class NodeVerbs:
    """Of `Client`."""

    _ops: Operations

    def signal(
        self, ref: RunRef | str, signal_id: str, value: Any, *, timeout: float | timedelta | None = 60.0
    ) -> None:
        """Gives a gate of the run its value, waiting up to ``timeout`` seconds until the run reaches it.

        Raises:
            NotFound: The run ended, or did not reach such a gate in time.
            LiteralError: The gate wants another type.
        """
        run_blocking(self._ops.nodes.signal(self._ops.run(ref), signal_id, value, timeout=timeout))

    def nodes(self, ref: RunRef | str, *, attempts: bool = False, follow: bool = False) -> tuple[NodeSnapshot, ...]:
        """The nodes of the run as a tree, in the order of the workflow: one call per parent node, however many leaves.

        Args:
            ref: The run.
            attempts: Also fetch the attempts with their errors and log links: one more call per node.
            follow: Also fetch the nodes of runs that launch-plan nodes started, as their children.
        """
        return run_blocking(self._ops.nodes.nodes(self._ops.run(ref), attempts=attempts, follow=follow))

    def logs(self, ref: RunRef | str, *, node: str | None = None) -> list[LogLink]:
        """Log links of one node (id or name); without one, of the failed nodes, or of all when none failed."""
        return run_blocking(self._ops.logs.logs(self._ops.run(ref), node=node))

    def tail_logs(self, ref: RunRef | str, *, node: str | None = None, attempt: int | None = None) -> Iterator[LogLine]:
        """Lines of the log of a node's attempt, as they come, until the attempt ended. Flyte 2 only.

        Args:
            ref: The run.
            node: Id or name of an action of it. None: the run's own task.
            attempt: Number of one try, 0 for the first. None: the last.

        Raises:
            Unsupported: This Flyte keeps links only, see `logs`.
            NotFound: There is no such attempt, or its pod is gone.
        """
        return iter_blocking(self._ops.nodes.tail(self._ops.run(ref), node=node, attempt=attempt))

    def deck(self, ref: RunRef | str, *, node: str | None = None) -> str:
        """HTML of a node's deck; the node may be left out when only one has a deck."""
        return run_blocking(self._ops.nodes.deck(self._ops.run(ref), node=node))

    def metrics(self, ref: RunRef | str) -> SpanMetric:
        """Where the time of the run went."""
        return run_blocking(self._ops.nodes.metrics(self._ops.run(ref)))


class AsyncNodeVerbs:
    """Of `AsyncClient`; their docstrings are above."""

    _ops: Operations

    async def signal(
        self, ref: RunRef | str, signal_id: str, value: Any, *, timeout: float | timedelta | None = 60.0
    ) -> None:
        """Gives a gate of the run its value, waiting up to ``timeout`` seconds until the run reaches it."""
        await self._ops.nodes.signal(self._ops.run(ref), signal_id, value, timeout=timeout)

    async def nodes(
        self, ref: RunRef | str, *, attempts: bool = False, follow: bool = False
    ) -> tuple[NodeSnapshot, ...]:
        """The nodes of the run as a tree, in the order of the workflow: one call per parent node, however many leaves."""
        return await self._ops.nodes.nodes(self._ops.run(ref), attempts=attempts, follow=follow)

    async def logs(self, ref: RunRef | str, *, node: str | None = None) -> list[LogLink]:
        """Log links of one node (id or name); without one, of the failed nodes, or of all when none failed."""
        return await self._ops.logs.logs(self._ops.run(ref), node=node)

    def tail_logs(
        self, ref: RunRef | str, *, node: str | None = None, attempt: int | None = None
    ) -> AsyncIterator[LogLine]:
        """Lines of the log of a node's attempt, as they come, until the attempt ended. Flyte 2 only."""
        return self._ops.nodes.tail(self._ops.run(ref), node=node, attempt=attempt)

    async def deck(self, ref: RunRef | str, *, node: str | None = None) -> str:
        """HTML of a node's deck; the node may be left out when only one has a deck."""
        return await self._ops.nodes.deck(self._ops.run(ref), node=node)

    async def metrics(self, ref: RunRef | str) -> SpanMetric:
        """Where the time of the run went."""
        return await self._ops.nodes.metrics(self._ops.run(ref))
