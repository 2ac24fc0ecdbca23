"""Small registered things made from protos alone: no flytekit, and processes only where a test wants one."""

from __future__ import annotations

import itertools
import time

import grpc
import pytest
from flyteidl.admin import execution_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import (
    execution_pb2 as core_execution_pb2,
)
from flyteidl.core import (
    identifier_pb2,
    interface_pb2,
    literals_pb2,
    tasks_pb2,
    types_pb2,
)
from flyteidl.core import (
    workflow_pb2 as core_workflow_pb2,
)
from flyteidl.service import admin_pb2_grpc, dataproxy_pb2_grpc, identity_pb2_grpc, signal_pb2_grpc

P, D = "flytesnacks", "development"
PHASE = core_execution_pb2.WorkflowExecution
NODE = core_execution_pb2.NodeExecution
TASK = core_execution_pb2.TaskExecution
INTEGER = types_pb2.LiteralType(simple=types_pb2.INTEGER)
STRING = types_pb2.LiteralType(simple=types_pb2.STRING)
BOOLEAN = types_pb2.LiteralType(simple=types_pb2.BOOLEAN)
FLOAT = types_pb2.LiteralType(simple=types_pb2.FLOAT)
TERMINAL = {PHASE.SUCCEEDED, PHASE.FAILED, PHASE.ABORTED, PHASE.TIMED_OUT}
_numbers = itertools.count()


def unique(prefix: str = "t") -> str:
    return f"{prefix}{next(_numbers)}"


def literal(value):
    if value is None:
        return literals_pb2.Literal(scalar=literals_pb2.Scalar(none_type=literals_pb2.Void()))
    if isinstance(value, list):
        return literals_pb2.Literal(collection=literals_pb2.LiteralCollection(literals=[literal(v) for v in value]))
    if isinstance(value, dict):
        return literals_pb2.Literal(map=literals(**value))
    field = {bool: "boolean", int: "integer", float: "float_value", str: "string_value"}[type(value)]
    primitive = literals_pb2.Primitive(**{field: value})
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=primitive))


def literals(**values):
    return literals_pb2.LiteralMap(literals={name: literal(value) for name, value in values.items()})


def value(literal):
    kind = literal.WhichOneof("value")
    if kind == "collection":
        return [value(item) for item in literal.collection.literals]
    if literal.scalar.WhichOneof("value") == "none_type":
        return None
    if literal.scalar.WhichOneof("value") == "union":
        return value(literal.scalar.union.value)
    primitive = literal.scalar.primitive
    return getattr(primitive, primitive.WhichOneof("value"))


def values(map_):
    return {name: value(literal) for name, literal in map_.literals.items()}


def identifier(kind, name, version="v1"):
    return identifier_pb2.Identifier(resource_type=kind, project=P, domain=D, name=name, version=version)


def task_id(name, version="v1"):
    return identifier(identifier_pb2.TASK, name, version)


def workflow_id(name, version="v1"):
    return identifier(identifier_pb2.WORKFLOW, name, version)


def plan_id(name, version="v1"):
    return identifier(identifier_pb2.LAUNCH_PLAN, name, version)


def interface(inputs=None, outputs=None):
    result = interface_pb2.TypedInterface()
    result.inputs.SetInParent()
    result.outputs.SetInParent()
    for name, type_ in (inputs or {}).items():
        result.inputs.variables[name].type.CopyFrom(type_)
    for name, type_ in (outputs or {}).items():
        result.outputs.variables[name].type.CopyFrom(type_)
    return result


def echo_task(name, inputs, outputs, version="v1", **metadata):
    task = tasks_pb2.TaskTemplate(id=task_id(name, version), type="echo", interface=interface(inputs, outputs))
    task.metadata.retries.retries = 0
    for key, item in metadata.items():
        setattr(task.metadata, key, item)
    return task


def shell_task(name, script, inputs=None, outputs=None, retries=0):
    """A container task of /bin/sh, which writes its outputs.pb itself if it has outputs."""
    task = tasks_pb2.TaskTemplate(id=task_id(name), type="container", interface=interface(inputs, outputs))
    task.metadata.retries.retries = retries
    task.container.image = "none"
    task.container.command.extend(["/bin/sh", "-c", script])
    return task


def promise(binding, node, var, *path):
    binding.promise.node_id, binding.promise.var = node, var
    for step in path:
        attribute = binding.promise.attr_path.add()
        if isinstance(step, int):
            attribute.int_value = step
        else:
            attribute.string_value = step


def add_node(template, node_id, target=None, after=(), **bindings):
    """Adds a node; bindings are ("node", "var") promises or plain values."""
    node = template.nodes.add(id=node_id)
    fill_node(node, target, after, **bindings)
    return node


def fill_node(node, target=None, after=(), **bindings):
    node.metadata.name = node.id
    if isinstance(target, tasks_pb2.TaskTemplate):
        node.task_node.reference_id.CopyFrom(target.id)
    elif isinstance(target, identifier_pb2.Identifier) and target.resource_type == identifier_pb2.WORKFLOW:
        node.workflow_node.sub_workflow_ref.CopyFrom(target)
    elif isinstance(target, identifier_pb2.Identifier):
        node.workflow_node.launchplan_ref.CopyFrom(target)
    node.upstream_node_ids.extend(after)
    for name, source in bindings.items():
        binding = node.inputs.add(var=name).binding
        if isinstance(source, tuple):
            promise(binding, *source)
        else:
            binding.scalar.CopyFrom(literal(source).scalar)


def new_workflow(name, inputs=None, outputs=None, version="v1"):
    template = core_workflow_pb2.WorkflowTemplate(id=workflow_id(name, version), interface=interface(inputs, outputs))
    template.metadata.SetInParent()
    template.metadata_defaults.SetInParent()
    return template


def add_output(template, name, node, var, *path):
    promise(template.outputs.add(var=name).binding, node, var, *path)


class Wire:
    """Stubs of one sandbox, and the few sequences that most tests need."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.channel = grpc.insecure_channel(endpoint)
        self.admin = admin_pb2_grpc.AdminServiceStub(self.channel)
        self.data = dataproxy_pb2_grpc.DataProxyServiceStub(self.channel)
        self.signals = signal_pb2_grpc.SignalServiceStub(self.channel)
        self.identity = identity_pb2_grpc.IdentityServiceStub(self.channel)

    def close(self):
        self.channel.close()

    def register_task(self, template):
        spec = task_pb2.TaskSpec(template=template)
        return self.admin.CreateTask(task_pb2.TaskCreateRequest(id=template.id, spec=spec))

    def register(self, template, *sub_workflows, tasks=(), plan=None):
        """Tasks, the workflow, its default launch plan (or the given specification of it)."""
        for task in tasks:
            self.register_task(task)
        spec = workflow_pb2.WorkflowSpec(template=template, sub_workflows=sub_workflows)
        self.admin.CreateWorkflow(workflow_pb2.WorkflowCreateRequest(id=template.id, spec=spec))
        return self.register_plan(template.id.name, plan, version=template.id.version, workflow=template.id)

    def register_plan(self, name, spec=None, version="v1", workflow=None):
        spec = spec if spec is not None else launch_plan_pb2.LaunchPlanSpec()
        if workflow is not None:
            spec.workflow_id.CopyFrom(workflow)
        target = plan_id(name, version)
        self.admin.CreateLaunchPlan(launch_plan_pb2.LaunchPlanCreateRequest(id=target, spec=spec))
        return target

    def launch(self, target, name="", inputs=None, project=P, **spec):
        request = execution_pb2.ExecutionCreateRequest(project=project, domain=D, name=name)
        request.spec.launch_plan.CopyFrom(target)
        request.spec.MergeFrom(execution_pb2.ExecutionSpec(**spec))
        request.inputs.CopyFrom(inputs if inputs is not None else literals())
        return self.admin.CreateExecution(request).id

    def get(self, run):
        return self.admin.GetExecution(execution_pb2.WorkflowExecutionGetRequest(id=run))

    def wait(self, run, *, phases=TERMINAL, timeout=60):
        deadline = time.monotonic() + timeout
        while True:
            execution = self.get(run)
            if execution.closure.phase in phases:
                return execution
            assert time.monotonic() < deadline, f"{run.name} is still {PHASE.Phase.Name(execution.closure.phase)}"
            time.sleep(0.02)

    def outputs_raw(self, run):
        data = self.admin.GetExecutionData(execution_pb2.WorkflowExecutionGetDataRequest(id=run))
        return data.full_outputs

    def outputs(self, run):
        return values(self.outputs_raw(run))

    def inputs(self, run):
        data = self.admin.GetExecutionData(execution_pb2.WorkflowExecutionGetDataRequest(id=run))
        return values(data.full_inputs)

    def run(self, target, inputs=None, **spec):
        run = self.launch(target, inputs=inputs, **spec)
        return self.wait(run)

    def recover(self, run, name=""):
        return self.admin.RecoverExecution(execution_pb2.ExecutionRecoverRequest(id=run, name=name)).id

    def terminate(self, run, cause="test"):
        self.admin.TerminateExecution(execution_pb2.ExecutionTerminateRequest(id=run, cause=cause))


def echo_workflow(wire, name=None, *, plan=None):
    """n -> echo -> o0; ends by itself at once."""
    name = name or unique("echo")
    task = echo_task(f"{name}.task", {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    add_node(template, "n0", task, n=("", "n"))
    add_output(template, "o0", "n0", "o0")
    return wire.register(template, tasks=[task], plan=plan)


def gate_workflow(wire, name=None, *, plan=None):
    """Held at gate "go" until a signal gives it an integer, which becomes o0."""
    name = name or unique("gate")
    template = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    node = add_node(template, "n0")
    node.gate_node.signal.signal_id = "go"
    node.gate_node.signal.type.CopyFrom(INTEGER)
    node.gate_node.signal.output_variable_name = "o0"
    add_output(template, "o0", "n0", "o0")
    return wire.register(template, plan=plan)


def timed_workflow(wire, task, milliseconds, **bindings):
    """One node with a time-out. What a task says itself counts for nothing where flytekit has not copied it to the node."""
    inputs = {name: variable.type for name, variable in task.interface.inputs.variables.items()}
    template = new_workflow(unique("timed"), inputs)
    node = add_node(template, "n0", task, **(bindings or {name: ("", name) for name in inputs}))
    node.metadata.timeout.FromMilliseconds(milliseconds)
    node.metadata.retries.CopyFrom(task.metadata.retries)
    return wire.register(template, tasks=[task])


def rejected(code, call, *arguments, **more):
    """The details of the status with which a call is refused."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **more)
    assert caught.value.code().name == code, caught.value.details()
    return caught.value.details()
