"""Executions that other executions started: who waits for their end, and how they are stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..store.executions import TERMINAL, execution_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..admin.creation import Creation
    from ..store.database import Database
    from ..store.executions import Executions

__all__ = ["Children"]


class Children:
    """Used on the engine's loop only.

    Args:
        database: The store.
        executions: The executions in it.
        launcher: Creates them.
        terminate: Stops a run whose phase is ABORTING already.
    """

    def __init__(
        self, database: Database, executions: Executions, launcher: Creation, terminate: Callable[[Any], None]
    ) -> None:
        self._db = database
        self._executions = executions
        self._terminate = terminate
        self._watchers: dict[str, list[Callable[[], None]]] = {}
        self.launcher = launcher

    def watch(self, identifier: Any, ended: Callable[[], None]) -> None:
        """Calls back when an execution has ended."""
        self._watchers.setdefault(execution_key(identifier), []).append(ended)
        execution = self._executions.find(identifier)
        if execution is not None and execution.closure.phase in TERMINAL:
            self.ended(execution_key(identifier))

    def ended(self, key: str) -> None:
        """An execution has written its end."""
        for ended in self._watchers.pop(key, []):
            ended()

    def abort(self, identifier: Any, cause: str) -> None:
        """Aborts an execution, unless it has ended."""
        with self._db.transaction():
            execution = self._executions.get(identifier)
            if execution.closure.phase in TERMINAL:
                return
            self._executions.set_aborting(execution, cause)
        self._terminate(identifier)
