"""One task until it succeeded or ran out of attempts: cache, attempts, retries, time-outs.

Only recoverable failures are retried. See `retries` for how often, `deadlines` for how long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from flyteidl.core import catalog_pb2, execution_pb2, literals_pb2

from ..compiler.shape import identifier_key
from ..model.ids import pod_name
from ..model.outcome import CANCELLED, Cancelled, Done, Dynamic, Failure, Outcome
from ..runner.attempt import TaskAttempt
from ..runner.order import AttemptOrder
from .cache import cache_key, catalog_metadata, with_source
from .connector_job import ConnectorJob
from .deadlines import Deadlines
from .interruptible import may_be_interrupted
from .retries import INTERRUPTED, SYSTEM_RETRIES, Retries
from .stub_run import StubExecution

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..runner.order import AttemptResult
    from .node import NodeRun
    from .recorder import TaskRecord

__all__ = ["AttemptListener", "TaskRun", "task_of"]

_SYSTEM = execution_pb2.ExecutionError.SYSTEM
_Task = execution_pb2.TaskExecution


def task_of(owner: NodeRun, node: Any) -> Any:
    """The template of the task that a node refers to."""
    reference = node.task_node.reference_id
    task = owner.run.tasks.get(identifier_key(reference))
    if task is None:
        raise Failure("TaskNotFound", f"task {reference.name!r} is not part of the compiled workflow", kind=_SYSTEM)
    return task


class AttemptListener(Protocol):
    """Who keeps track of attempts that have no records of their own."""

    def __call__(self, attempt: int, phase: int) -> None:
        """An attempt is in this TaskExecution.Phase now."""


class TaskRun:
    """Attempts of one task, for a task node or for one item of an array node.

    Args:
        owner: The node it works for.
        node: The node with the task reference (an array's inner node).
        inputs: What the task gets.
        on_end: Told once; Dynamic only when ``item`` is None.
        on_begin: Called when it is at work: not at all on a cache hit.
        item: Index of an array item, or None.
        item_inputs: What an array's item picks from the whole lists that are its inputs.
        listener: Told of attempts instead of their getting task executions of their own.
        attempt: Number of the first attempt.
    """

    def __init__(
        self,
        owner: NodeRun,
        node: Any,
        inputs: Any,
        on_end: Callable[[Outcome | Dynamic], None],
        *,
        on_begin: Callable[[], None] = lambda: None,
        item: int | None = None,
        item_inputs: Any = None,
        listener: AttemptListener | None = None,
        attempt: int = 0,
    ) -> None:
        self._owner = owner
        self._run = owner.run
        self._node = node
        self.task = task_of(owner, node)
        self._inputs = inputs
        self._on_end = on_end
        self._on_begin = on_begin
        self._item = item
        self._values = inputs if item_inputs is None else item_inputs
        self._listener = listener
        self._path = "" if item is None else f"/{item}"
        self._record: TaskRecord | None = None
        self._job: TaskAttempt | None = None
        self._other: StubExecution | ConnectorJob | None = None
        self._cancelled = False
        self._waiting = False
        self._over = False
        self._overdue: Failure | None = None
        self.attempt = attempt
        self.cache_status = catalog_pb2.CACHE_DISABLED
        self.catalog: Any = None
        metadata = self.task.metadata
        self._retries = Retries(node.metadata.retries.retries or metadata.retries.retries)
        self._retries.used(max(0, attempt - 1))  # an array's item after a restart; the interrupted attempt is free
        self._interruptible = may_be_interrupted(self._run, node, self.task)
        self._deadlines = Deadlines(node.metadata.timeout.ToNanoseconds() / 1e9, owner.later, self._too_late)
        self._cache_key = ""
        if metadata.discoverable and self._run.context.cache.enabled:
            self._cache_key = cache_key(self.task, self._values)

    def start(self) -> None:
        """Looks into the cache, then runs the first attempt."""
        if self._cancelled:
            self._end(CANCELLED)
            return
        self._deadlines.begin(self._owner.record.seconds if self._item is None else 0.0)
        if self._listener is None and self._goes_on():
            return
        if self._cache_key and not (self._run.spec.overwrite_cache or self._run.context.cache.overwrite):
            found = self._run.context.nodes.cached(self._cache_key)
            if found is not None:
                outputs, self.catalog = found
                self.cache_status = catalog_pb2.CACHE_HIT
                self._end(Done(outputs, cached=True))
                return
            # A run that overwrites the cache waits for nobody (nodes/executor.go: handleQueuedOrRunningNode).
            self._waiting = self.task.metadata.cache_serializable and not self._run.context.reservations.reserve(
                self._cache_key, self._run.key, self, lambda: self._run.post(self.start)
            )
            if self._waiting:
                return
        self._on_begin()
        self._next()

    def made(self, outputs: Any) -> None:
        """The workflow of a dynamic task has these outputs: they are its last attempt's, and for the cache."""
        before = self._run.history.attempts(self._owner.unique_id)
        if self._record is None and before:
            self._record = self._run.context.recorder.resumed_task(before[-1])
        if self._record is not None:
            self._record.outputs(outputs)
        self.store(outputs)

    def store(self, outputs: Any) -> None:
        """Puts outputs into the cache, if the task has one."""
        if self._cache_key:
            self.catalog = catalog_metadata(self.task, self._cache_key)
            source = with_source(self.catalog, self.task, self._owner.record.id, self.attempt)
            self._run.context.nodes.cache(self._cache_key, outputs, source)
            self.cache_status = catalog_pb2.CACHE_POPULATED

    def release(self) -> None:
        """Lets others compute the same; a dynamic task does so when its workflow has ended."""
        if self._cache_key:
            self._run.context.reservations.release(self._cache_key, self)

    def _goes_on(self) -> bool:
        """After a restart: counts the attempts that were made, and starts the one after the interrupted one."""
        before = self._run.history.attempts(self._owner.unique_id)
        if not before:
            return False
        self._on_begin()
        for message in before[:-1]:
            error = message.closure.error
            self._retries.may_retry(Failure(error.code, error.message, kind=error.kind, recoverable=True))
        self.attempt = before[-1].id.retry_attempt
        self._record = self._run.context.recorder.resumed_task(before[-1])
        job = self._run.context.jobs.find(self._run.key, self._owner.unique_id + self._path, self.attempt)
        if job is not None:
            self._other = connected = self._connected()
            self._deadlines.attempt()
            connected.resume(job)
            return True
        message = "the sandbox was restarted while this attempt was running"
        self._ended(Failure(INTERRUPTED, message, kind=_SYSTEM, recoverable=True))
        return True

    def cancel(self) -> None:
        """Stops the process; the end is reported when it is gone."""
        self._cancelled = True
        if self._waiting:
            self._waiting = False
            self._end(CANCELLED)
        else:
            self._stop()

    def leave(self) -> None:
        """Lets the process run to its end, of which nobody hears."""
        self._over = True
        self._deadlines.stop()
        self.release()

    def _stop(self) -> None:
        if self._other is not None:
            self._other.cancel()
        elif self._job is not None:
            self._run.context.pool.cancel(self._job)

    def _too_late(self, failure: Failure) -> None:
        if self._over or self._cancelled or self._overdue is not None:
            return
        self._overdue = failure
        if self._waiting:
            self._waiting = False
            self._ended(CANCELLED)
        else:
            self._stop()

    def _next(self) -> None:
        self._deadlines.attempt()
        if self._listener is None:
            self._record = self._run.context.recorder.task(
                self._owner.record,
                self.task,
                self.attempt,
                self._inputs,
                pod=self._pod(self.attempt),
                interruptible=self._interruptible and self._retries.system < SYSTEM_RETRIES,
            )
        self._tell(_Task.QUEUED)
        identifier = self.task.id
        stub = self._run.context.stubs.find(identifier.project, identifier.domain, identifier.name)
        if stub is not None:
            self._running()
            key = f"{self._owner.unique_id}{self._path}/{self.attempt}"
            self._other = StubExecution(self._run, stub, key, self._ended)
        elif self.task.type == "echo":
            self._ended(_echo(self.task, self._values))
        elif self._run.context.connectors.may_run(self.task.type):
            self._other = connected = self._connected()
            connected.start(after=self._retries.pause)
        else:
            self._start_process()

    def _running(self, reason: str = "") -> None:
        if self._record is not None:
            self._record.running(reason)
        self._tell(_Task.RUNNING)

    def _tell(self, phase: int) -> None:
        if self._listener is not None:
            self._listener(self.attempt, phase)

    def _connected(self) -> ConnectorJob:
        def elsewhere() -> None:
            self._other = None
            self._start_process()

        return ConnectorJob(self._run, self._order(), self._record, on_end=self._ended, elsewhere=elsewhere)

    def _start_process(self) -> None:
        context = self._run.context

        def started() -> None:
            if self._job is job and not self._over:
                self._running("[|ContainerCreating]: |")  # what the pod said last

        self._job = job = TaskAttempt(
            context.runner,
            self._order(),
            started=lambda: self._run.post(started),
            report=lambda result: self._run.post(lambda: self._ended(result)),
        )
        if self._record is not None:
            self._record.submitted(str(job.log), context.run_url(self._run.id))
        context.pool.submit(job)

    def _pod(self, attempt: int) -> str:
        return pod_name(self._run.id.name, self._owner.unique_id, attempt, self._item)

    def _order(self) -> AttemptOrder:
        run, task, item = self._run, self.task, self._item
        env = {pair.key: pair.value for pair in run.spec.envs.values}
        if run.context.runner.endpoint:
            env["FLYTE_EXECUTION_URL"] = run.context.run_url(run.id)
        if item is not None:
            env |= {"BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX", "FLYTE_K8S_ARRAY_INDEX": str(item)}
        workflow = run.workflow.id
        return AttemptOrder(
            execution=run.id,
            task=task,
            inputs=self._inputs,
            values=self._values,
            path=self._owner.unique_id + self._path,
            directory=self._owner.directory if item is None else self._owner.output_prefix / str(item),
            pod=self._pod(self.attempt),
            previous_pod=self._pod(self.attempt - 1) if self.attempt else "",
            attempt=self.attempt,
            workflow=f"{workflow.project}:{workflow.domain}:{workflow.name}",
            env=env,
            raw_prefix=run.spec.raw_output_data_config.output_location_prefix,
            checkpoint=run.history.checkpoint(self._owner.unique_id) if item is None else "",
        )

    def _ended(self, result: AttemptResult) -> None:
        self._job, self._other = None, None
        if self._over:
            return
        self._deadlines.attempt_ended()
        if self._cancelled:
            result = CANCELLED
        self._close(result if self._overdue is None else CANCELLED)
        if self._overdue is not None and not self._cancelled:
            result, self._overdue = self._overdue, None
        if isinstance(result, Failure) and result.recoverable:
            if self._retries.may_retry(result):
                self.attempt += 1
                self._next()
                return
            result = self._retries.exhausted(result)
        if isinstance(result, Done):
            self.store(result.outputs)
        self._end(result)

    def _close(self, result: AttemptResult) -> None:
        """Writes down how the attempt ended."""
        if self._record is not None:
            prefix = self._owner.directory / str(self.attempt)
            self._record.ended(result, self._run.context.layout.native(prefix / "outputs.pb"))
        phases = {Failure: _Task.FAILED, Cancelled: _Task.ABORTED}
        self._tell(phases.get(type(result), _Task.SUCCEEDED))

    def _end(self, outcome: Outcome | Dynamic) -> None:
        """Only the first counts: one that was cancelled while it waited for a reservation is called once more."""
        if self._over:
            return
        self._over = True
        self._deadlines.stop()
        if not isinstance(outcome, Dynamic):
            self.release()
        self._on_end(outcome)


def _echo(task: Any, inputs: Any) -> Done | Failure | Cancelled:
    """The ``echo`` plugin (flyteplugins ``tasks/plugins/testing/echo.go``): inputs become outputs, pairwise by sorted name."""
    wanted, given = sorted(task.interface.outputs.variables), sorted(inputs.literals)
    if len(wanted) > len(given):
        return Failure("EchoTask", f"echo task {task.id.name!r} has {len(wanted)} outputs but {len(given)} inputs")
    literals = {output: inputs.literals[name] for output, name in zip(wanted, given, strict=False)}
    return Done(literals_pb2.LiteralMap(literals=literals))
