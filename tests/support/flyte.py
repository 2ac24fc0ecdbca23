"""Cheap workflows over raw gRPC: no flytekit, no process; they end at once, or when a test says so.

A workflow here hands its inputs through to outputs of the same names. ``gate="approve"`` holds every run of it until
`approve` is called with the run's name; approving with False makes the run FAIL.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from flyteidl.admin import common_pb2, launch_plan_pb2, signal_pb2, workflow_pb2
from flyteidl.core import execution_pb2, identifier_pb2, interface_pb2, literals_pb2, types_pb2
from flyteidl.core import workflow_pb2 as core_workflow_pb2
from flyteidl.service import admin_pb2_grpc, signal_pb2_grpc

INTEGER = types_pb2.LiteralType(simple=types_pb2.INTEGER)
STRING = types_pb2.LiteralType(simple=types_pb2.STRING)
BOOLEAN = types_pb2.LiteralType(simple=types_pb2.BOOLEAN)
FILE = types_pb2.LiteralType(blob=types_pb2.BlobType(format="", dimensionality=types_pb2.BlobType.SINGLE))
DIRECTORY = types_pb2.LiteralType(blob=types_pb2.BlobType(format="", dimensionality=types_pb2.BlobType.MULTIPART))
STRUCT = types_pb2.LiteralType(simple=types_pb2.STRUCT)

PROJECT, DOMAIN = "flytesnacks", "development"
OLDEST = common_pb2.Sort(key="execution_created_at", direction=common_pb2.Sort.ASCENDING)
"""Pages of a list without an order shift while runs change: then one comes twice and another never."""
GATE = "go"


def integer(value: int) -> Any:
    """An integer literal."""
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(integer=value)))


def text(value: str) -> Any:
    """A string literal."""
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(string_value=value)))


@dataclass(frozen=True)
class RawFlyte:
    """FlyteAdmin's API as it is on the wire, for what a test must do behind the client's back."""

    endpoint: str

    def admin(self, method: str, request: Any) -> Any:
        """One AdminService call."""
        with grpc.insecure_channel(self.endpoint) as channel:
            return getattr(admin_pb2_grpc.AdminServiceStub(channel), method)(request, timeout=20)

    def register(
        self,
        name: str,
        inputs: Mapping[str, Any],
        *,
        version: str = "v1",
        gate: str | None = None,
        nap: float = 0.01,
        defaults: Mapping[str, Any] | None = None,
        fixed: Mapping[str, Any] | None = None,
        labels: Mapping[str, str] | None = None,
        annotations: Mapping[str, str] | None = None,
        activate: bool = False,
        width: int = 1,
        picked: Mapping[str, tuple[str, str, Any]] | None = None,
        description: str = "",
    ) -> None:
        """Registers a hand-through workflow of ``width`` nodes side by side, and its launch plan of the same name.

        Without a gate each node sleeps for ``nap`` seconds. ``picked`` are further outputs: name -> (input, its field, type of
        the field).
        """
        picked = picked or {}
        interface = interface_pb2.TypedInterface(
            inputs=_variables(inputs),
            outputs=_variables({**inputs, **{name: kind for name, (_, _, kind) in picked.items()}}),
        )
        nodes = [
            core_workflow_pb2.Node(id=f"n{number}", metadata=core_workflow_pb2.NodeMetadata(name=f"n{number}"))
            for number in range(width)
        ]
        for node in nodes:
            if gate == "approve":
                node.gate_node.approve.signal_id = GATE
            else:
                node.gate_node.sleep.duration.FromMilliseconds(int(nap * 1000))
        template = core_workflow_pb2.WorkflowTemplate(
            id=_identifier(identifier_pb2.WORKFLOW, name, version),
            interface=interface,
            nodes=nodes,
            outputs=[
                *(_handed_through(key, key) for key in inputs),
                *(_handed_through(name, key, part) for name, (key, part, _) in picked.items()),
            ],
        )
        spec = workflow_pb2.WorkflowSpec(template=template)
        spec.description.short_description = description
        self.admin("CreateWorkflow", workflow_pb2.WorkflowCreateRequest(id=template.id, spec=spec))
        plan = launch_plan_pb2.LaunchPlanSpec(
            workflow_id=template.id,
            fixed_inputs=literals_pb2.LiteralMap(literals=dict(fixed or {})),
            labels=common_pb2.Labels(values=dict(labels or {})),
            annotations=common_pb2.Annotations(values=dict(annotations or {})),
        )
        for key, kind in inputs.items():
            if key in (fixed or {}):
                continue
            parameter = interface_pb2.Parameter(var=interface_pb2.Variable(type=kind), required=True)
            if key in (defaults or {}):
                parameter.default.CopyFrom((defaults or {})[key])
            plan.default_inputs.parameters[key].CopyFrom(parameter)
        plan_id = _identifier(identifier_pb2.LAUNCH_PLAN, name, version)
        self.admin("CreateLaunchPlan", launch_plan_pb2.LaunchPlanCreateRequest(id=plan_id, spec=plan))
        if activate:
            request = launch_plan_pb2.LaunchPlanUpdateRequest(id=plan_id, state=launch_plan_pb2.ACTIVE)
            self.admin("UpdateLaunchPlan", request)

    def approve(self, name: str, *, value: bool = True) -> None:
        """Lets a held run go on (True: it SUCCEEDS) or makes it FAIL. Waits for the gate to be reached."""
        import time

        signal = identifier_pb2.SignalIdentifier(
            signal_id=GATE,
            execution_id=identifier_pb2.WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name=name),
        )
        literal = literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(boolean=value)))
        with grpc.insecure_channel(self.endpoint) as channel:
            stub = signal_pb2_grpc.SignalServiceStub(channel)
            for _ in range(200):
                try:
                    stub.SetSignal(signal_pb2.SignalSetRequest(id=signal, value=literal), timeout=20)
                except grpc.RpcError as error:
                    if "signal does not exist" not in error.details():
                        raise
                    time.sleep(0.05)
                else:
                    return
        raise AssertionError(f"run {name} never reached its gate")

    def executions(self) -> list[Any]:
        """All executions of the project that are not archived, oldest first: the whole session's, page by page.

        An abort is answered before it is done: what is ABORTING is ABORTED soon, and waited for.
        """
        for _ in range(200):
            found = self._listed()
            if all(item.closure.phase != execution_pb2.WorkflowExecution.ABORTING for item in found):
                break
            time.sleep(0.05)
        return found

    def _listed(self) -> list[Any]:
        request = common_pb2.ResourceListRequest(
            id=common_pb2.NamedEntityIdentifier(project=PROJECT, domain=DOMAIN), limit=500, sort_by=OLDEST
        )
        found: list[Any] = []
        while True:
            page = self.admin("ListExecutions", request)
            found += page.executions
            if not page.token:
                return found
            request.token = page.token


def _variables(types: Mapping[str, Any]) -> Any:
    return interface_pb2.VariableMap(variables={key: interface_pb2.Variable(type=kind) for key, kind in types.items()})


def _identifier(kind: int, name: str, version: str) -> Any:
    return identifier_pb2.Identifier(resource_type=kind, project=PROJECT, domain=DOMAIN, name=name, version=version)


def _handed_through(name: str, key: str, *path: str) -> Any:
    attributes = [types_pb2.PromiseAttribute(string_value=part) for part in path]
    promise = types_pb2.OutputReference(node_id="start-node", var=key, attr_path=attributes)
    return literals_pb2.Binding(var=name, binding=literals_pb2.BindingData(promise=promise))
