"""Plays stubs in the place of graphs and task attempts, and registers entities that only a stub knows."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2, interface_pb2, literals_pb2
from flyteidl.core import workflow_pb2 as core_workflow_pb2

from ..controls.values import literal_of, literals_of, type_named
from ..model.ids import END_NODE, START_NODE
from ..model.outcome import CANCELLED, Cancelled, Done, Failure, Outcome
from ..model.status import Rejected
from ..validation.interfaces import type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..controls.stubs import Stub
    from ..store.entities import Entities
    from .protocols import RunScope

__all__ = ["StubExecution", "StubRun", "interface_of_stub", "outputs_of_stub"]

_KINDS = (identifier_pb2.LAUNCH_PLAN, identifier_pb2.WORKFLOW, identifier_pb2.TASK)


class StubExecution:
    """One execution of a stub: ends after its time, or when it is cancelled."""

    def __init__(self, run: RunScope, stub: Stub, key: str, on_end: Callable[[Outcome], None]) -> None:
        number = stub.begin(f"{run.key}/{key}")
        outcome: Outcome = Done(stub.outputs)
        if number <= stub.fail_times:
            text = f"{stub.message} ({number} of {stub.fail_times} times)"
            outcome = Failure("USER:StubFailed", text, recoverable=True)
        self._on_end = on_end
        self._timer = run.context.loop.later(stub.duration, lambda: run.guard(lambda: on_end(outcome)))

    def cancel(self, _reason: str = "") -> None:
        """Ends it now."""
        self._timer.cancel()
        self._on_end(CANCELLED)

    def leave(self) -> None:
        """Forgets it; nobody hears of its end."""
        self._timer.cancel()


class StubRun:
    """A whole execution that is a stub: takes the place of its root graph."""

    def __init__(self, run: RunScope, stub: Stub, inputs: Any, on_end: Callable[[Outcome], None]) -> None:
        self._run = run
        self._stub = stub
        self._inputs = inputs
        self._on_end = on_end
        self._execution: StubExecution | None = None

    def start(self) -> None:
        """Begins to wait."""
        self._mark(START_NODE, literals_pb2.LiteralMap(), self._inputs)
        self._execution = StubExecution(self._run, self._stub, "", self._ended)

    def cancel(self, _reason: str = "") -> None:
        """Ends it now."""
        if self._execution is not None:
            self._execution.cancel()

    def leave(self) -> None:
        """Forgets it."""
        if self._execution is not None:
            self._execution.leave()

    def _ended(self, outcome: Done | Failure | Cancelled) -> None:
        if isinstance(outcome, Done):
            self._mark(END_NODE, outcome.outputs)
        self._on_end(outcome)

    def _mark(self, node_id: str, inputs: Any, outputs: Any = None) -> None:
        if self._run.history.record(node_id) is None:
            recorder = self._run.context.recorder
            record = recorder.node(self._run.id, core_workflow_pb2.Node(id=node_id), node_id, None)
            recorder.marker(record, inputs=inputs, outputs=outputs)


def outputs_of_stub(
    entities: Entities,
    handlers: Any,
    name: tuple[str, str, str],
    *,
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
) -> Any:
    """The literals a stub puts out. An entity of that name gives their types; without one, task, workflow and plan are made.

    Args:
        entities: The registry.
        handlers: The service that registers.
        name: Project, domain and name.
        inputs: Types of the inputs by name, for an entity that is made.
        outputs: Python values or literals by name.

    Raises:
        ValueError: The values do not fit the entity of that name.
    """
    text = f"stub {name[2]!r}"
    for kind in _KINDS:
        found = entities.newest(kind, *name)
        if found is not None:
            declared = _outputs_of(kind, found)
            if inputs:
                raise ValueError(f"{text}: it is registered, and its interface is known; leave out inputs=")
            return literals_of(outputs, declared, text)
    literals = literals_pb2.LiteralMap(literals={key: literal_of(value) for key, value in outputs.items()})
    interface = interface_pb2.TypedInterface()
    interface.inputs.SetInParent()
    interface.outputs.SetInParent()
    for key, hint in inputs.items():
        interface.inputs.variables[key].type.CopyFrom(type_named(hint))
    for key, literal in literals.literals.items():
        interface.outputs.variables[key].type.CopyFrom(type_of(literal))
    _register(handlers, name, interface)
    return literals


def interface_of_stub(entities: Entities, name: tuple[str, str, str]) -> Any | None:
    """The interface of the task or workflow of a name; None when there is none."""
    for kind in (identifier_pb2.TASK, identifier_pb2.WORKFLOW):
        found = entities.newest(kind, *name)
        if found is not None:
            if kind == identifier_pb2.TASK:
                return found.closure.compiled_task.template.interface
            return found.closure.compiled_workflow.primary.template.interface
    return None


def _outputs_of(kind: int, entity: Any) -> Any:
    if kind == identifier_pb2.LAUNCH_PLAN:
        return entity.closure.expected_outputs.variables
    if kind == identifier_pb2.WORKFLOW:
        return entity.closure.compiled_workflow.primary.template.interface.outputs.variables
    return entity.closure.compiled_task.template.interface.outputs.variables


def _register(handlers: Any, name: tuple[str, str, str], interface: Any) -> None:
    """A task of a type that nothing runs, a workflow of it, and an active launch plan."""
    version = "stub-" + hashlib.sha256(interface.SerializeToString(deterministic=True)).hexdigest()[:12]
    task, workflow, plan = (
        identifier_pb2.Identifier(resource_type=kind, project=name[0], domain=name[1], name=name[2], version=version)
        for kind in (identifier_pb2.TASK, identifier_pb2.WORKFLOW, identifier_pb2.LAUNCH_PLAN)
    )
    task_request = task_pb2.TaskCreateRequest(id=task)
    task_request.spec.template.type = "sandbox-stub"
    task_request.spec.template.metadata.runtime.version = "1"  # FlyteAdmin takes no task without one
    task_request.spec.template.interface.CopyFrom(interface)
    workflow_request = workflow_pb2.WorkflowCreateRequest(id=workflow)
    template = workflow_request.spec.template
    template.interface.CopyFrom(interface)
    template.metadata.SetInParent()
    template.metadata_defaults.SetInParent()
    node = template.nodes.add(id="n0")
    node.metadata.name = name[2]
    node.task_node.reference_id.CopyFrom(task)
    for key in sorted(interface.inputs.variables):
        node.inputs.add(var=key).binding.promise.var = key
    for key in sorted(interface.outputs.variables):
        promise = template.outputs.add(var=key).binding.promise
        promise.node_id, promise.var = "n0", key
    plan_request = launch_plan_pb2.LaunchPlanCreateRequest(id=plan)
    plan_request.spec.workflow_id.CopyFrom(workflow)
    activate = launch_plan_pb2.LaunchPlanUpdateRequest(id=plan, state=launch_plan_pb2.ACTIVE)
    for call, request in (
        (handlers.CreateTask, task_request),
        (handlers.CreateWorkflow, workflow_request),
        (handlers.CreateLaunchPlan, plan_request),
        (handlers.UpdateLaunchPlan, activate),
    ):
        try:
            call(request)
        except Rejected as error:
            if error.code == "ALREADY_EXISTS":
                continue
            raise ValueError(f"stub {name[2]!r}: {error.message}") from None
