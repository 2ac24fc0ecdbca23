"""What node and task executions are filtered and sorted on, read from their records.

The names are those of flyteadmin's tables (``pkg/repositories/models/node_execution.go``, ``task_execution.go``). Its columns of
bytes (``closure``, ``node_execution_metadata``, ``internal_data``) are not here: there is nothing in them to compare with.
"""

from __future__ import annotations

from typing import Any

from flyteidl.core import catalog_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2

from ..model.ids import enum_name
from ..model.times import to_text

__all__ = ["node_columns", "schedule_type", "task_columns"]


def node_columns(record: Any) -> dict[str, Any]:
    """Column to value of a node execution."""
    closure = record.closure
    error = closure.error if closure.WhichOneof("output_result") == "error" else None
    cached = closure.task_node_metadata.HasField("catalog_key")
    return {
        **_common(record, "node_execution"),
        **_run(record.id.execution_id),
        "phase": enum_name(core_execution_pb2.NodeExecution.Phase, closure.phase),
        "error_kind": None if error is None else enum_name(core_execution_pb2.ExecutionError.ErrorKind, error.kind),
        "error_code": None if error is None else error.code,
        "cache_status": enum_name(catalog_pb2.CatalogCacheStatus, closure.task_node_metadata.cache_status)
        if cached
        else None,
        "dynamic_workflow_remote_closure_reference": closure.dynamic_job_spec_uri,
    }


def task_columns(record: Any) -> dict[str, Any]:
    """Column to value of a task execution."""
    task = record.id.task_id
    return {
        **_common(record, "task_execution"),
        **_run(record.id.node_execution_id.execution_id),
        "phase": enum_name(core_execution_pb2.TaskExecution.Phase, record.closure.phase),
        "project": task.project,
        "domain": task.domain,
        "name": task.name,
        "version": task.version,
    }


def schedule_type(schedule: Any) -> str:
    """What kind of schedule a launch plan has (``transformers/launch_plan.go``)."""
    if schedule.cron_expression or schedule.HasField("cron_schedule"):
        return "CRON"
    return "RATE" if schedule.HasField("rate") else "NONE"


def _common(record: Any, entity: str) -> dict[str, Any]:
    closure = record.closure
    created, updated = to_text(closure.created_at), to_text(closure.updated_at)
    return {
        "created_at": created,
        "updated_at": updated,
        f"{entity}_created_at": created,
        f"{entity}_updated_at": updated,
        "started_at": to_text(closure.started_at) or None,
        "duration": closure.duration.ToNanoseconds() / 1e9,
        "input_uri": record.input_uri,
    }


def _run(execution: Any) -> dict[str, Any]:
    return {
        "execution_project": execution.project,
        "execution_domain": execution.domain,
        "execution_name": execution.name,
    }
