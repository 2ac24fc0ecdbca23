"""How to make the sandbox fail on purpose: errors before or after the work is done, and slow answers.

sandbox.faults.fail("CreateExecution", code="UNAVAILABLE", after_commit=True)   # the run exists, the caller hears no
sandbox.faults.delay("GetExecution", seconds=2.0)
sandbox.faults.delay("ListExecutions", 2.0, when=lambda request: "my-run" in request.filters)   # others are not held up
sandbox.faults.drop("GetExecution")      # no answer at all
sandbox.faults.expire("GetExecution")    # the token has expired
sandbox.faults.kill_task("oom", task="pkg.train", times=1)    # what a cluster does to pods
with sandbox.faults.outage("database"): …             # or "blobs", "kubernetes": see `outages`
with sandbox.faults.hold_create() as held: …          # between its two inserts: see `held_create`
…
sandbox.faults.assert_consumed()
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from .flyte2_faults import Flyte2Faults
from .held_create import HeldCreate
from .outages import Outages
from .task_kills import KINDS, TaskKill, TaskKills

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager
    from typing import Any

__all__ = ["Fault", "Faults"]

_CODES = frozenset(
    {
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    }
)


_EXPIRED = (
    "token parse error [JWT_VERIFICATION_FAILED] Could not retrieve id token from metadata, caused by: Token is expired"
)


@dataclass(slots=True)
class Fault:
    """One planned misbehaviour of one method, ``times`` times more."""

    method: str
    times: int
    code: str = ""
    message: str = ""
    after_commit: bool = False
    seconds: float = 0.0
    dropped: bool = False
    when: Callable[[Any], bool] | None = None

    def hits(self, method: str, request: Any) -> bool:
        """Whether this call is one of those that it was planned for."""
        if self.method != method or self.when is None:
            return self.method == method
        return not isinstance(request, bytes) and self.when(request)  # bytes: what could not be decoded

    def __str__(self) -> str:
        what = f"delay {self.seconds:g} s" if self.seconds else "drop" if self.dropped else self.code
        what += " after commit" if self.after_commit else ""
        return f"{self.method}: {what}, {self.times} left"


class Faults:
    """The plan. Faults of one method are used up in the order they were planned; delays and errors independently."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._planned: list[Fault] = []
        self._methods: set[str] = set()
        self.task_kills = TaskKills()
        self.flyte2 = Flyte2Faults()
        """What only Flyte 2 does, see there."""
        self._held: list[HeldCreate] = []
        self.outages = Outages()
        """What is away at the moment; `outage` switches it."""

    def serves(self, methods: Iterable[str]) -> None:
        """These methods exist; the gRPC server says so. From then on others cannot be planned."""
        self._methods.update(methods)

    def fail(
        self,
        method: str,
        *,
        code: str = "UNAVAILABLE",
        times: int = 1,
        after_commit: bool = False,
        message: str = "planned by sandbox.faults",
        when: Callable[[Any], bool] | None = None,
    ) -> None:
        """The next ``times`` calls of the method are answered with this status.

        Args:
            method: Name without its service, ``"CreateExecution"``.
            code: gRPC status name.
            times: How many calls.
            after_commit: The handler runs and its effect stays; only the answer is lost.
            message: Text of the status.
            when: Told the request of each call of the method: only calls for which it is true count; None for all. A server
                that others ask too (a poll, a sweep) would else use up what was planned for somebody.
        """
        if code not in _CODES:
            raise ValueError(
                f"{code!r} is no gRPC status that can fail a call; wanted one of {', '.join(sorted(_CODES))}"
            )
        self._plan(Fault(method, times, code=code, message=message, after_commit=after_commit, when=when))

    def delay(self, method: str, seconds: float, *, times: int = 1, when: Callable[[Any], bool] | None = None) -> None:
        """The next ``times`` calls of the method wait this long before they are handled; ``when`` as for `fail`."""
        if seconds <= 0:
            raise ValueError(f"a delay must be longer than 0 s, got {seconds!r}")
        self._plan(Fault(method, times, seconds=seconds, when=when))

    def drop(
        self,
        method: str,
        *,
        times: int = 1,
        after_commit: bool = False,
        when: Callable[[Any], bool] | None = None,
    ) -> None:
        """The next ``times`` calls of the method get no answer at all: the caller's deadline passes, or it waits for ever.

        Args:
            method: Name without its service.
            times: How many calls.
            after_commit: The answer is lost, not the request: its effect stays.
            when: As for `fail`.
        """
        self._plan(
            Fault(
                method,
                times,
                code="UNAVAILABLE",
                message="dropped",
                after_commit=after_commit,
                dropped=True,
                when=when,
            )
        )

    def expire(self, method: str, *, times: int = 1, when: Callable[[Any], bool] | None = None) -> None:
        """The next ``times`` calls of the method are told that their token has expired, in FlyteAdmin's words."""
        self.fail(method, code="UNAUTHENTICATED", times=times, message=_EXPIRED, when=when)

    def kill_task(
        self,
        kind: str,
        *,
        execution: str | None = None,
        node: str | None = None,
        task: str | None = None,
        times: int | None = None,
        after: float = 0.0,
        exit_code: int = 1,
    ) -> None:
        """Attempts of tasks die as pods do on a cluster.

        Args:
            kind: ``"oom"``: the container used too much memory (exit code 137, reason OOMKilled: the task's own retries).
                ``"eviction"``: its node was low on memory. ``"shutdown"``: its node was shut down. ``"deletion"``: somebody
                deleted its pod. ``"exit"``: the process ended with ``exit_code`` and without a word. All but the first are
                the system's fault, which retries three times by itself.
            execution: Name of the execution; None for any.
            node: Unique id of the node; None for any.
            task: Name of the task; None for any.
            times: How many attempts; None for all.
            after: Seconds from the start of the process.
            exit_code: For ``"exit"``.
        """
        if kind not in KINDS:
            raise ValueError(f"{kind!r} is no way for a task to die; wanted one of {', '.join(KINDS)}")
        if times is not None and times < 1:
            raise ValueError(f"times must be at least 1, or None for always, got {times!r}")
        if after < 0 or exit_code not in range(1, 256):
            raise ValueError(f"after must not be negative and exit_code in 1..255, got {after!r} and {exit_code!r}")
        self.task_kills.add(TaskKill(kind, execution, node, task, times, after, exit_code))

    def outage(self, what: str) -> AbstractContextManager[None]:
        """Takes a part that FlyteAdmin stands on away, for the time of a ``with`` block.

        Args:
            what: ``"database"``, ``"blobs"`` or ``"kubernetes"``.
        """
        return self.outages.outage(what)

    def hold_create(self) -> HeldCreate:
        """Stops the next CreateExecution between storing its labels and storing the run."""
        held = HeldCreate()
        with self._lock:
            self._held.append(held)
        return held

    def crash_create(self) -> None:
        """The server dies in the next CreateExecution between storing its labels and storing the run."""
        self.hold_create().crash()

    def between_inserts(self, name: str) -> None:
        """A create has stored its labels; the sandbox says so. Only those of clients are held: the engine must not stop."""
        if not self.outages.is_serving:
            return
        with self._lock:
            held = self._held.pop(0) if self._held else None
        if held is not None:
            held.hold(name)

    def clear(self) -> None:
        """Forgets what was planned and has not happened yet."""
        with self._lock:
            self._planned.clear()
            self._held.clear()
        self.task_kills.clear()
        self.flyte2.clear()

    def pending(self) -> list[Fault]:
        """What was planned and has not happened yet."""
        with self._lock:
            return list(self._planned)

    def assert_consumed(self) -> None:
        """Fails when something planned did not happen: then the test did not test what it says."""
        left = [*self.pending(), *self.task_kills.left(), *self.flyte2.pending()]
        if left:
            raise AssertionError("faults never happened: " + "; ".join(map(str, left)))

    def take(self, method: str, request: Any, *, delay: bool) -> Fault | None:
        """Uses up the next delay, or the next error, planned for this method; the gRPC server does this."""
        with self._lock:
            for fault in self._planned:
                if bool(fault.seconds) == delay and fault.hits(method, request):
                    fault.times -= 1
                    if fault.times == 0:
                        self._planned.remove(fault)
                    return fault
        return None

    def _plan(self, fault: Fault) -> None:
        if fault.times < 1:
            raise ValueError(f"times must be at least 1, got {fault.times!r}")
        if self._methods and fault.method not in self._methods:
            close = get_close_matches(fault.method, self._methods, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"the sandbox has no method {fault.method!r}, named without its service{hint}")
        with self._lock:
            self._planned.append(fault)
