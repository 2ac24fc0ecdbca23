"""Array nodes: one task (or launch plan) for each item of the input lists.

After flytepropeller ``pkg/controller/nodes/array/handler.go``: a mapped task gets the whole lists and its index in the
environment, unless the array says that items get inputs of their own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from flyteidl.core import execution_pb2, literals_pb2, workflow_pb2

from ..model.literals import loaded, none_literal
from ..model.outcome import CANCELLED, Cancelled, Done, Dynamic, Failure, Outcome, unsupported
from .array_errors import no_dynamic, summary
from .array_resume import ended_items, next_attempt
from .launch_plan import launch_child
from .node import NodeRun
from .task import TaskRun, task_of

if TYPE_CHECKING:
    from .recorder import TaskRecord

__all__ = ["ArrayNode"]

_Task = execution_pb2.TaskExecution


class ArrayNode(NodeRun):
    """All items of one array. Exactly one task execution tells how each item is doing, as clients expect."""

    is_array = True

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
        self._done = 0
        self._need = self._size
        criteria = array.WhichOneof("success_criteria")
        if criteria == "min_successes":
            self._need = array.min_successes
        elif criteria == "min_success_ratio":
            # As it is there: the ratio is a 32-bit float, and 0.6 of 10 items are 7.
            self._need = math.ceil(array.min_success_ratio * self._size)
        before = self.run.history.attempts(self.unique_id)
        self._record = self.run.context.recorder.resumed_task(before[0]) if before else self._begin_record()
        self._ended_items = dict(ended_items(self, before[0])) if before else {}
        self._fill()

    def stop(self) -> None:
        """Stops the items that run; the end follows the last of them."""
        if not hasattr(self, "_running"):
            self.end(CANCELLED)
            return
        self._stop_items()
        self._fill()

    def _stop_items(self) -> None:
        for task in list(self._running.values()):
            if task is not None:
                task.cancel()
        for child in self._children.values():
            self.run.context.children.abort(child, f"array node {self.unique_id} of {self.run.key} was stopped")

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
        record = self.run.context.recorder.task(self.record, task_of(self, inner), 0, self.inputs)
        record.message.closure.task_type = "container_array"  # array/event_recorder.go
        record.message.closure.metadata.plugin_identifier = "k8s-array"
        for index in range(self._size):
            record.message.closure.metadata.external_resources.add(
                external_id=f"{self.unique_id}-n{index}", index=index, phase=_Task.QUEUED
            )
        record.running()
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
        self._mark(index, _Task.RUNNING)

        def ended(outcome: Outcome | Dynamic) -> None:
            self.run.post(lambda: self._item_ended(index, outcome))

        self._running[index] = None
        if index in self._ended_items:
            ended(self._ended_items.pop(index))
            return
        if target == "task_node":
            whole = not self._individual_inputs
            item_inputs = self._item_inputs(index)
            task = TaskRun(
                self,
                inner,
                self.inputs if whole else item_inputs,
                ended,
                item=index if whole else None,
                path=f"/{index}",
                cache_inputs=item_inputs,
                recorded=False,
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

    @property
    def _individual_inputs(self) -> bool:
        array = self._array
        if array.HasField("is_original_sub_node_interface") and array.is_original_sub_node_interface.value:
            return True
        if "data_mode" not in array.DESCRIPTOR.fields_by_name:  # flyteidl before 1.15
            return False
        return bool(array.data_mode == workflow_pb2.ArrayNode.INDIVIDUAL_INPUT_FILES)

    def _item_inputs(self, index: int) -> Any:
        literals = {}
        for name, literal in self.inputs.literals.items():
            cut = name not in self._bound and literal.WhichOneof("value") == "collection"
            literals[name] = literal.collection.literals[index] if cut else literal
        return literals_pb2.LiteralMap(literals=literals)

    def _item_ended(self, index: int, outcome: Outcome | Dynamic) -> None:
        task = self._running.pop(index)
        if self._record is not None and task is not None:
            resource = self._record.message.closure.metadata.external_resources[index]
            resource.retry_attempt, resource.cache_status = task.attempt, task.cache_status
        self._children.pop(index, None)
        if isinstance(outcome, Dynamic):
            outcome = no_dynamic(task_of(self, self._array.node).id.name)
        if isinstance(outcome, Done):
            self._results[index] = outcome.outputs
            self._mark(index, _Task.SUCCEEDED)
        elif isinstance(outcome, Cancelled):
            self._mark(index, _Task.ABORTED)
        else:
            self._errors[index] = outcome
            self._mark(index, _Task.FAILED)
            if self._stopping:
                self._stop_items()
        self._fill()

    def _mark(self, index: int, phase: int) -> None:
        if self._record is not None:
            self._record.message.closure.metadata.external_resources[index].phase = phase
            self._record.save()

    def _finish(self) -> None:
        outcome: Outcome
        if self.cancelled:
            outcome = CANCELLED
        elif len(self._errors) > self._size - self._need:
            outcome = summary(self._errors)
        else:
            outcome = Done(self._outputs())
        if self._record is not None:
            self._record.ended(outcome)
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
