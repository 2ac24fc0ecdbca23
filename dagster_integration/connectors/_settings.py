"""What a Flyte task of type ``dagster_job`` says in its ``custom``: which job or assets, which partition, which run config."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bridge_core import InvalidRequest
from bridge_core.connector import plain_data

if TYPE_CHECKING:
    from bridge_core.connector import TaskTemplate

__all__ = ["JobSettings"]

_KNOWN = frozenset(
    {"job", "assets", "repository", "location", "run_config", "partition", "partitions", "tags", "outputs"}
)
_PLACE = re.compile(r"\{\{\s*inputs\.(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings:
    """One task's settings, its inputs put in."""

    job: str | None
    assets: tuple[tuple[str, ...], ...] = ()
    repository: str | None = None
    location: str | None = None
    run_config: Mapping[str, Any] = field(default_factory=dict)
    partition: str | None = None
    partitions: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, template: TaskTemplate, inputs: Mapping[str, Any]) -> JobSettings:
        """Reads them; ``{{inputs.day}}`` anywhere in a text stands for an input, and alone for its value as it is.

        Raises:
            InvalidRequest: They contradict themselves, or name what is not there.
        """
        where = f"task {template.name}"
        unknown = sorted(set(template.custom) - _KNOWN)
        if unknown:
            raise InvalidRequest(
                f"{where}: custom has {', '.join(unknown)}, which dagster_job does not know; it knows {', '.join(sorted(_KNOWN))}"
            )
        values = {name: plain_data(value, name) for name, value in inputs.items()}
        custom = {name: _filled(value, values, where) for name, value in template.custom.items()}
        job, assets = custom.get("job"), custom.get("assets", [])
        if bool(job) == bool(assets):
            raise InvalidRequest(
                f"{where}: custom must name a job or assets, and not both; got job={job!r}, assets={assets!r}"
            )
        if custom.get("partition") and custom.get("partitions"):
            raise InvalidRequest(
                f"{where}: custom has partition and partitions; a run has one partition, a backfill several"
            )
        given = custom.get("outputs", {})
        strange = sorted(set(given) - set(template.outputs))
        if strange:
            raise InvalidRequest(f"{where}: custom.outputs names {', '.join(strange)}, which the task does not declare")
        return cls(
            job=str(job) if job else None,
            assets=tuple(tuple(str(key).split("/")) for key in assets),
            repository=custom.get("repository"),
            location=custom.get("location"),
            run_config=custom.get("run_config", {}),
            partition=None if custom.get("partition") is None else str(custom["partition"]),
            partitions=tuple(map(str, custom.get("partitions", ()))),
            tags={str(key): str(value) for key, value in custom.get("tags", {}).items()},
            outputs={name: str(given.get(name, "")) for name in sorted(template.outputs)},
        )


def _filled(value: Any, inputs: Mapping[str, Any], where: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _filled(item, inputs, where) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(item, inputs, where) for item in value]
    if not isinstance(value, str):
        return value

    def input_of(match: re.Match[str]) -> Any:
        if match[1] not in inputs:
            raise InvalidRequest(
                f"{where}: custom names input {match[1]!r}, which the task was not given; it was given "
                f"{', '.join(sorted(inputs)) or 'none'}"
            )
        return inputs[match[1]]

    if (whole := _PLACE.fullmatch(value.strip())) is not None:
        return input_of(whole)
    return _PLACE.sub(lambda match: str(input_of(match)), value)
