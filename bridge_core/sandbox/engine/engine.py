"""The engine of one sandbox: which runs are going, and what they all need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.core import execution_pb2

from ..admin.creation import Creation
from ..model.ids import START_NODE
from ..runner.pool import Pool
from ..store.executions import execution_key
from ..store.jobs import Jobs
from .children import Children
from .context import EngineContext
from .deletions import JobDeleter
from .factory import NodeFactory
from .history import abort_nodes
from .loop import Loop
from .recorder import Recorder
from .reservations import Reservations
from .run import Run
from .scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ..admin.context import Admin
    from ..connectors.registry import Connectors
    from ..controls.stubs import Stubs
    from ..model.layout import Layout
    from ..runner.context import RunnerContext
    from .cache import CacheUse

__all__ = ["Engine"]

_Phase = execution_pb2.WorkflowExecution


class Engine:
    """Starts, signals and stops runs. Its methods may be called from any thread; runs live on its loop.

    Args:
        admin: The store.
        layout: The storage.
        runner: Runs processes.
        stubs: What is played.
        connectors: Who runs tasks elsewhere.
        clock: What schedules take for the time.
        catch_up: How many missed ticks of a schedule are made up for.
        parallelism: How many processes run at once.
        cache: Whether the task cache is used.
        run_url: The console's page of a run.
        moves: Whether it moves runs at all; else only events do.
        pickup: Seconds for which a run that was created stays as it is, and one that is about to end SUCCEEDING or FAILING.
    """

    def __init__(
        self,
        *,
        admin: Admin,
        layout: Layout,
        runner: RunnerContext,
        stubs: Stubs,
        connectors: Connectors,
        clock: Callable[[], datetime],
        catch_up: int,
        parallelism: int,
        stop_orphans: bool,
        cache: CacheUse,
        run_url: Callable[[Any], str],
        moves: bool = True,
        pickup: float = 0.0,
    ) -> None:
        self.admin = admin
        self.connectors = connectors
        self.database = database = admin.database
        self.entities = entities = admin.entities
        self.executions = admin.executions
        self.nodes = admin.nodes
        self.layout = layout
        self.loop = Loop("sandbox-engine")
        self._moves = moves
        self._pickup = pickup
        self.launcher = Creation(admin, self.start_run)
        self.scheduler = Scheduler(database, self.loop, self.launcher, clock=clock, catch_up=catch_up)
        jobs = Jobs(database)
        self.pool = Pool(parallelism)
        """Who may start processes; Flyte 2's tasks are in it, too."""
        self._context = EngineContext(
            database=database,
            entities=entities,
            executions=self.executions,
            nodes=self.nodes,
            jobs=jobs,
            layout=layout,
            loop=self.loop,
            pool=self.pool,
            recorder=Recorder(self.nodes, layout),
            reservations=Reservations(),
            stubs=stubs,
            connectors=connectors,
            runner=runner,
            children=Children(database, self.executions, self.launcher, self.terminate),
            deletions=JobDeleter(connectors, jobs, self.loop),
            pause=pickup,
            stop_orphans=stop_orphans,
            cache=cache,
            run_url=run_url,
        )
        self._factory = NodeFactory()
        self._runs: dict[str, Run] = {}

    def start(self) -> None:
        """Begins to work, first on the runs that an earlier server left unfinished."""
        if not self._moves:
            return
        aborted: set[str] = set()
        unfinished = self.executions.unfinished()
        for execution in unfinished:  # parents before their children
            self._resume(execution, aborted)
        going = {execution_key(execution.id) for execution in unfinished}
        self.loop.post(lambda: self._context.deletions.delete_left(lambda job: job.execution in going))
        self.scheduler.start()
        self.loop.start()

    def stop(self) -> None:
        """Stops moving runs on, then kills all task processes. The store stays as it is."""
        self.connectors.settle()
        self.loop.stop()
        self.connectors.close()
        self._context.pool.close()

    def start_run(self, execution: Any, inputs: Any, closure: Any, *, resumed: bool = False) -> None:
        """Begins a run that is in the store, or goes on with it after a restart."""

        def begin() -> None:
            run = Run(
                self._context,
                self._factory,
                execution,
                inputs,
                closure,
                on_end=self._run_ended,
                resumed=resumed,
            )
            self._runs[run.key] = run
            run.guard(run.begin)

        if self._moves and (resumed or not self._pickup):
            self.loop.post(begin)
        elif self._moves:
            self.loop.later(self._pickup, begin)

    def terminate(self, identifier: Any) -> None:
        """Stops a run whose phase is ABORTING already."""

        def abort() -> None:
            run = self._runs.get(execution_key(identifier))
            if run is not None:
                run.guard(run.abort)

        self.loop.post(abort)

    def signalled(self, identifier: Any, signal_id: str) -> None:
        """Tells a run that a signal in the store has its value."""

        def tell() -> None:
            run = self._runs.get(execution_key(identifier))
            if run is not None:
                run.guard(lambda: run.signalled(signal_id))

        self.loop.post(tell)

    def _run_ended(self, run: Run) -> None:
        self._runs.pop(run.key, None)
        self._context.deletions.delete_all_of(run.id)
        self._context.reservations.release_run(run.key)
        self._context.children.ended(run.key)

    def _resume(self, execution: Any, aborted: set[str]) -> None:
        """Goes on with a run that an earlier server left, or ends it with the reason why that is impossible."""
        parent = execution.spec.metadata.parent_node_execution.execution_id
        if execution.closure.phase == _Phase.ABORTING or execution_key(parent) in aborted:
            aborted.add(execution_key(execution.id))
            execution.closure.phase = _Phase.ABORTED
            self._close(execution)
            return
        workflow = self.entities.find(execution.closure.workflow_id)
        if workflow is None:
            error = execution.closure.error
            error.code, error.kind = "SandboxRestarted", execution_pb2.ExecutionError.SYSTEM
            error.message = "the sandbox was restarted, and the workflow of this run is not in its store any more"
            execution.closure.phase = _Phase.FAILED
            self._close(execution)
            return
        inputs = self.executions.data(execution.id)[0]
        start = self.nodes.find(execution.id, START_NODE)
        if start is not None:  # what it began with: a refused duplicate may have overwritten the stored inputs
            inputs = self.nodes.data(start.id)[1]
        self.start_run(execution, inputs, workflow.closure.compiled_workflow, resumed=True)

    def _close(self, execution: Any) -> None:
        with self.database.transaction():
            abort_nodes(self.nodes, execution.id)
            self.executions.save(execution)
        self._context.deletions.delete_all_of(execution.id)
