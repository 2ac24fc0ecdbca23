"""What a `FlyteRunSensor` tells its trigger. Read while a DAG file is parsed, too, so it imports nothing of Flyte's."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from .trigger_arguments import stored

__all__ = ["trigger_arguments"]

_ENTITY_FIELDS = ("project", "domain", "if_failed", "flyte_conn_id")


def trigger_arguments(sensor: Any) -> dict[str, Any]:
    """What the trigger is told, in plain JSON; with ``start_from_trigger``, templates as they stand in the DAG file."""
    from dataclasses import fields, is_dataclass

    run, entity, query = sensor.run_ref, sensor.entity, sensor.query
    if is_dataclass(run):
        run = str(run)
    if is_dataclass(entity):
        entity = str(entity)
    if is_dataclass(query):
        query = {field.name: value for field in fields(query) if (value := getattr(query, field.name)) is not None}
    given = {name: getattr(sensor, name) for name in _ENTITY_FIELDS}
    arguments = {
        "run_ref": _plain(run),
        "entity": entity,
        "query": _plain(query),
        "poll_interval": sensor.poke_interval,
        **given,
    }
    return stored(arguments)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hasattr(value, "resolve"):
        raise ValueError(
            "start_from_trigger=True begins where no XComArg can be read; write a template, like "
            "\"{{ ti.xcom_pull('task', key='flyte_run') }}\", or leave start_from_trigger out"
        )
    return value
