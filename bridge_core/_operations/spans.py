"""The verb that makes spans of a run's nodes. Nothing is asked when nobody would see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..diagnosis.spans import export_nodes, run_span
from ..model.errors import InvalidRequest
from ..model.runs import RunSnapshot
from ..model.text_forms import run_of

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..model.ids import RunRef
    from .nodes import NodeOperations

__all__ = ["SpanOperations"]


class SpanOperations:
    """Runs as traces."""

    def __init__(self, backend: Backend, config: Config, nodes: NodeOperations) -> None:
        self._backend = backend
        self._config = config
        self._nodes = nodes

    async def trace_nodes(self, what: RunRef | str | RunSnapshot) -> int:
        """How many spans of nodes were made."""
        run = what if isinstance(what, RunSnapshot) else await self._backend.describe(run_of(what, self._config))
        if not run.phase.is_terminal:
            raise InvalidRequest(
                f"trace of run {run.ref} ({run.phase.value}): spans are made of runs that ended; wait for it"
            )
        with run_span(run) as span:
            return 0 if span is None else export_nodes(span, await self._nodes.nodes(run.ref, follow=True), run)
