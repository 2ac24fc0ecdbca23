"""Keeps the records that clients read: node executions and task executions, written when something changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flyteidl.admin import node_execution_pb2, task_execution_pb2
from flyteidl.core import execution_pb2, identifier_pb2, literals_pb2
from flyteidl.event import event_pb2

from ..model.outcome import RETRYABLE_FAILED, Cancelled, Done, Dynamic, Failure
from ..model.timeouts import TIMED_OUT
from ..model.times import now, seconds_between

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ..model.layout import Layout
    from ..store.nodes import Nodes

__all__ = ["OWN_LOG", "NodeRecord", "Recorder", "TaskRecord"]

OWN_LOG = "Sandbox log"
"""What the link to the console is called; other links are a connector's."""
_Node = execution_pb2.NodeExecution
_Task = execution_pb2.TaskExecution
_TASK_ENDED = frozenset({_Task.SUCCEEDED, _Task.ABORTED, _Task.FAILED, RETRYABLE_FAILED, _Task.UNDEFINED})


class NodeRecord:
    """One node execution, in memory and in the store."""

    def __init__(self, store: Nodes, message: Any, parent: str | None) -> None:
        self._store = store
        self._parent = parent
        self.message = message

    @property
    def id(self) -> Any:
        """Its NodeExecutionIdentifier."""
        return self.message.id

    def save(self) -> None:
        """Writes the record as it is."""
        closure = self.message.closure
        closure.updated_at.CopyFrom(now())
        if closure.started_at.seconds:
            closure.duration.FromNanoseconds(int(seconds_between(closure.started_at, closure.updated_at) * 1e9))
        self._store.save(self.message, parent=self._parent)

    @property
    def seconds(self) -> float:
        """How long ago it was queued."""
        return seconds_between(self.message.closure.created_at, now())

    def queued(self, inputs: Any) -> None:
        """The node has its inputs."""
        self._store.save_data(self.id, inputs=inputs)

    def running(self) -> None:
        """The node began. One that goes on after a restart keeps its times."""
        closure = self.message.closure
        if closure.phase == _Node.QUEUED:
            closure.phase = _Node.RUNNING
            closure.started_at.CopyFrom(now())
        self.save()

    def is_parent(self) -> None:
        """The node has others inside, as it turns out."""
        self.message.metadata.is_parent_node = True

    def dynamic(self, closure: Any, uri: str) -> None:
        """The node turned out to be a workflow. Parent flag and workflow appear together: flytekit insists."""
        self.message.metadata.is_parent_node = True
        self.message.metadata.is_dynamic = True
        self.message.closure.phase = _Node.DYNAMIC_RUNNING
        self.message.closure.dynamic_job_spec_uri = uri
        self._store.save_data(self.id, dynamic=closure)
        self.save()

    def recovered(self, original: Any, inputs: Any, outputs: Any, output_uri: str) -> None:
        """The node need not run: it succeeded in the run that is recovered. Its child, deck and cache are those of there."""
        self.queued(inputs)
        closure = original.closure
        if closure.HasField("workflow_node_metadata"):
            self.message.closure.workflow_node_metadata.CopyFrom(closure.workflow_node_metadata)
        if closure.HasField(
            "task_node_metadata"
        ):  # of the cache alone, not the checkpoint (executor.go: attemptRecovery)
            theirs, ours = closure.task_node_metadata, self.message.closure.task_node_metadata
            ours.SetInParent()
            ours.cache_status = theirs.cache_status
            if theirs.HasField("catalog_key"):
                ours.catalog_key.CopyFrom(theirs.catalog_key)
        self.message.closure.deck_uri = closure.deck_uri
        self._store.save_data(self.id, outputs=outputs)
        self.message.closure.output_uri = output_uri
        self.message.closure.phase = _Node.RECOVERED
        self.save()

    def skipped(self) -> None:
        """The node will never run."""
        self.message.closure.phase = _Node.SKIPPED
        self.save()

    def ended(self, outcome: Done | Failure | Cancelled, output_uri: str, *, timed_out: bool = False) -> None:
        """The node ended; outputs are written before the phase that promises them.

        Args:
            outcome: How.
            output_uri: Where its outputs are.
            timed_out: Whether a clock of its own was over. One that has failed because one inside had timed out has FAILED.
        """
        closure = self.message.closure
        if isinstance(outcome, Done):
            self._store.save_data(self.id, outputs=outcome.outputs)
            closure.output_uri = output_uri
            closure.phase = _Node.SUCCEEDED
        elif isinstance(outcome, Cancelled):
            closure.error.code, closure.error.message = "NodeAborted", outcome.reason
            closure.phase = _Node.ABORTED
        elif outcome.code == TIMED_OUT and timed_out:
            closure.phase = _Node.TIMED_OUT  # without an error: only the run has one
        else:
            closure.error.CopyFrom(outcome.to_error())
            closure.phase = _Node.FAILED
        self.save()


class TaskRecord:
    """One task execution (one attempt, or one whole array), in memory and in the store."""

    def __init__(self, store: Nodes, message: Any, inputs: Any) -> None:
        self._store = store
        self.message = message
        if inputs is not None:
            store.save_task(message, inputs=inputs)

    def save(self) -> None:
        """Writes the record as it is."""
        closure = self.message.closure
        closure.updated_at.CopyFrom(now())
        if closure.started_at.seconds:
            closure.duration.FromNanoseconds(int(seconds_between(closure.started_at, closure.updated_at) * 1e9))
        self._store.save_task(self.message)

    def submitted(self, log_path: str, console: str) -> None:
        """A process was asked for.

        Args:
            log_path: Where it will write what it prints.
            console: The page of the run.
        """
        node = quote(self.message.id.node_execution_id.node_id, safe="")
        self.message.closure.logs.add(uri=f"{console}/nodes/{node}#logs", name=OWN_LOG)
        self._say("task submitted to K8s")
        self._store.save_task(self.message, log_path=log_path)

    def running(self, reason: str = "") -> None:
        """It is at work."""
        closure = self.message.closure
        closure.phase = _Task.RUNNING
        closure.started_at.CopyFrom(now())
        self.note(reason)

    def progress(self, phase: int, reason: str, *, logs: Iterable[Any] = (), custom: Any = None) -> None:
        """A connector says how its job is doing."""
        closure = self.message.closure
        links = list(logs)
        if closure.phase == phase and closure.reason == reason and list(closure.logs) == links and custom is None:
            return
        if phase not in _TASK_ENDED:  # how an attempt ended is decided elsewhere
            closure.phase = phase
        if phase == _Task.RUNNING and not closure.started_at.seconds:
            closure.started_at.CopyFrom(now())
        del closure.logs[:]
        closure.logs.extend(links)
        if custom is not None:
            closure.custom_info.CopyFrom(custom)
        self.note(reason)

    def note(self, reason: str) -> None:
        """Why the attempt is where it is, for people."""
        self._say(reason)
        self.save()

    def _say(self, reason: str) -> None:
        closure = self.message.closure
        if reason and reason != closure.reason:
            closure.reason = reason
            closure.reasons.add(message=reason).occurred_at.CopyFrom(now())

    def outputs(self, outputs: Any) -> None:
        """What the workflow has put out that the attempt has made."""
        self._store.save_task(self.message, outputs=outputs)

    def ended(self, outcome: Done | Dynamic | Failure | Cancelled, output_uri: str = "") -> None:
        """The attempt ended. One that was stopped has no error, whyever it was."""
        closure = self.message.closure
        if isinstance(outcome, Failure):
            closure.error.CopyFrom(outcome.to_error())
            closure.phase = _Task.FAILED
        elif isinstance(outcome, Cancelled):
            closure.phase = _Task.ABORTED
        else:
            closure.phase = _Task.SUCCEEDED
            closure.output_uri = output_uri
            if isinstance(outcome, Done):
                self._store.save_task(self.message, outputs=outcome.outputs)
        self.save()


class Recorder:
    """Makes the records of one sandbox."""

    def __init__(self, store: Nodes, layout: Layout) -> None:
        self.store = store
        self.layout = layout

    def node(
        self,
        execution: Any,
        node: Any,
        unique_id: str,
        parent: str | None,
        *,
        is_parent: bool = False,
        is_array: bool = False,
        inputs: Path | None = None,
        group: int | None = None,
    ) -> NodeRecord:
        """A queued node execution.

        Args:
            execution: Its run.
            node: The `core.Node`.
            unique_id: Its id in the run.
            parent: Unique id of the node it is inside of.
            is_parent: Whether it has nodes inside.
            is_array: Whether it is an array.
            inputs: The file with its inputs; None for a start node, which has none.
            group: The attempt of the parent that it belongs to.
        """
        message = node_execution_pb2.NodeExecution()
        message.id.node_id = unique_id
        message.id.execution_id.CopyFrom(execution)
        message.metadata.spec_node_id = node.id
        message.metadata.is_parent_node = is_parent
        message.metadata.is_array = is_array
        if inputs is not None:
            message.input_uri = self.layout.native(inputs)
        if group is not None:
            message.metadata.retry_group = str(group)
        message.closure.phase = _Node.QUEUED
        message.closure.created_at.CopyFrom(now())
        record = NodeRecord(self.store, message, parent)
        record.save()
        return record

    def marker(self, record: NodeRecord, *, inputs: Any, outputs: Any = None, output_uri: str = "") -> None:
        """A start or end node: it has a record in every workflow, does nothing, and never was at work."""
        record.queued(inputs)
        record.ended(Done(outputs if outputs is not None else literals_pb2.LiteralMap()), output_uri)

    def resumed_node(self, message: Any, parent: str | None) -> NodeRecord:
        """The record of a node that goes on after a restart."""
        return NodeRecord(self.store, message, parent)

    def resumed_task(self, message: Any) -> TaskRecord:
        """The record of an attempt, or of an array, from before a restart."""
        return TaskRecord(self.store, message, None)

    def task(
        self, node: NodeRecord, task: Any, attempt: int, inputs: Any, *, pod: str = "", interruptible: bool = False
    ) -> TaskRecord:
        """A queued task execution.

        Args:
            node: Its node.
            task: The template.
            attempt: Its number.
            inputs: What it gets.
            pod: What it is called on a cluster; empty for an array as a whole.
            interruptible: Whether it may run where it can be interrupted.
        """
        message = task_execution_pb2.TaskExecution()
        message.id.task_id.CopyFrom(task.id)
        message.id.task_id.resource_type = identifier_pb2.TASK
        message.id.node_execution_id.CopyFrom(node.id)
        message.id.retry_attempt = attempt
        message.input_uri = node.message.input_uri
        message.closure.phase = _Task.QUEUED
        message.closure.created_at.CopyFrom(now())
        message.closure.updated_at.CopyFrom(now())
        message.closure.task_type = task.type
        message.closure.event_version = 1
        metadata = message.closure.metadata
        metadata.plugin_identifier, metadata.generated_name = "container", pod
        if interruptible:
            metadata.instance_class = event_pb2.TaskExecutionMetadata.INTERRUPTIBLE
        return TaskRecord(self.store, message, inputs)
