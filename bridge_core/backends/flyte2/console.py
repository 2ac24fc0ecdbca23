"""Addresses of pages of Flyte 2's console, as its SDK builds them (``flyte.remote._client.controlplane``)."""

from __future__ import annotations

from urllib.parse import quote

from ...model.ids import EntityKind, EntityRef, RunRef

__all__ = ["console_url"]


def console_url(base: str, ref: RunRef | EntityRef) -> str:
    """The page of a run, a task or a trigger.

    Args:
        base: `Config.console_base`.
        ref: An entity has a project and a domain here.
    """
    kind = "runs" if isinstance(ref, RunRef) else "tasks" if ref.kind is EntityKind.TASK else "triggers"
    place = f"{base}/v2/domain/{quote(ref.domain or '', safe='')}/project/{quote(ref.project or '', safe='')}"
    return f"{place}/{kind}/{quote(ref.name, safe='')}"
