"""Array nodes: one task (or launch plan) for each item of the input lists.

After flytepropeller ``pkg/controller/nodes/array/handler.go`` of release 1.16: a mapped task gets the whole lists and its index
in the environment, whatever ``data_mode`` and ``is_original_sub_node_interface`` say, of which that release knows nothing.
What is filled into its command line, and what it is cached by, are the values of the item.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from flyteidl.core import literals_pb2

from ..model.literals import loaded, none_literal
from ..model.outcome import Cancelled, Done, Dynamic, Failure, Outcome, unsupported
from .array_errors import no_dynamic, summary
from .array_records import ItemRecords
from .array_resume import ended_items, next_attempt
from .launch_plan import abort_child, launch_child
from .node import NodeRun
from .task import TaskRun, task_of

if TYPE_CHECKING:
    from .recorder import TaskRecord

__all__ = ["ArrayNode"]


class ArrayNode(NodeRun):
    """All items of one array. Exactly one task execution tells how each attempt of each item is doing, as clients expect."""

    is_array = True
    counted = True

    def begin(self) -> None:
        """Cuts the inputs and starts as many items as may run at once."""
        array = self.node.array_node
        self._array = array
        self._bound = set(getattr(array, "bound_inputs", ()))
        self._size = self._length()
        self._results: list[Any] = [None] * self._size
        self._errors: dict[int, Failure] = {}
        self._running: dict[int, TaskRun | None] = {}
        self._children: dict[int, Any] = {}
        self._next = 0
        self._need = self._size
        criteria = array.WhichOneof("success_criteria")
        if criteria == "min_successes":
            self._need = array.min_successes
        elif criteria == "min_success_ratio":
            # As it is there: the ratio is a 32-bit float, and 0.6 of 10 items are 7.
            self._need = math.ceil(array.min_success_ratio * self._size)
        before = self.run.history.attempts(self.unique_id)
        record = self.run.context.recorder.resumed_task(before[0]) if before else self._begin_record()
        self._items = None if record is None else ItemRecords(record, self.run.id.name, self.unique_id)
        if self._items is not None and not before:
            self._items.begin(self._size)
        self._ended_items = dict(ended_items(self, before[0])) if before else {}
        self._fill()

    def stop(self) -> None:
        """Stops the items that run; the end follows the last of them."""
        if not hasattr(self, "_running"):
            self.end(Cancelled(self.reason))
            return
        self._stop_items()
        self._fill()

    def leave_inside(self) -> None:
        """Lets the items go on by themselves."""
        for task in getattr(self, "_running", {}).values():
            if task is not None:
                task.leave()

    def unbound(self) -> None:
        """Without inputs it is aborted before it began, and that has a record."""
        self._array = self.node.array_node
        record = self._begin_record()
        if record is not None:
            record.ended(Cancelled())

    def _stop_items(self) -> None:
        for task in list(self._running.values()):
            if task is not None:
                task.cancel()
        for child in self._children.values():
            abort_child(self, child)

    def _length(self) -> int:
        lengths: list[int] = []
        for name in list(self.inputs.literals):
            literal = loaded(self.inputs.literals[name], self.run.context.layout.local)
            self.inputs.literals[name].CopyFrom(literal)
            if name not in self._bound and literal.WhichOneof("value") == "collection":
                lengths.append(len(literal.collection.literals))
        if not lengths:
            if self._bound and len(self._bound) == len(self.inputs.literals):
                return 1  # nothing is left to map over
            raise Failure("InvalidArrayLength", "no input array provided")
        for other in lengths:
            if other != lengths[0]:
                text = f"input arrays have different lengths: expecting '{lengths[0]}' found '{other}'"
                raise Failure("InvalidArrayLength", text)
        return lengths[0]

    def _begin_record(self) -> TaskRecord | None:
        inner = self._array.node
        if inner.WhichOneof("target") != "task_node":
            return None
        inputs = self.inputs if self.inputs is not None else literals_pb2.LiteralMap()
        record = self.run.context.recorder.task(self.record, task_of(self, inner), 0, inputs)
        record.message.closure.task_type = "container_array"  # array/event_recorder.go
        record.message.closure.metadata.plugin_identifier = "k8s-array"
        return record

    def _fill(self) -> None:
        limit = self._array.parallelism or self._size
        while not self._stopping and self._next < self._size and len(self._running) < limit:
            self._next += 1
            self._start(self._next - 1)
        if not self._running and (self._stopping or self._next == self._size):
            self._finish()

    @property
    def _stopping(self) -> bool:
        return self.cancelled or len(self._errors) > self._size - self._need

    def _start(self, index: int) -> None:
        inner = self._array.node
        target = inner.WhichOneof("target")

        def ended(outcome: Outcome | Dynamic) -> None:
            self.run.post(lambda: self._item_ended(index, outcome))

        self._running[index] = None
        if index in self._ended_items:
            ended(self._ended_items.pop(index))
            return
        if target == "task_node":
            items = self._items
            assert items is not None
            task = TaskRun(
                self,
                inner,
                self.inputs,
                ended,
                item=index,
                item_inputs=self._item_inputs(index),
                listener=lambda attempt, phase: items.attempt(index, attempt, phase),
                attempt=next_attempt(self, index) if self.run.resumed else 0,
            )
            self._running[index] = task
            task.start()
        elif target == "workflow_node":
            plan = inner.workflow_node.launchplan_ref
            try:
                self._children[index] = launch_child(
                    self, plan, self._item_inputs(index), f"{self.unique_id}-n{index}", ended
                )
            except Failure as failure:
                ended(failure)
        else:
            ended(unsupported(f"array node {self.node.id!r} over a {target}"))

    def _item_inputs(self, index: int) -> Any:
        literals = {}
        for name, literal in self.inputs.literals.items():
            cut = name not in self._bound and literal.WhichOneof("value") == "collection"
            literals[name] = literal.collection.literals[index] if cut else literal
        return literals_pb2.LiteralMap(literals=literals)

    def _item_ended(self, index: int, outcome: Outcome | Dynamic) -> None:
        task = self._running.pop(index)
        self._children.pop(index, None)
        if isinstance(outcome, Dynamic):
            outcome = no_dynamic(task_of(self, self._array.node).id.name)
        if self._items is not None and task is not None:
            self._items.ended(index, task.attempt, outcome, task.cache_status)
        if isinstance(outcome, Done):
            self._results[index] = outcome.outputs
        elif isinstance(outcome, Failure):
            self._errors[index] = outcome
            if self._stopping:
                self._stop_items()
        self._fill()

    def _finish(self) -> None:
        outcome: Outcome
        if self.cancelled:
            outcome = Cancelled(self.reason)
        elif len(self._errors) > self._size - self._need:
            outcome = summary(self._errors)
        else:
            outcome = Done(self._outputs())
        if self._items is not None:
            uri = self.run.context.layout.native(self.output_prefix / "outputs.pb")
            self._items.record.ended(outcome, uri)
        self.end(outcome)

    def _outputs(self) -> Any:
        """Lists of the items' outputs, None in the place of failed items; an empty array still has its outputs."""
        names = {name for result in self._results if result is not None for name in result.literals}
        if self._array.node.WhichOneof("target") == "task_node":
            names |= set(task_of(self, self._array.node).interface.outputs.variables)
        outputs = literals_pb2.LiteralMap()
        for name in names:
            items = [none_literal() if one is None else one.literals[name] for one in self._results]
            outputs.literals[name].collection.literals.extend(items)
            outputs.literals[name].collection.SetInParent()
        return outputs
