"""Why a run ended badly: asks for what `bridge_core.diagnosis` judges. A few calls, whatever the size of the run.

The run, its nodes, the attempts of the one that is to blame; then, when that is wanted, the last success of the same entity and
both runs' inputs. What cannot be asked is told in the answer (`Explanation.unknown`), because the rest is worth having: nobody
who asks why a run failed is helped by an error about a list.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..diagnosis.blame import blamed
from ..diagnosis.explanation import Explanation
from ..diagnosis.kinds import FailureKind, kind_of
from ..diagnosis.waits import of_node, of_run, waited_long
from ..model.arguments import flags
from ..model.errors import BridgeError
from ..model.graph import WorkflowNode
from ..model.ids import EntityKind
from ..model.phases import RunPhase
from ..model.run_query import RunQuery
from ..model.runs import RunSnapshot
from ..model.text_forms import run_of

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..diagnosis.blame import Blamed
    from ..diagnosis.waits import Wait
    from ..model.ids import EntityRef, RunRef
    from ..model.nodes import Attempt, LogLink
    from .data import DataOperations

__all__ = ["ExplainOperations"]

_DEEPEST = 10
"""Runs within runs that are followed."""


class ExplainOperations:
    """The verb that says why."""

    def __init__(self, backend: Backend, config: Config, data: DataOperations) -> None:
        self._backend = backend
        self._config = config
        self._data = data

    async def explain(self, what: RunRef | str | RunSnapshot, *, compare_inputs: bool = True) -> Explanation:
        """Why a run is as it is.

        Args:
            what: The run; a snapshot of it saves the question for one.
            compare_inputs: Whether the last success of the same entity is looked for, and its inputs compared.

        Raises:
            RunNotFound: There is no such run.
            BridgeError: The run itself could not be asked about.
        """
        flags(compare_inputs=compare_inputs)
        if isinstance(what, RunSnapshot):
            await self._backend.ready()
            snapshot = what
        else:
            snapshot = await self._backend.describe(run_of(what, self._config))
        if snapshot.phase.is_success:
            return Explanation(snapshot=snapshot, kind=FailureKind.NOTHING, waits=tuple(of_run(snapshot)))
        found = await self._of_run(snapshot, depth=0)
        # Of an abort the inputs are not to blame; and who could not be asked just now is left alone.
        if (
            compare_inputs
            and snapshot.phase.is_terminal
            and snapshot.phase is not RunPhase.ABORTED
            and not found.unknown
        ):
            found = await self._compared(found)
        return found

    async def _of_run(self, run: RunSnapshot, *, depth: int) -> Explanation:
        """Of one run, or of the run that made it fail."""
        unknown: list[str] = []
        blame: Blamed | None = None
        try:
            blame = blamed(run, await self._backend.nodes.tree(run.ref))
        except BridgeError as error:
            unknown.append(f"which node failed: {error.message}")
        waits = tuple(of_run(run))
        if blame is None:
            return self._judged(run, None, (), waits, unknown)
        if (child := blame.node.child_run) is not None and depth < _DEEPEST:
            try:
                inner = await self._of_run(await self._backend.describe(child), depth=depth + 1)
            except BridgeError as error:
                unknown.append(f"why run {child} of node {blame.node.id} failed: {error.message}")
            else:
                if inner.kind is not FailureKind.NOTHING or not run.phase.is_terminal:
                    waited = (*waits, *of_node(blame.node, run))
                    return replace(inner, snapshot=run, waits=(*waited, *inner.waits))
        attempts: tuple[Attempt, ...] = ()
        try:
            attempts = await self._backend.nodes.attempts(run.ref, blame.node.id)
        except BridgeError as error:
            unknown.append(f"the attempts of node {blame.node.id}: {error.message}")
        blame = replace(blame, node=replace(blame.node, attempts=attempts))
        written = await self._written(run, blame)
        serialized = written is not None and await self._is_serialized(written.entity)
        gate = written is not None and written.kind == "gate"
        more = of_node(blame.node, run, gate=gate, serialized=serialized)
        task = attempts[-1].task if attempts else None if written is None else written.entity
        return self._judged(run, blame, attempts, (*waits, *more), unknown, task=task)

    def _judged(
        self,
        run: RunSnapshot,
        blame: Blamed | None,
        attempts: tuple[Attempt, ...],
        waits: tuple[Wait, ...],
        unknown: list[str],
        *,
        task: EntityRef | None = None,
    ) -> Explanation:
        """The parts put together."""
        node = None if blame is None else blame.node
        error = node.error if node is not None else None
        if error is None and attempts:
            error = attempts[-1].error
        error = error or run.error
        phase = run.phase if node is None or run.phase is RunPhase.ABORTED else node.phase
        going = not run.phase.is_terminal and phase != "FAILED"
        node_id = node.id if node is not None else None if run.error is None else run.error.node
        return Explanation(
            snapshot=run,
            kind=FailureKind.NOTHING if going else kind_of(phase, error),
            node=node_id,
            name=None if node is None else node.name,
            run=run.ref,
            items="" if error is None else error.text.items,
            task=task,
            error=error,
            attempts=attempts,
            abort_reason=run.abort_reason,
            logs=tuple(log for attempt in reversed(attempts) for log in _failed_first(attempt)),
            waits=waits,
            unknown=tuple(unknown),
        )

    async def _written(self, run: RunSnapshot, blame: Blamed) -> WorkflowNode | None:
        """What the workflow's author wrote where a node stands that was never tried; None when that is not known."""
        node, entity = blame.node, run.entity
        if node.attempts and (node.created_at is None or node.started_at is None or not waited_long(node)):
            return None
        if entity is None:
            return None
        if entity.kind is EntityKind.TASK:
            return WorkflowNode(id=node.name, name=node.name, kind="task", entity=entity)
        try:
            interface = await self._backend.interface(entity)
            if interface.workflow is None:
                return None
            graph = await self._backend.graph(interface.workflow)
        except BridgeError:  # it is about a detail: what was never tried is told by its id then
            return None
        found: WorkflowNode | None = None
        for step in (*blame.parents, node):
            inside = graph.nodes if found is None or found.graph is None else found.graph.nodes
            found = next((item for item in inside if item.id == step.name), None)
            if found is None:
                return None
        return found

    async def _is_serialized(self, entity: EntityRef | None) -> bool:
        if entity is None or entity.kind is not EntityKind.TASK:
            return False
        try:
            task = (await self._backend.interface(entity)).task
        except BridgeError:
            return False
        return task is not None and task.cache_serialize

    async def _compared(self, found: Explanation) -> Explanation:
        """With the inputs that differ from those of the last success."""
        from ..literals import differing

        run = found.snapshot
        if run.entity is None:
            return found
        try:
            last = await self._last_success(run, run.entity)
            if last is None:
                return found
            now = await self._data.whole(await self._backend.stored_inputs(run.ref), f"the inputs of run {run.ref}")
            before = await self._data.whole(await self._backend.stored_inputs(last), f"the inputs of run {last}")
        except BridgeError as error:
            return replace(
                found, unknown=(*found.unknown, f"how its inputs differ from those of a success: {error.message}")
            )
        return replace(found, last_success=last, differing_inputs=differing(now, before))

    async def _last_success(self, run: RunSnapshot, entity: EntityRef) -> RunRef | None:
        by_task = entity.kind is EntityKind.TASK and self._backend.capabilities.flyte_version == 1
        query = RunQuery(
            phases=(RunPhase.SUCCEEDED,),
            entity=None if by_task else entity.name,
            where=(("task.name", "eq", entity.name),) if by_task else (),
            created_before=run.created_at,
        )
        async for one in self._backend.lists.runs(run.ref.project, run.ref.domain, query, 1):
            return one.ref
        return None


def _failed_first(attempt: Attempt) -> list[LogLink]:
    """Log links of an attempt; of the items of a map, those of the failed ones first."""

    def well(log: LogLink) -> bool:
        item = log.item
        return item is not None and (item >= len(attempt.items) or attempt.items[item] == "SUCCEEDED")

    return sorted(attempt.logs, key=well)
