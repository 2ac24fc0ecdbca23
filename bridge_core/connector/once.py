"""`create_once`: one job for one task execution, whatever crashes between asking for it and hearing of it.

Flyte names every attempt of a task before it asks a connector to create its job. Where the job service can find jobs by a name or
a tag of ours, that name makes creating idempotent. A lost answer is not the only way to a second job: FlytePropeller takes a
CreateTask that got no answer as a failed attempt and comes back with the *next* attempt number (flyteplugins
``internal/webapi/launcher.go``). So a later attempt first looks for a job of an earlier one that nobody ended: Flyte deletes the
job of an attempt that it gave up, so one that still runs is one whose answer was lost, and it is taken over.
"""

from __future__ import annotations

import hashlib
import inspect
from base64 import b32encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._blocking import run_blocking
from ..model.errors import InvalidRequest
from ..model.run_errors import AlreadyExists
from .public import public

if TYPE_CHECKING:
    from .execution import TaskExecutionMetadata

__all__ = ["create_once", "create_once_blocking", "job_key"]

_DIGEST = 26
_LOOK_BACK = 10
"""Attempts before this one whose jobs are looked for."""


@public
def job_key(metadata: TaskExecutionMetadata, *, attempt: int | None = None) -> str:
    """A text that names the job of one attempt: the same for the same attempt, in every process, and no other's.

    Lower-case letters, digits and ``-``; at most 63 characters; begins with the run's name, so that people can find it.

    Args:
        metadata: As Flyte sent it.
        attempt: Instead of the attempt that is asked for.

    Raises:
        InvalidRequest: Flyte did not say whose task it is.

    Example:
        >>> from bridge_core.connector import TaskExecutionMetadata
        >>> job_key(TaskExecutionMetadata.of("p", "d", "a7f3c0"))
        'a7f3c0-n0-0-udl62vuyhd3xd5rctvwqqt6gvi'
    """
    identifier = metadata.task_execution_id
    if identifier is None or not identifier.run.name:
        raise InvalidRequest(
            "this task has no execution id, so its job cannot be told from others; run it through Flyte, or give "
            "task_execution_metadata=TaskExecutionMetadata.of(project, domain, name)"
        )
    number = identifier.retry_attempt if attempt is None else attempt
    node, run = identifier.node_execution_id.node_id, identifier.run
    parts = (run.project or "", run.domain or "", run.name, node, str(number))
    digest = b32encode(hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()).decode().lower()
    readable = "".join(
        letter if letter.isascii() and letter.isalnum() else "-" for letter in f"{run.name}-{node}".lower()
    )
    return f"{readable[:30].strip('-')}-{number}-{digest[:_DIGEST]}"[:63]


@public
async def create_once(
    metadata: TaskExecutionMetadata,
    *,
    find: Callable[[str], Any],
    create: Callable[[str], Any],
    is_live: Callable[[Any], bool],
) -> Any:
    """The job of this attempt: the one that is there, or a new one.

    Args:
        metadata: Whose job, as Flyte sent it.
        find: The job with this key, in any state, or None. May be a coroutine function, as may `create`.
        create: Makes the job and names it by the key; raises `AlreadyExists` when another was quicker.
        is_live: Whether a job has not ended.

    Raises:
        InvalidRequest: Flyte did not say whose task it is.
    """
    key = job_key(metadata)
    found = await _given(find(key))
    if found is not None:
        return found
    assert metadata.task_execution_id is not None
    attempt = metadata.task_execution_id.retry_attempt
    for earlier in range(attempt - 1, max(-1, attempt - 1 - _LOOK_BACK), -1):
        found = await _given(find(job_key(metadata, attempt=earlier)))
        if found is not None and is_live(found):
            return found
    try:
        return await _given(create(key))
    except AlreadyExists:
        found = await _given(find(key))
        if found is None:
            raise
        return found


@public
def create_once_blocking(
    metadata: TaskExecutionMetadata,
    *,
    find: Callable[[str], Any],
    create: Callable[[str], Any],
    is_live: Callable[[Any], bool],
) -> Any:
    """The same over plain functions, for connectors whose methods are plain."""
    return run_blocking(create_once(metadata, find=find, create=create, is_live=is_live))


async def _given(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value
