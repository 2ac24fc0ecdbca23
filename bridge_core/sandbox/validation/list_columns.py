"""What FlyteAdmin lists: its tables, their columns with types, and what may be joined to them in filters.

Names are those of flyteadmin's models (``pkg/repositories/models``); tables and aliases are the sandbox's own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from flyteidl.core import identifier_pb2

from .filter_values import BIGINT, DURATION, INTEGER, TEXT, TIME

__all__ = [
    "DESCRIPTION",
    "EXECUTION",
    "LAUNCH_PLAN",
    "NAMED",
    "NODE",
    "PREFIXES",
    "PROJECT",
    "SIGNAL",
    "TASK",
    "TASK_EXECUTION",
    "WORKFLOW",
    "Listed",
]

PREFIXES = {
    "task": "t",
    "workflow": "w",
    "launch_plan": "l",
    "execution": "e",
    "node_execution": "ne",
    "task_execution": "te",
    "entities": "nen",
    "named_entity_metadata": "nem",
    "project": "p",
    "signal": "s",
    "admin_tag": "at",
    "execution_tag": "et",
    "execution_admin_tag": "eat",
}
"""What may stand before the dot of a field, and the entity that it means."""

_BASE = "id:b created_at:t updated_at:t deleted_at:-t"
_RUN = "execution_project execution_domain execution_name"
_TYPES = {"": TEXT, "i": INTEGER, "b": BIGINT, "t": TIME, "d": DURATION}


@dataclass(frozen=True, slots=True)
class Listed:
    """An entity that can be listed."""

    short: str
    """Its name in messages."""
    source: str
    """What is selected from: a table, with an alias where two entities share one."""
    alias: str
    columns: dict[str, str]
    """Name to type."""
    absent: frozenset[str]
    """Columns that are empty here: there is nothing in them that a filter could find."""
    where: str = ""
    """What makes rows of a shared table this entity."""
    joins: dict[str, tuple[Listed, str]] = field(default_factory=dict)
    """Other entities that filters may name, with the condition of the join."""
    always: str = ""
    """The join that is there also without a filter."""
    heap: bool = True
    """Whether rows move when they are written."""


def _listed(short: str, source: str, alias: str, columns: str, **more: object) -> Listed:
    """``columns``: names, each with a colon and the letter of its type where it is no text; ``-`` for one that is empty."""
    types, absent = {}, set()
    for part in columns.split():
        name, _, type_ = part.partition(":")
        types[name] = _TYPES[type_.removeprefix("-")]
        if type_.startswith("-"):
            absent.add(name)
    return Listed(short, source, alias, types, frozenset(absent), **more)  # type: ignore[arg-type]


def _entity(short: str, alias: str, kind: int, columns: str, **more: object) -> Listed:
    every = f"{_BASE} project domain name version digest {columns}"
    return _listed(short, f"entities AS {alias}", alias, every, where=f"{alias}.resource_type={kind}", **more)


WORKFLOW = _entity(
    "w", "workflows", identifier_pb2.WORKFLOW, "typed_interface:- remote_closure_identifier:- short_description"
)
TASK = _entity("t", "tasks", identifier_pb2.TASK, "closure:- type short_description")
LAUNCH_PLAN = _entity(
    "l",
    "launch_plans",
    identifier_pb2.LAUNCH_PLAN,
    "spec:- workflow_id:b closure:- state:i schedule_type launch_condition_type:-",
    joins={"w": (WORKFLOW, "launch_plans.workflow_id=workflows.id")},
)
PROJECT = _listed(
    "p",
    "projects",
    "projects",
    f"{_BASE.replace('id:b', 'id:-b')} identifier name description labels:- state:i",
    heap=False,
)
NAMED = _listed(
    "nen",
    "named_entities AS entities",
    "entities",
    "resource_type:i project domain name description state:i",
    heap=False,
)
DESCRIPTION = _listed(
    "de",
    "descriptions",
    "descriptions",
    "id:b created_at:-t updated_at:-t deleted_at:-t resource_type:i project domain name version short_description:-",
    heap=False,
)
_NO_TIMES = "id:b created_at:-t updated_at:-t deleted_at:-t"
SIGNAL = _listed("s", "signals", "signals", f"{_NO_TIMES} {_RUN} signal_id type:- value:-", heap=False)
_TAG = _listed("et", "execution_tags", "execution_tags", f"{_NO_TIMES.replace('id:b', 'id:-b')} {_RUN} key value")
_ADMIN_TAG = _listed("at", "execution_tags", "execution_tags", f"{_NO_TIMES.replace('id:b', 'id:-b')} name")
# Joined on the name only, across projects: flyteadmin's own leak (repositories/gormimpl/execution_repo.go).
_TAGGED = "executions.execution_name=execution_tags.execution_name"
EXECUTION = _listed(
    "e",
    "executions",
    "executions",
    f"{_BASE} {_RUN} launch_plan_id:b workflow_id:b task_id:b phase closure spec started_at:t execution_created_at:t"
    " execution_updated_at:t duration:d abort_cause mode:i source_execution_id:b parent_node_execution_id:b cluster"
    " inputs_uri user_inputs_uri error_kind error_code user state:i launch_entity",
    joins={
        "l": (LAUNCH_PLAN, "executions.launch_plan_id=launch_plans.id"),
        "w": (WORKFLOW, "executions.workflow_id=workflows.id"),
        "t": (TASK, "executions.task_id=tasks.id"),
        "et": (_TAG, _TAGGED),
        "at": (_ADMIN_TAG, _TAGGED),
    },
)


def _same(one: str, other: str, columns: str) -> str:
    return " AND ".join(f"{one}.{column}={other}.{column}" for column in columns.split())


NODE = _listed(
    "ne",
    "node_executions",
    "node_executions",
    f"{_BASE} {_RUN} node_id phase input_uri closure:- started_at:t node_execution_created_at:t node_execution_updated_at:t"
    " duration:d node_execution_metadata:- parent_id:b parent_task_execution_id:b error_kind error_code cache_status"
    " dynamic_workflow_remote_closure_reference internal_data:-",
    joins={"e": (EXECUTION, _same("executions", "node_executions", _RUN))},
)
TASK_EXECUTION = _listed(
    "te",
    "task_executions",
    "task_executions",
    f"{_BASE} project domain name version {_RUN} node_id retry_attempt:b phase phase_version:b input_uri closure:-"
    " started_at:t task_execution_created_at:t task_execution_updated_at:t duration:d",
    joins={
        "e": (EXECUTION, _same("executions", "task_executions", _RUN)),
        "ne": (NODE, _same("node_executions", "task_executions", f"{_RUN} node_id")),
        "t": (TASK, _same("tasks", "task_executions", "project domain name version")),
    },
)
