"""Which run a sensor waits for, and what it makes of what it sees. Read from fields that templates have rendered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from bridge_core import Client, EntityKind, EntityRef, InvalidRequest, RunQuery, RunRef

from .run_argument import run_argument

if TYPE_CHECKING:
    from bridge_core import AsyncClient, Config, RunSnapshot

__all__ = ["RunSearch"]

_TIMES = ("created_after", "created_before")
_IF_FAILED = ("fail", "wait")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSearch:
    """One run, or the newest that a query finds."""

    ref: RunRef | None
    query: RunQuery | None
    project: str | None = None
    domain: str | None = None
    wait_for_success: bool = False
    """Whether a run that ended badly means that another one will come."""

    @classmethod
    def read(
        cls,
        *,
        run: Any = None,
        entity: Any = None,
        query: Any = None,
        project: str | None = None,
        domain: str | None = None,
        if_failed: str = "fail",
    ) -> Self:
        """From a sensor's arguments; see `FlyteRunSensor`.

        Raises:
            InvalidRequest: Neither a run nor a query, both, or one that cannot be read.
        """
        if if_failed not in _IF_FAILED:
            raise InvalidRequest(f"if_failed must be one of {', '.join(_IF_FAILED)}; got {if_failed!r}")
        if run is not None:
            if entity is not None or query is not None:
                raise InvalidRequest("give run=, or entity= and query=: a run by its name leaves nothing to look for")
            if if_failed == "wait":
                raise InvalidRequest("if_failed='wait' waits for a newer run; of run= there is none")
            return cls(ref=run_argument(run), query=None)
        if entity is None and query is None:
            raise InvalidRequest(
                "which run? Give run=, or entity= and query=, whose newest run is waited for. A run that came as None: the "
                "task it is taken from pushed none"
            )
        parts = _query(query)
        if entity is not None:
            ref = entity if isinstance(entity, EntityRef) else EntityRef.parse(entity)
            project, domain = project or ref.project, domain or ref.domain
            parts["where"] = (*parts.get("where", ()), *_conditions(ref))
            if ref.kind is EntityKind.LAUNCH_PLAN:
                parts["entity"] = ref.name
        return cls(
            ref=None,
            query=RunQuery(**parts),
            project=project,
            domain=domain,
            wait_for_success=if_failed == "wait",
        )

    def __str__(self) -> str:
        if self.ref is not None:
            return f"run {self.ref}"
        asked = {f.name: value for f in fields(RunQuery) if (value := getattr(self.query, f.name)) not in (None, ())}
        shown = ", ".join(f"{k}={v!r}" for k, v in asked.items() if k not in ("newest_first", "sort_by"))
        return f"the newest run of {shown}"

    def place(self, config: Config) -> tuple[str | None, str | None]:
        """Project and domain in which it looks."""
        if self.ref is not None:
            return self.ref.project, self.ref.domain
        return self.project or config.project, self.domain or config.domain

    def look(self, client: Client) -> RunSnapshot | None:
        """The run as it is; None when there is none yet.

        Raises:
            RunNotFound: The run that was named does not exist.
            BridgeError: Flyte could not be asked.
        """
        if self.ref is not None:
            return client.describe(self.ref)
        found = client.list_runs(project=self.project, domain=self.domain, query=self.query, limit=1)
        return next(iter(found), None)

    async def alook(self, client: AsyncClient) -> RunSnapshot | None:
        """`look` on an event loop."""
        if self.ref is not None:
            return await client.describe(self.ref)
        found = client.list_runs(project=self.project, domain=self.domain, query=self.query, limit=1)
        async for snapshot in found:
            return snapshot
        return None

    def is_over(self, snapshot: RunSnapshot | None) -> bool:
        """Whether there is nothing more to wait for."""
        if snapshot is None or not snapshot.phase.is_terminal:
            return False
        return snapshot.phase.is_success or not self.wait_for_success


def _query(query: Any) -> dict[str, Any]:
    if isinstance(query, RunQuery):
        return {field.name: getattr(query, field.name) for field in fields(query)}
    if query is not None and not isinstance(query, Mapping):
        raise InvalidRequest(f"query must be a RunQuery or a mapping with its fields, got {type(query).__name__}")
    parts = dict(query or {})
    known = [field.name for field in fields(RunQuery)]
    if unknown := [name for name in parts if name not in known]:
        raise InvalidRequest(f"query: unknown field {unknown[0]!r}; known are {', '.join(known)}")
    for name in _TIMES:
        if isinstance(parts.get(name), str):
            parts[name] = _time(name, parts[name])
    return parts


def _time(name: str, text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise InvalidRequest(
            f"query: {name} must be a time with a zone like 2026-11-20T00:00:00+00:00, got {text!r}; "
            "{{ data_interval_start }} renders to one"
        )
    return found


def _conditions(ref: EntityRef) -> tuple[tuple[str, str, Any], ...]:
    kind = ref.kind.value
    name = () if ref.kind is EntityKind.LAUNCH_PLAN else ((f"{kind}.name", "eq", ref.name),)
    pinned = ref.version not in (None, "latest", "active")
    return (*name, (f"{kind}.version", "eq", ref.version)) if pinned else name
