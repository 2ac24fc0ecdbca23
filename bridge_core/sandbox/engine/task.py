"""One task until it succeeded or ran out of attempts: cache, attempts, retries.

Only recoverable failures are retried. See `retries` for how often.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import catalog_pb2, execution_pb2, literals_pb2

from ..compiler.shape import identifier_key
from ..model.outcome import CANCELLED, Cancelled, Done, Dynamic, Failure, Outcome
from ..model.timeouts import timed_out
from ..runner.attempt import TaskAttempt
from ..runner.order import AttemptOrder
from .cache import cache_key, catalog_metadata
from .connector_job import ConnectorJob
from .retries import INTERRUPTED, Retries
from .stub_run import StubExecution

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..runner.order import AttemptResult
    from .node import NodeRun
    from .recorder import TaskRecord

__all__ = ["TaskRun", "task_of"]

_SYSTEM = execution_pb2.ExecutionError.SYSTEM
_MAX_PARALLELISM = 25  # flyteadmin pkg/runtime/application_config_provider.go: of runs that say nothing


def task_of(owner: NodeRun, node: Any) -> Any:
    """The template of the task that a node refers to."""
    reference = node.task_node.reference_id
    task = owner.run.tasks.get(identifier_key(reference))
    if task is None:
        raise Failure("TaskNotFound", f"task {reference.name!r} is not part of the compiled workflow", kind=_SYSTEM)
    return task


class TaskRun:
    """Attempts of one task, for a task node or for one item of an array node.

    Args:
        owner: The node it works for.
        node: The node with the task reference (an array's inner node).
        inputs: What the task gets.
        on_end: Told once; Dynamic only when ``item`` is None.
        item: Index of an array item whose task picks it from the whole lists, or None.
        path: Suffix below the node's data directory for array items.
        cache_inputs: What the cache key is made of, when that is not ``inputs``.
        recorded: Whether its attempts have task executions of their own.
        attempt: Number of the first attempt.
    """

    def __init__(
        self,
        owner: NodeRun,
        node: Any,
        inputs: Any,
        on_end: Callable[[Outcome | Dynamic], None],
        *,
        item: int | None = None,
        path: str = "",
        cache_inputs: Any = None,
        recorded: bool = True,
        attempt: int = 0,
    ) -> None:
        self._owner = owner
        self._run = owner.run
        self._node = node
        self.task = task_of(owner, node)
        self._inputs = inputs
        self._on_end = on_end
        self._item = item
        self._path = path
        self._recorded = recorded
        self._record: TaskRecord | None = None
        self._job: TaskAttempt | None = None
        self._other: StubExecution | ConnectorJob | None = None
        self._cancelled = False
        self._waiting = False
        self._over = False
        self._spent = 0.0
        self.attempt = attempt
        self.cache_status = catalog_pb2.CACHE_DISABLED
        self.catalog: Any = None
        metadata = self.task.metadata
        self._retries = Retries(node.metadata.retries.retries or metadata.retries.retries)
        self._retries.used(max(0, attempt - 1))  # an array's item after a restart; the interrupted attempt is free
        timeout = node.metadata.timeout.ToNanoseconds() or metadata.timeout.ToNanoseconds()
        self._timeout = timeout / 1e9
        self._cache_key = ""
        if metadata.discoverable:
            self._cache_key = cache_key(self.task, cache_inputs if cache_inputs is not None else inputs)

    def start(self) -> None:
        """Looks into the cache, then runs the first attempt."""
        if self._cancelled:
            self._end(CANCELLED)
            return
        if self._recorded and self._goes_on():
            return
        if self._cache_key:
            found = None
            if not self._run.spec.overwrite_cache:
                found = self._run.context.nodes.cached(self._cache_key)
            self.cache_status = catalog_pb2.CACHE_MISS if found is None else catalog_pb2.CACHE_HIT
            if found is not None:
                outputs, self.catalog = found
                self._end(Done(outputs, cached=True))
                return
            # A run that overwrites the cache waits for nobody (nodes/executor.go: handleQueuedOrRunningNode).
            serial = self.task.metadata.cache_serializable and not self._run.spec.overwrite_cache
            self._waiting = serial and not self._run.context.reservations.reserve(
                self._cache_key, self._run.key, self, lambda: self._run.post(self.start)
            )
            if self._waiting:
                return
        self._next()

    def _goes_on(self) -> bool:
        """After a restart: counts the attempts that were made, and starts the one after the interrupted one."""
        before = self._run.history.attempts(self._owner.unique_id)
        if not before:
            return False
        if self._cache_key:
            self.cache_status = catalog_pb2.CACHE_MISS
        for message in before[:-1]:
            error = message.closure.error
            self._retries.may_retry(Failure(error.code, error.message, kind=error.kind, recoverable=True))
        self.attempt = before[-1].id.retry_attempt
        self._record = self._run.context.recorder.resumed_task(before[-1])
        job = self._run.context.jobs.find(self._run.id, self._owner.unique_id + self._path, self.attempt)
        if job is not None:
            self._other = connected = self._connected()
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
        elif self._other is not None:
            self._other.cancel()
        elif self._job is not None:
            self._run.context.pool.cancel(self._job)

    def _next(self) -> None:
        if self._recorded:
            recorder = self._run.context.recorder
            self._record = recorder.task(self._owner.record, self.task, self.attempt, self._inputs)
        key = f"{self._owner.unique_id}{self._path}/{self.attempt}"
        identifier = self.task.id
        stub = self._run.context.stubs.find(identifier.project, identifier.domain, identifier.name)
        if stub is not None:
            if self._record is not None:
                self._record.running()
            self._other = StubExecution(self._run, stub, key, self._ended)
            return
        if self.task.type == "echo":
            self._ended(_echo(self.task, self._inputs))
            return
        if self._run.context.connectors.may_run(self.task.type):
            self._other = connected = self._connected()
            connected.start(after=self._retries.pause)
            return
        self._start_process()

    def _connected(self) -> ConnectorJob:
        def elsewhere() -> None:
            self._other = None
            self._start_process()

        return ConnectorJob(self._run, self._order(), self._record, on_end=self._ended, elsewhere=elsewhere)

    def _start_process(self) -> None:
        context = self._run.context
        self._job = TaskAttempt(
            context.runner, self._order(), lambda result: self._run.post(lambda: self._ended(result))
        )
        if self._record is not None:
            self._record.running(str(self._job.log), context.run_url(self._run.id))
        context.pool.submit(self._job)

    def _order(self) -> AttemptOrder:
        run, task = self._run, self.task
        env = {pair.key: pair.value for pair in run.spec.envs.values}
        env["FLYTE_EXECUTION_URL"] = run.context.run_url(run.id)
        if self._item is not None:
            env |= {
                "BATCH_JOB_ARRAY_INDEX_VAR_NAME": "FLYTE_K8S_ARRAY_INDEX",
                "FLYTE_K8S_ARRAY_INDEX": str(self._item),
            }
        workflow = run.workflow.id
        return AttemptOrder(
            execution=run.id,
            task=task,
            inputs=self._inputs,
            path=self._owner.unique_id + self._path,
            attempt=self.attempt,
            timeout=self._timeout,
            workflow=f"{workflow.project}:{workflow.domain}:{workflow.name}",
            env=env,
            run_limit=run.spec.max_parallelism or _MAX_PARALLELISM,
            raw_prefix=run.spec.raw_output_data_config.output_location_prefix,
            checkpoint=run.history.checkpoint(self._owner.unique_id) if self._recorded else "",
            spent=self._spent,
        )

    def _ended(self, result: AttemptResult) -> None:
        doing = self._job or self._other
        if isinstance(doing, TaskAttempt | ConnectorJob):
            self._spent += doing.seconds
        self._job, self._other = None, None
        if self._cancelled:
            result = CANCELLED
        if self._record is not None:
            self._record.ended(result)
        if isinstance(result, Failure) and result.recoverable:
            if not self._retries.may_retry(result):
                result = self._retries.exhausted(result)
            elif self._timeout and self._spent >= 2 * self._timeout:
                result = timed_out()
            else:
                self.attempt += 1
                self._next()
                return
        if isinstance(result, Done) and self._cache_key:
            self.catalog = catalog_metadata(self.task, self._owner.record.id, self.attempt)
            self._run.context.nodes.cache(self._cache_key, result.outputs, self.catalog)
            self.cache_status = catalog_pb2.CACHE_POPULATED
        self._end(result)

    def _end(self, outcome: Outcome | Dynamic) -> None:
        """Only the first counts: one that was cancelled while it waited for a reservation is called once more."""
        if self._over:
            return
        self._over = True
        if self._cache_key:
            self._run.context.reservations.release(self._cache_key, self)
        self._on_end(outcome)


def _echo(task: Any, inputs: Any) -> Done | Failure | Cancelled:
    """The ``echo`` plugin (flyteplugins ``tasks/plugins/testing/echo.go``): inputs become outputs, pairwise by sorted name."""
    wanted, given = sorted(task.interface.outputs.variables), sorted(inputs.literals)
    if len(wanted) > len(given):
        return Failure("EchoTask", f"echo task {task.id.name!r} has {len(wanted)} outputs but {len(given)} inputs")
    literals = {output: inputs.literals[name] for output, name in zip(wanted, given, strict=False)}
    return Done(literals_pb2.LiteralMap(literals=literals))
