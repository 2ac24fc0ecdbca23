"""Addresses of pages of Flyte's console (flyteconsole, ``src/routes/routes.ts``)."""

from __future__ import annotations

from ...model.ids import EntityKind, EntityRef, RunRef

__all__ = ["console_url"]

_LISTS = {EntityKind.TASK: "tasks", EntityKind.WORKFLOW: "workflows", EntityKind.LAUNCH_PLAN: "launchPlans"}
_UNPINNED = (None, "latest", "active")


def console_url(base: str, ref: RunRef | EntityRef) -> str:
    """The page of a run, of a version of an entity, or, where none is pinned, of an entity with all its versions.

    Args:
        base: `Config.console_base`.
        ref: An entity has a project and a domain here.
    """
    place = f"{base}/console/projects/{ref.project}/domains/{ref.domain}"
    if isinstance(ref, RunRef):
        return f"{place}/executions/{ref.name}"
    from urllib.parse import quote

    name = quote(ref.name, safe="")
    if ref.version in _UNPINNED:
        return f"{place}/{_LISTS[ref.kind]}/{name}"
    return f"{place}/{ref.kind.value}/{name}/version/{quote(ref.version or '', safe='')}"
