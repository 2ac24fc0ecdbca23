"""Log links of a run's nodes. Flyte keeps links, not the text: that is where the cluster puts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.arguments import texts
from ..model.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..backends.base import Backend
    from ..model.ids import RunRef
    from ..model.nodes import LogLink, NodeSnapshot

__all__ = ["LogOperations"]


class LogOperations:
    """The verb on logs."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def logs(self, ref: RunRef, *, node: str | None = None) -> list[LogLink]:
        """Log links of one node, or of the failed nodes, or, when none failed, of all."""
        texts(node=node)
        tree = await self._backend.nodes.tree(ref)
        every = [item for top in tree for item in top.walk() if not item.children]
        if node is not None:
            chosen = [item for item in every if node in (item.id, item.name)]
            if not chosen:
                names = ", ".join(item.id for item in every) or "none"
                raise NotFound(f"run {ref} has no node {node!r} with logs; it has {names}")
        else:
            chosen = [item for item in every if item.phase in ("FAILED", "TIMED_OUT")] or every
        return [log for item in chosen for log in await self._logs_of(ref, item)]

    async def _logs_of(self, ref: RunRef, node: NodeSnapshot) -> Iterable[LogLink]:
        """Of a node that started a run: the logs of that run."""
        if node.child_run is not None:
            return await self.logs(node.child_run)
        return [log for attempt in await self._backend.nodes.attempts(ref, node.id) for log in attempt.logs]
