"""`RunQuery`: which runs to list, checked when it is written and not when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .arguments import flags, instance, need, need_text, texts, wrong
from .errors import InvalidRequest
from .phases import RunPhase
from .public import public

__all__ = ["RunQuery"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs to list. None means "any"."""

    phases: tuple[RunPhase, ...] = ()
    entity: str | None = None
    """Name of the launch plan that was launched."""
    name_contains: str | None = None
    created_after: datetime | None = None
    """Inclusive; with a zone."""
    created_before: datetime | None = None
    """Exclusive; with a zone."""
    labels: Mapping[str, str] | None = None
    """Runs that have all of them. Flyte 1: launch-plan runs only, it keeps no labels of single-task runs; those of a launch plan
    count where they were sent along, as this library does."""
    archived: bool | None = None
    """None: what FlyteAdmin shows, which hides archived runs."""
    newest_first: bool = True
    """The order by `sort_by`, descending or ascending."""
    sort_by: str = "created_at"
    """``created_at``; ``ended_at``, of runs in terminal phases; or another column of the server's own table, as in `where`."""
    where: tuple[tuple[str, str, Any], ...] = ()
    """Further conditions, all of which must hold: (column, operator, value).

    Any column that the server can filter by. Both: ``created_at``, ``updated_at``, ``ended_at`` (with terminal `phases` only).
    Flyte 1: ``duration``, ``started_at``, ``execution_updated_at``, ``mode``,
    ``cluster``, ``user``, ``error_kind``, ``error_code``, ``abort_cause``, ``launch_entity``, ``source_execution_id``,
    ``parent_node_execution_id``, ``launch_plan.version``, ``workflow.name``, ``workflow.version``, ``task.name``,
    ``admin_tag.name`` … Flyte 2: ``duration_ms``, ``run_source``, ``task_version``, ``trigger_name``, ``created_by_subject`` …
    Operators: eq, ne, gt, gte, lt, lte, contains, value_in, value_not_in, not_like. Values: texts, numbers,
    datetimes with a zone, timedeltas, enumerations; for value_in and value_not_in a sequence of them.
    """

    def __post_init__(self) -> None:
        phases = (self.phases,) if isinstance(self.phases, RunPhase | str) else self.phases
        need("RunQuery.phases", phases, list | tuple | set | frozenset, "RunPhases or their names")
        object.__setattr__(self, "phases", tuple(_phase(item) for item in phases))
        if isinstance(getattr(self.entity, "name", None), str):
            raise InvalidRequest("RunQuery.entity: wanted a name; give the .name of the reference")
        texts(**{f"RunQuery.{name}": getattr(self, name) for name in ("entity", "name_contains", "sort_by")})
        for name in ("created_after", "created_before"):
            instance(f"RunQuery.{name}", getattr(self, name), datetime, "a datetime with a zone")
        instance("RunQuery.labels", self.labels, Mapping, "a mapping of text to text")
        for key, value in (self.labels or {}).items():
            need_text("RunQuery.labels", key, "texts as keys")
            need_text(f"RunQuery.labels[{key!r}]", value, "a text")
        instance("RunQuery.archived", self.archived, bool, "True, False or None")
        flags(**{"RunQuery.newest_first": self.newest_first})
        need("RunQuery.where", self.where, list | tuple, "a list of (column, operator, value)")
        for item in self.where:
            if (
                not isinstance(item, list | tuple)
                or len(item) != _CONDITION
                or not all(isinstance(part, str) for part in item[:2])
            ):
                raise wrong(
                    "RunQuery.where", "(column, operator, value), as in ('duration', 'gt', timedelta(hours=1))", item
                )


_CONDITION = 3


def _phase(value: object) -> RunPhase:
    if isinstance(value, RunPhase):
        return value
    try:
        return RunPhase(value.upper() if isinstance(value, str) else value)
    except ValueError:
        known = ", ".join(phase.value for phase in RunPhase)
        raise wrong("RunQuery.phases", f"a RunPhase or its name ({known})", value) from None
