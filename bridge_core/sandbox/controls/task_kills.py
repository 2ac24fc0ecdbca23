"""Deaths of tasks that a test plans: what a cluster does to pods, and a laptop does not.

sandbox.faults.kill_task("oom", task="pkg.train")            # every attempt, as soon as it has started
sandbox.faults.kill_task("eviction", execution="run-1", node="n0", times=1, after=2.0)
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

__all__ = ["KINDS", "TaskKill", "TaskKills"]

KINDS = ("oom", "eviction", "shutdown", "deletion", "exit")


@dataclass(slots=True)
class TaskKill:
    """One planned death, ``times`` times more; None for every attempt that fits."""

    kind: str
    execution: str | None
    node: str | None
    task: str | None
    times: int | None
    after: float
    exit_code: int

    def __str__(self) -> str:
        whose = ", ".join(f"{what} {name}" for what, name in self._wanted() if name is not None) or "any task"
        return f"{self.kind} of {whose}: {'always' if self.times is None else f'{self.times} left'}"

    def fits(self, execution: str, node: str, task: str) -> bool:
        """Whether it is about this attempt."""
        given = {"execution": execution, "node": node, "task": task}
        return all(name is None or given[what] == name for what, name in self._wanted())

    def _wanted(self) -> list[tuple[str, str | None]]:
        return [("execution", self.execution), ("node", self.node), ("task", self.task)]


class TaskKills:
    """The plan. Of several that fit, the one that was planned first is used up first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[TaskKill] = []

    def add(self, kill: TaskKill) -> None:
        """Plans one."""
        with self._lock:
            self._planned.append(kill)

    def take(self, execution: str, node: str, task: str) -> TaskKill | None:
        """What will happen to an attempt; counts it.

        Args:
            execution: Name of the execution.
            node: Unique id of the node.
            task: Name of the task.
        """
        with self._lock:
            kill = next((one for one in self._planned if one.fits(execution, node, task)), None)
            if kill is not None and kill.times is not None:
                kill.times -= 1
                if not kill.times:
                    self._planned.remove(kill)
            return kill

    def left(self) -> list[TaskKill]:
        """Those that are counted and did not happen."""
        with self._lock:
            return [one for one in self._planned if one.times is not None]

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._planned.clear()
