"""The engine of one sandbox: which runs are going, and what they all need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import task_pb2
from flyteidl.core import execution_pb2

from ..model.ids import START_NODE
from ..runner.pool import Pool
from ..store.executions import TERMINAL, Executions, execution_key
from ..store.jobs import Jobs
from ..store.nodes import Nodes
from .deletions import delete_jobs_of
from .history import NODE_ENDED
from .launcher import Launcher
from .loop import Loop
from .recorder import Recorder
from .reservations import Reservations
from .run import Run
from .scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ..connectors.registry import Connectors
    from ..controls.stubs import Stubs
    from ..model.layout import Layout
    from ..runner.attempt import Bench
    from ..store.database import Database
    from ..store.entities import Entities
    from .outcome import Outcome

__all__ = ["Engine"]

_Phase = execution_pb2.WorkflowExecution


class Engine:
    """Starts, signals and stops runs. Its methods may be called from any thread; runs live on its loop."""

    def __init__(
        self,
        *,
        database: Database,
        entities: Entities,
        layout: Layout,
        bench: Bench,
        stubs: Stubs,
        connectors: Connectors,
        clock: Callable[[], datetime],
        catch_up: int,
        parallelism: int,
        run_url: Callable[[Any], str],
    ) -> None:
        self.stubs = stubs
        self.connectors = connectors
        self.jobs = Jobs(database)
        self.database = database
        self.entities = entities
        self.executions = Executions(database)
        self.nodes = Nodes(database)
        self.layout = layout
        self.bench = bench
        self.run_url = run_url
        self.loop = Loop("sandbox-engine")
        self.pool = Pool(parallelism)
        self.recorder = Recorder(self.nodes, layout)
        self.launcher = Launcher(database, entities, self.executions, self)
        self.scheduler = Scheduler(self, clock=clock, catch_up=catch_up)
        self.reservations = Reservations()
        self._runs: dict[str, Run] = {}
        self._watchers: dict[str, list[Callable[[], None]]] = {}

    def start(self) -> None:
        """Begins to work, first on the runs that an earlier server left unfinished."""
        aborted: set[str] = set()
        for execution in self.executions.unfinished():  # parents before their children
            self._resume(execution, aborted)
        self.scheduler.start()
        self.loop.start()

    def stop(self) -> None:
        """Stops moving runs on, then kills all task processes. The store stays as it is."""
        self.connectors.settle()
        self.loop.stop()
        self.connectors.close()
        self.pool.close()

    def start_run(self, execution: Any, inputs: Any, closure: Any, *, resumed: bool = False) -> None:
        """Begins a run that is in the store, or goes on with it after a restart."""

        def begin() -> None:
            run = Run(self, execution, inputs, closure, resumed=resumed)
            self._runs[run.key] = run
            run.guard(run.begin)

        self.loop.post(begin)

    def terminate(self, identifier: Any) -> None:
        """Stops a run whose phase is ABORTING already."""

        def abort() -> None:
            run = self._runs.get(execution_key(identifier))
            if run is not None:
                run.guard(run.abort)

        self.loop.post(abort)

    def terminate_child(self, identifier: Any, cause: str) -> None:
        """Aborts the execution of a launch plan node, unless it has ended."""
        with self.database.transaction():
            execution = self.executions.get(identifier)
            if execution.closure.phase in TERMINAL:
                return
            execution.closure.phase = _Phase.ABORTING
            execution.closure.abort_metadata.cause = cause
            self.executions.save(execution)
        self.terminate(identifier)

    def signalled(self, identifier: Any, signal_id: str) -> None:
        """Tells a run that a signal in the store has its value."""

        def tell() -> None:
            run = self._runs.get(execution_key(identifier))
            if run is not None:
                run.guard(lambda: run.signalled(signal_id))

        self.loop.post(tell)

    def watch(self, identifier: Any, ended: Callable[[], None]) -> None:
        """Calls back when an execution has ended. On the loop only."""
        self._watchers.setdefault(execution_key(identifier), []).append(ended)
        execution = self.executions.find(identifier)
        if execution is not None and execution.closure.phase in TERMINAL:
            self._tell_watchers(execution_key(identifier))

    def run_ended(self, run: Run, _outcome: Outcome) -> None:
        """A run has written its end."""
        self._runs.pop(run.key, None)
        delete_jobs_of(self, run.id)
        self.reservations.release_run(run.key)
        self._tell_watchers(run.key)

    def compiled_task(self, template: Any) -> Any:
        """A task that only a dynamic workflow knows, in the form of a registered one."""
        task = task_pb2.Task(id=template.id)
        task.closure.compiled_task.template.CopyFrom(template)
        return task

    def _tell_watchers(self, key: str) -> None:
        for ended in self._watchers.pop(key, []):
            ended()

    def abort_nodes(self, identifier: Any) -> None:
        """Marks the nodes of a run that has ended, and that did not end themselves, ABORTED."""
        for node in self.nodes.all_of(identifier):
            if node.closure.phase not in NODE_ENDED:
                node.closure.phase = execution_pb2.NodeExecution.ABORTED
                self.nodes.save(node, parent=None)

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
            self.abort_nodes(execution.id)
            self.executions.save(execution)
        delete_jobs_of(self, execution.id)
