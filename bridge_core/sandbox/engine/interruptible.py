"""Whether a task may run where it can be interrupted; kept in records only (flytepropeller ``nodes/node_exec_context.go``)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .protocols import RunScope

__all__ = ["may_be_interrupted"]


def may_be_interrupted(run: RunScope, node: Any, task: Any) -> bool:
    """What the run says, else the node, else the task, else the workflow."""
    if run.spec.HasField("interruptible"):
        return bool(run.spec.interruptible.value)
    for metadata in (node.metadata, task.metadata):
        if metadata.WhichOneof("interruptible_value") is not None:
            return bool(metadata.interruptible)
    return bool(run.workflow.metadata_defaults.interruptible)
