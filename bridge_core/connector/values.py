"""What connectors take and give: `TaskCategory`, `ResourceMeta`, `Resource` and the lines of logs. Inert, and free to import."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from ..model.errors import InvalidRequest
from .phases import TaskPhase
from .public import public

__all__ = ["JobLog", "LogLine", "LogToken", "Resource", "ResourceMeta", "TaskCategory"]


@public
@dataclass(frozen=True, slots=True)
class TaskCategory:
    """Which tasks a connector runs: a task type and its version."""

    name: str
    version: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InvalidRequest(f"a task type must be a text that is not empty, got {self.name!r}")
        if isinstance(self.version, bool) or not isinstance(self.version, int) or self.version < 0:
            raise InvalidRequest(
                f"task type {self.name!r}: the version must be a whole number from 0 on, got {self.version!r}"
            )

    def __str__(self) -> str:
        return f"{self.name}_v{self.version}"


@public
@dataclass(frozen=True)
class ResourceMeta:
    """What a job is found by later, perhaps by another process: subclass it as a frozen dataclass.

    Flyte stores what `encode` gives (in the state of the run, where people can read it) and sends it with every later call,
    so it holds names and numbers, never secrets. Fields that a newer or older release of the connector added are ignored
    when decoding: jobs in flight outlive an upgrade.

    Example:
        >>> @dataclass(frozen=True)
        ... class Query(ResourceMeta):
        ...     job_id: str
        >>> Query.decode(Query("a1").encode()) == Query("a1")
        True
    """

    def encode(self) -> bytes:
        """UTF-8 JSON of the fields.

        Raises:
            InvalidRequest: A field holds what JSON cannot.
        """
        try:
            return json.dumps(dataclasses.asdict(self), allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidRequest(
                f"{type(self).__qualname__}: its fields must be plain data (texts, numbers, lists, dicts): {error}"
            ) from None

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """What `encode` wrote.

        Raises:
            InvalidRequest: It is no such JSON, or a field is missing or of another type.
        """
        try:
            plain = json.loads(data.decode())
        except (ValueError, RecursionError):
            plain = None
        if not isinstance(plain, dict):
            raise InvalidRequest(
                f"resource meta: wanted the JSON object of a {cls.__qualname__}, got {len(data)} bytes that are none; it was "
                "written by another connector"
            )
        from ..literals.to_classes import as_type

        names: frozenset[str] = _names_of(cls)  # type: ignore[arg-type]  # a class is hashable
        try:
            return as_type({name: value for name, value in plain.items() if name in names}, cls)
        except InvalidRequest as error:
            raise InvalidRequest(
                f"resource meta: no {cls.__qualname__}: {error.message}; it was written by another connector"
            ) from None


@functools.lru_cache(maxsize=512)
def _names_of(kind: type[ResourceMeta]) -> frozenset[str]:
    """Names of its fields. Kept: metas are decoded with every question of Flyte."""
    return frozenset(item.name for item in dataclasses.fields(kind))


@public
@dataclass(frozen=True, slots=True)
class JobLog:
    """Where people can read about a job: a name and an address, shown in Flyte's console."""

    name: str
    uri: str


@public
@dataclass(frozen=True, slots=True)
class Resource:
    """The state of a job.

    Attributes:
        phase: How far it is; see `TaskPhase.of` for what is taken.
        message: For people, in one sentence.
        log_links: `JobLog` items; ``(name, uri)`` pairs and flyteidl's ``TaskLog`` are taken too.
        outputs: When it succeeded: output name -> Python value, encoded by the types that the task declares (by the values'
            own where it declares no outputs); or a ``LiteralMap`` of flyteidl. None: the job wrote ``outputs.pb`` itself, or
            has no outputs.
        custom_info: Plain data that Flyte keeps with the attempt.
        error_code: What went wrong, in one word, when it failed. Flyte takes it from sync connectors only.
    """

    phase: TaskPhase
    message: str | None = None
    log_links: Sequence[Any] | None = None
    outputs: Any = None
    custom_info: Mapping[str, Any] | None = None
    error_code: str | None = None

    def __post_init__(self) -> None:
        if type(self.phase) is not TaskPhase:
            object.__setattr__(self, "phase", TaskPhase.of(self.phase))
        object.__setattr__(self, "log_links", tuple(map(_log, self.log_links)) if self.log_links else ())


def _log(item: Any) -> JobLog:
    if isinstance(item, JobLog):
        return item
    if isinstance(item, tuple) and len(item) == 2:  # noqa: PLR2004
        return JobLog(*map(str, item))
    try:
        return JobLog(str(item.name), str(item.uri))
    except AttributeError:
        raise InvalidRequest(f"log_links: wanted JobLog(name, uri), got {item!r}") from None


@public
@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of a job's log, for ``get_logs``."""

    message: str
    timestamp: datetime | None = None
    """Aware."""
    originator: str = "user"
    """``user``, ``system`` or ``unknown``."""


@public
@dataclass(frozen=True, slots=True)
class LogToken:
    """Yielded by ``get_logs`` after the lines that were asked for: where the next call goes on."""

    token: str
