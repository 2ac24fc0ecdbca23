"""Workflows without code: a test says what comes out, after how long and after how many failures, and the sandbox plays it.

sandbox.stub("etl.wf", outputs={"rows": 7}, fail_times=1, duration=0.2)
"""

from __future__ import annotations

import threading
from typing import Any

__all__ = ["Stub", "Stubs"]


class Stub:
    """One workflow, launch plan or task that is played.

    Attributes:
        project: Where it is.
        domain: Where it is.
        name: What it is called.
        outputs: LiteralMap of what comes out.
        fail_times: How many executions fail before the first that succeeds.
        duration: Seconds each execution takes.
        message: What a failure says.
    """

    def __init__(
        self, project: str, domain: str, name: str, *, outputs: Any, fail_times: int, duration: float, message: str
    ) -> None:
        if fail_times < 0:
            raise ValueError(f"stub {name!r}: fail_times must not be negative, got {fail_times!r}")
        if duration < 0:
            raise ValueError(f"stub {name!r}: duration must not be negative, got {duration!r}")
        self.project = project
        self.domain = domain
        self.name = name
        self.outputs = outputs
        self.fail_times = fail_times
        self.duration = duration
        self.message = message
        self._lock = threading.Lock()
        self._executions: dict[str, int] = {}

    @property
    def executions(self) -> int:
        """How often it was executed: runs, attempts of a task, or sub-workflows."""
        with self._lock:
            return len(self._executions)

    def begin(self, key: str) -> int:
        """The number of an execution, from 1; the same again for one that goes on after a restart."""
        with self._lock:
            return self._executions.setdefault(key, len(self._executions) + 1)


class Stubs:
    """All stubs of a sandbox."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stubs: dict[tuple[str, str, str], Stub] = {}

    def add(self, stub: Stub) -> None:
        """Plays an entity from now on; another stub of the same name is forgotten."""
        with self._lock:
            self._stubs[stub.project, stub.domain, stub.name] = stub

    def find(self, project: str, domain: str, *names: str) -> Stub | None:
        """The stub of the first of these names that has one."""
        with self._lock:
            return next(
                (self._stubs[project, domain, name] for name in names if (project, domain, name) in self._stubs), None
            )

    def clear(self) -> None:
        """Forgets all: registered code runs again, entities that only a stub registered fail."""
        with self._lock:
            self._stubs.clear()
