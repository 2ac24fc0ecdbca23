"""A trigger that does nothing: what waiting costs beyond it is ours, and the rest is Airflow's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent


class IdleTrigger(BaseTrigger):
    """Logs a line as ours does, says in a file that it has begun, and waits for nothing.

    Args:
        tell: The file; a byte for each.
    """

    def __init__(self, tell: str) -> None:
        super().__init__()
        self.tell = tell

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {"tell": self.tell}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        self.log.info("waiting for nothing")
        with Path(self.tell).open("ab") as file:  # noqa: ASYNC230  # a byte
            file.write(b".")
        await asyncio.Event().wait()
        yield TriggerEvent({})
