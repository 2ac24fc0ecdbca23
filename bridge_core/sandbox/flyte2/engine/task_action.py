"""One task action at work: queued, tried, tried again, ended. Lives on the engine's loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl2.common import phase_pb2
from flyteidl2.core import catalog_pb2
from flyteidl2.workflow import run_definition_pb2

from ...model.outcome import Failure
from .attempt import AttemptEnd, AttemptOrder, ProcessAttempt
from .connector_job import ConnectorJob, job_key
from .records import (
    begin_attempt,
    end_attempt,
    hit_cache,
    move_attempt,
    move_status,
    note_event,
    pod_name,
    show_job,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...controls.stubs import Stub
    from ...engine.loop import Timer
    from ..store.actions import StoredAction
    from .context import Flyte2Context

__all__ = ["TaskAction"]

_QUEUED = phase_pb2.ACTION_PHASE_QUEUED
_RUNNING = phase_pb2.ACTION_PHASE_RUNNING
_SUCCEEDED = phase_pb2.ACTION_PHASE_SUCCEEDED
_FAILED = phase_pb2.ACTION_PHASE_FAILED
_ABORTED = phase_pb2.ACTION_PHASE_ABORTED
_USER, _SYSTEM = run_definition_pb2.ErrorInfo.KIND_USER, run_definition_pb2.ErrorInfo.KIND_SYSTEM
_RESTART = (0.5, 30.0)
"""Seconds until a crashed process is made anew, doubled each time, and at most."""


class TaskAction:
    """One action.

    Args:
        context: What all share.
        action: What the store has.
        envs: Variables of the run.
        on_end: Told when it has ended.
    """

    def __init__(self, context: Flyte2Context, action: StoredAction, on_end: Callable[[TaskAction], None]) -> None:
        self._context = context
        self.action = action
        self._on_end = on_end
        self._job: ProcessAttempt | None = None
        self._remote: ConnectorJob | None = None
        self._timer: Timer | None = None
        self._crashes = 0
        self._over = False

    @property
    def key(self) -> tuple[str, str, str, str]:
        """Project, domain, run and name."""
        return self.action.key

    def begin(self) -> None:
        """Starts the first attempt, or takes the outputs from the cache."""
        if self.action.cache_key:
            uri = self._context.actions.cached(self.action.cache_key)
            outputs = None if uri is None else self._context.places.read(uri)
            if outputs is not None:
                self._from_cache(outputs)
                return
        self._attempt()

    def resume(self) -> None:
        """Goes on after a restart of the server: the process is gone, and the attempt gets another one."""
        if self.action.details.attempts:
            self._start()
        else:
            self.begin()

    def abort(self) -> None:
        """Ends its process; the store says ABORTED already."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._job is not None:
            self._context.pool.cancel(self._job)
        elif self._remote is not None:
            self._remote.cancel()
        else:
            self._aborted()

    def wait_for_others(self) -> None:
        """It has enqueued an action: from now on it holds no slot, or parents could keep their children from running."""
        if self._job is not None:
            self._context.pool.uncount(self._job)

    def _attempt(self) -> None:
        prefix = self._prefix(len(self.action.details.attempts) + 1)
        begin_attempt(self.action.details, f"{prefix}/outputs.pb", f"{prefix}/report.html")
        self._save()
        self._start()

    def _start(self) -> None:
        task = self.action.spec.task.spec.task_template.id
        run = self.action.details.id.run
        stub = self._context.stubs.find(task.project or run.project, task.domain or run.domain, task.name)
        if stub is not None:
            self._play(stub)
            return
        number = len(self.action.details.attempts)
        spec = self.action.spec
        start = self.action.details.status.start_time
        order = AttemptOrder(
            run=run,
            action=self.action.details.id.name,
            task=spec.task.spec,
            inputs_uri=spec.input_uri,
            run_base=spec.run_output_base,
            outputs_prefix=self._prefix(number),
            previous_prefix=self._prefix(number - 1) if number > 1 else "",
            attempt=number,
            run_start_time=_start_time(spec, start),
            pod=pod_name(self.action.details, number),
            envs={pair.key: pair.value for pair in spec.run_spec.envs.values},
            secrets=self._context.secrets(run, spec.task.spec.task_template),
        )
        if self._context.connectors.may_run(spec.task.spec.task_template.type):
            self._connect(order)
        else:
            self._run_process(order)

    def _connect(self, order: AttemptOrder) -> None:
        """By a connector, if one runs tasks of this type; goes on with the job from before a restart, if there is one."""

        def elsewhere() -> None:
            self._remote = None
            self._run_process(order)

        self._remote = remote = ConnectorJob(
            self._context, order, shown=self._shown, noted=self._noted, on_end=self._ended, elsewhere=elsewhere
        )
        job = self._context.jobs.find(job_key(order.run), order.action, order.attempt)
        if job is None:
            remote.start(after=0.0)
        else:
            remote.resume(job)

    def _shown(self, phase: int, message: str, links: Any) -> None:
        if not self._over and show_job(self.action.details, phase, message, links):
            move_status(self.action.details, phase)
            self._save()

    def _noted(self, text: str) -> None:
        if not self._over:
            note_event(self.action.details, text)
            self._save()

    def _run_process(self, order: AttemptOrder) -> None:
        post = self._context.loop.post
        self._job = ProcessAttempt(
            self._context.runner,
            self._context.places,
            self._context.endpoint,
            order,
            started=lambda: post(self._running),
            report=lambda end: post(lambda: self._ended(end)),
        )
        self._context.pool.submit(self._job)

    def _play(self, stub: Stub) -> None:
        self._running()
        key = "/".join(self.key) + f"/{len(self.action.details.attempts)}"
        number = stub.begin(key)
        failure = None
        if number <= stub.fail_times:
            text = f"{stub.message} ({number} of {stub.fail_times} times)"
            failure = Failure("StubFailed", text, kind=_USER, recoverable=True)
        else:
            # A LiteralMap's bytes are those of Outputs: entries have the same numbers as named literals.
            data = stub.outputs.SerializeToString(deterministic=True)

        def end() -> None:
            if failure is None:
                uri = f"{self._prefix(len(self.action.details.attempts))}/outputs.pb"
                self._context.places.write(uri, data)
            self._ended(AttemptEnd(failure))

        self._timer = self._context.loop.later(stub.duration, end)

    def _running(self) -> None:
        if self._over:
            return
        details = self.action.details
        attempt = len(details.attempts)
        if self._context.faults.take_backwards() and details.status.phase == _QUEUED:
            move_status(details, _RUNNING)
            self._save()
            move_status(details, _QUEUED)
            self._save()
            self._later(self._really_running)
            return
        move_attempt(details, _RUNNING, self._context.log_url(details.id, attempt))
        move_status(details, _RUNNING)
        self._save()

    def _really_running(self) -> None:
        if not self._over and self.action.details.status.phase == _QUEUED:
            move_attempt(self.action.details, _RUNNING)
            move_status(self.action.details, _RUNNING)
            self._save()

    def _ended(self, end: AttemptEnd) -> None:
        self._job = self._remote = None
        if self._over:
            self._aborted()
            return
        if end.stopped:
            return
        if end.crashed:
            self._crashed(end.crashed)
            return
        if end.failure is not None:
            self._failed(end.failure)
            return
        if self.action.cache_key:
            self.action.details.attempts[-1].cache_status = catalog_pb2.CACHE_POPULATED
            self._context.actions.cache(self.action.cache_key, self.action.details.attempts[-1].outputs.output_uri)
        self._close(_SUCCEEDED)

    def _crashed(self, how: str) -> None:
        self._crashes += 1
        limit = self._context.crash_limit
        if limit is not None and self._crashes > limit:
            text = f'plugin "pod" failed with system error {self._crashes} times: {how}'
            self._close(_FAILED, run_definition_pb2.ErrorInfo(message=text, kind=_SYSTEM))
            return
        self._later(self._start, min(_RESTART[1], _RESTART[0] * 2 ** (self._crashes - 1)))

    def _failed(self, failure: Failure) -> None:
        details = self.action.details
        retries = self.action.spec.task.spec.task_template.metadata.retries.retries
        if failure.recoverable and len(details.attempts) <= retries:
            # The attempt that failed keeps its phase, and says nothing of its error.
            details.status.attempts = len(details.attempts) + 1
            move_status(details, _QUEUED)
            self._attempt()
            return
        kind = _SYSTEM if failure.kind == _SYSTEM else _USER
        self._close(_FAILED, run_definition_pb2.ErrorInfo(message=failure.message, kind=kind))

    def _from_cache(self, outputs: bytes) -> None:
        prefix = self._prefix(1)
        attempt = begin_attempt(self.action.details, f"{prefix}/outputs.pb", f"{prefix}/report.html")
        del attempt.phase_transitions[:]
        self._context.places.write(f"{prefix}/outputs.pb", outputs)
        hit_cache(attempt)
        self._close(_SUCCEEDED)

    def _close(self, phase: int, error: Any = None) -> None:
        """The attempt first; its action follows, a moment later unless the sandbox is prompt."""
        end_attempt(self.action.details, phase, error)
        self._save()

        def close() -> None:
            if self._over:
                self._aborted()
                return
            self._over = True
            move_status(self.action.details, phase)
            self._save()
            self._on_end(self)

        self._later(close, self._context.faults.phase_delay or self._context.pickup)

    def _aborted(self) -> None:
        if self.action.details.attempts and not self.action.details.attempts[-1].HasField("end_time"):
            end_attempt(self.action.details, _ABORTED)
        self._save()
        self._on_end(self)

    def _later(self, do: Callable[[], None], seconds: float | None = None) -> None:
        pause = self._context.pickup if seconds is None else seconds
        if pause:
            self._timer = self._context.loop.later(pause, do)
        else:
            do()

    def _prefix(self, attempt: int) -> str:
        action = self.action
        return self._context.places.output_prefix(
            action.spec.run_output_base, action.details.id.run.name, action.details.id.name, attempt
        )

    def _save(self) -> None:
        self._context.actions.save(self.action)
        self._context.hub.publish(self.action.details.id.run.name)


def _start_time(spec: Any, created: Any) -> str:
    stamp = spec.run_spec.run_start_time if spec.run_spec.HasField("run_start_time") else created
    return str(stamp.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ"))
