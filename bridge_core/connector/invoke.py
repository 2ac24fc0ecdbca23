"""Calls of a connector's methods without a server, for local runs and the test kit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from ..model.connector_tasks import ConnectorTask
from ..model.errors import InvalidRequest
from .calling import accepted
from .task import TaskTemplate

__all__ = ["call", "template_of_task"]


def call(method: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Calls a method, plain or ``async``, and waits for it."""
    found = method(**accepted(method, arguments))
    if not hasattr(found, "__await__"):
        return found

    async def awaited() -> Any:
        return await found

    return asyncio.run(awaited())


def template_of_task(task: Any) -> TaskTemplate:
    """The template of a task in any of the forms that stand for one.

    Raises:
        InvalidRequest: It is none.
    """
    if isinstance(task, TaskTemplate):
        return task
    from .conversion import template_of

    if isinstance(task, ConnectorTask):
        from ..registration.connectors import connector_task_spec

        return template_of(connector_task_spec(task, runtime="local").template)
    if getattr(getattr(task, "DESCRIPTOR", None), "full_name", "") == "flyteidl.core.TaskTemplate":
        return template_of(task)
    raise InvalidRequest(
        f"a task to run: wanted a ConnectorTask, a TaskTemplate or flyteidl's message of one, got {type(task).__name__}"
    )
