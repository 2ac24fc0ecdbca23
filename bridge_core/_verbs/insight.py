"""The verbs of both clients that tell what would happen, and why something did; written out twice like the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._blocking import run_blocking

if TYPE_CHECKING:
    from .._operations import Operations
    from ..diagnosis.explanation import Explanation
    from ..model.ids import RunRef
    from ..model.runs import RunSnapshot

__all__ = ["AsyncInsightVerbs", "InsightVerbs"]


class InsightVerbs:
    """Of `Client`."""

    _ops: Operations

    def explain(self, ref: RunRef | str | RunSnapshot, *, compare_inputs: bool = True) -> Explanation:
        """Why a run ended badly, or what it waits for: node, kind, attempts, logs, and what to do about it.

        Follows the runs that launch plan nodes started. A handful of calls, whatever the size of the run; what cannot be asked
        is a sentence in ``unknown`` and no error.

        Args:
            ref: The run; a snapshot of it, as `describe` or `wait` gave it, saves the question for one.
            compare_inputs: Whether the last run of the same entity that succeeded is looked for, and the names of the inputs
                that differ: one list and the inputs of both runs.

        Raises:
            RunNotFound: No such run.
            Unavailable: The run itself could not be asked about.
        """
        return run_blocking(self._ops.explaining.explain(ref, compare_inputs=compare_inputs))


class AsyncInsightVerbs:
    """Of `AsyncClient`; their docstrings are above."""

    _ops: Operations

    async def explain(self, ref: RunRef | str | RunSnapshot, *, compare_inputs: bool = True) -> Explanation:
        """Why a run ended badly, or what it waits for: node, kind, attempts, logs, and what to do about it."""
        return await self._ops.explaining.explain(ref, compare_inputs=compare_inputs)
