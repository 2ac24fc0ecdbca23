"""How a task runs, from a ``TaskTemplate`` of either wire: both have the same fields under the same names."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ..model.entities import TaskSpec

__all__ = ["task_spec"]


def task_spec(template: Any) -> TaskSpec:
    """What the template says about running it."""
    container, metadata = template.container, template.metadata
    target = template.WhichOneof("target")
    return TaskSpec(
        type=template.type,
        image=container.image,
        command=(*container.command, *container.args) or ((template.sql.statement,) if target == "sql" else ()),
        requests=_quantities(container.resources.requests),
        limits=_quantities(container.resources.limits),
        env={item.key: item.value for item in container.env},
        retries=metadata.retries.retries,
        timeout=_length(metadata.timeout) or None,
        cache=metadata.discoverable,
        cache_version=metadata.discovery_version,
        cache_serialize=metadata.cache_serializable,
        interruptible=metadata.interruptible if metadata.WhichOneof("interruptible_value") else None,
    )


def _length(duration: Any) -> timedelta:
    return timedelta(seconds=duration.seconds, microseconds=duration.nanos // 1000)


def _quantities(entries: Any) -> dict[str, str]:
    named = {}
    for item in entries:
        known = item.DESCRIPTOR.fields_by_name["name"].enum_type.values_by_number
        named[known[item.name].name.lower()] = item.value
    return named
