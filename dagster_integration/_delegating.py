"""The half of `flyte_executor` that Dagster calls: which step goes where, whether it lives, and what an interrupt means."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any, Self

from ._bodies import Bodies
from ._children import Children
from ._compat import is_being_cancelled, private
from ._interrupts import SIGNALS, by_hand
from ._settings import FLYTE_STEP

__all__ = ["FlyteExecutor"]

_EVERY = (0.1, 0.5)
"""Seconds between two looks at the event log; a step that ends in this process is seen after the shorter time."""
_HEALTH = 5
"""Seconds between two looks at processes and threads."""


class _Handler(private("StepHandler")):  # type: ignore[misc]  # what is not documented has no types
    """Begins steps, and knows which are at work."""

    def __init__(self, max_processes: int) -> None:
        self._children = Children(max_processes)
        self.bodies: Bodies | None = None
        self._dead: set[str] = set()
        super().__init__()

    @property
    def name(self) -> str:
        return "flyte_executor"

    def begin(self, plan_context: Any) -> Bodies:
        """Before the first step."""
        self.bodies = Bodies(plan_context)
        return self.bodies

    def launch_step(self, step_handler_context: Any) -> Iterator[Any]:
        """Begins a step."""
        arguments = step_handler_context.execute_step_args
        (key,) = arguments.step_keys_to_execute
        self._dead.discard(key)
        assert self.bodies is not None
        if FLYTE_STEP in step_handler_context.step_tags[key]:
            self.bodies.start(key, arguments.known_state, arguments.retry_mode)
        else:
            environment = {item["name"]: item["value"] for item in arguments.get_command_env()}
            self._children.start(key, ["api", "execute_step"], environment, self.bodies.turns.outputs)
        return iter(())

    def check_step_health(self, step_handler_context: Any) -> Any:
        """Whether it is at work.

        What it wrote at its end is read between two looks: only the second that finds it dead counts.
        """
        (key,) = step_handler_context.execute_step_args.step_keys_to_execute
        health = private("CheckStepHealthResult")
        assert self.bodies is not None
        alive = self.bodies.alive(key)
        if alive is None and not self._children.known(key):
            return health.unhealthy(reason="this run worker has not begun it")
        died = self._children.died(key) if alive is None else None if alive else "its thread ended"
        if died is None:
            return health.healthy()
        if key not in self._dead:
            self._dead.add(key)
            return health.healthy()
        return health.unhealthy(reason=died)

    def terminate_step(self, step_handler_context: Any) -> Iterator[Any]:  # noqa: ARG002
        """All are ended together, by `interrupt`."""
        return iter(())

    def interrupt(self, *, reason: str | None, by_hand: bool) -> None:
        """Ends whatever is at work; the steps say that they were interrupted.

        Args:
            reason: Why Flyte runs are aborted; None: they go on.
            by_hand: Whether somebody pressed Ctrl-C.
        """
        assert self.bodies is not None
        self._children.interrupt()
        self.bodies.stop(reason=reason, by_hand=by_hand)

    def leave(self) -> None:
        """Another run worker goes on with the steps: they end without a word."""
        assert self.bodies is not None
        self._children.kill()
        self.bodies.leave()

    def close(self) -> None:
        """After the last step."""
        assert self.bodies is not None
        self._children.close()
        self.bodies.close()


class FlyteExecutor(private("StepDelegatingExecutor")):  # type: ignore[misc]  # as above
    """Dagster's executor for steps that are elsewhere; here they are threads that wait, and processes.

    Args:
        max_processes: How many steps that are none of Flyte's run together.
        **settings: Those of Dagster's own.
    """

    def __init__(self, max_processes: int, **settings: Any) -> None:
        self._handler = _Handler(max_processes)
        self._plan_context: Any = None
        super().__init__(self._handler, sleep_seconds=_EVERY[1], check_step_health_interval_seconds=_HEALTH, **settings)

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """What Dagster calls for a run."""
        bodies = self._handler.begin(plan_context)
        self._plan_context, done = plan_context, False
        with _Heard() as heard:
            bodies.turns.begin(first=True)
            try:
                yield from super().execute(plan_context, execution_plan)
                done = True
            finally:
                bodies.turns.end()
                if not done:
                    self._interrupted(plan_context, heard.came)
                self._handler.close()

    @property
    def _sleep_seconds(self) -> float:
        """What Dagster reads when it would sleep. It has slept then: bodies had their turns meanwhile."""
        bodies, plan_context = self._handler.bodies, self._plan_context
        if bodies is not None:
            bodies.turns.pause(*_EVERY)
            while bodies.waits.troubles:
                plan_context.instance.report_engine_event(bodies.waits.troubles.popleft(), plan_context.dagster_run)
        return 0.0

    @_sleep_seconds.setter
    def _sleep_seconds(self, given: float) -> None: ...

    def _interrupted(self, plan_context: Any, came: list[int]) -> None:
        """Dagster passes nothing on to steps when the run may be resumed, also when a person cancelled it (dagster#33923)."""
        instance, run = plan_context.instance, plan_context.dagster_run
        pressed = by_hand(run, came)
        if is_being_cancelled(instance, run.run_id):
            reason = f"Dagster run {run.run_id} was cancelled"
        elif pressed:
            reason = f"Dagster run {run.run_id} was stopped with Ctrl-C"
        elif came and instance.run_will_resume(run.run_id):
            self._handler.leave()
            return
        else:
            reason = None
        self._handler.interrupt(reason=reason, by_hand=pressed)

    def _pop_events(self, instance: Any, run_id: str, seen_storage_ids: set[int]) -> list[Any]:
        """All that is new. Dagster reads a thousand at most, which is too few to resume a run of hundreds of steps."""
        found: list[Any] = []
        while page := super()._pop_events(instance, run_id, seen_storage_ids):
            found += page
        return found


class _Heard:
    """Which signals came. Dagster's handler, which is called as ever, makes one of all of them."""

    def __init__(self) -> None:
        self.came: list[int] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            if handler is not None:  # None: installed by something that is not Python
                signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        self.came.append(number)
        if callable(before := self._before.get(number)):
            before(number, frame)
