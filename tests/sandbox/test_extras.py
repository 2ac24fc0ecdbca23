"""RPCs that few clients use: flyte:// URLs, metrics, signals made ahead, descriptions, nodes of a task."""

from __future__ import annotations

import urllib.request

import pytest
from flyteidl.admin import (
    common_pb2,
    description_entity_pb2,
    execution_pb2,
    node_execution_pb2,
    project_pb2,
    signal_pb2,
    task_execution_pb2,
    task_pb2,
    workflow_pb2,
)
from flyteidl.core import identifier_pb2
from flyteidl.service import dataproxy_pb2

from .protos import (
    INTEGER,
    PHASE,
    STRING,
    D,
    P,
    add_node,
    add_output,
    echo_task,
    echo_workflow,
    gate_workflow,
    literal,
    literals,
    new_workflow,
    rejected,
    shell_task,
    unique,
    value,
    values,
    workflow_id,
)
from .test_engine import attempts_of, nodes_of
from .test_executions import release
from .test_processes import only_node


@pytest.fixture(scope="module")
def run(wire):
    return wire.run(echo_workflow(wire), literals(n=3)).id


def get(wire, url):
    return wire.data.GetData(dataproxy_pb2.GetDataRequest(flyte_url=url))


def test_flyte_urls_of_a_node_lead_to_its_data(wire, run):
    node = nodes_of(wire, run)["n0"]
    data = wire.admin.GetNodeExecutionData(node_execution_pb2.NodeExecutionGetDataRequest(id=node.id))
    assert data.flyte_urls.inputs == f"flyte://v1/{P}/{D}/{run.name}/n0/i"
    assert data.flyte_urls.deck == ""
    assert values(get(wire, data.flyte_urls.inputs).literal_map) == {"n": 3}
    assert values(get(wire, data.flyte_urls.outputs).literal_map) == {"o0": 3}
    assert value(get(wire, data.flyte_urls.outputs + "/o0").literal) == 3
    (attempt,) = attempts_of(wire, node)
    task = wire.admin.GetTaskExecutionData(task_execution_pb2.TaskExecutionGetDataRequest(id=attempt.id))
    assert task.flyte_urls.outputs == f"flyte://v1/{P}/{D}/{run.name}/n0/0/o"
    assert value(get(wire, task.flyte_urls.outputs + "/o0").literal) == 3


def test_flyte_urls_that_lead_nowhere(wire, run):
    stem = f"flyte://v1/{P}/{D}/{run.name}"
    for url in (f"{stem}/n9/i", f"flyte://v1/{P}/{D}/nowhere/n0/i", f"{stem}/n0/d"):
        rejected("NOT_FOUND", get, wire, url)
    for url in ("", "s3://x", f"{stem}/n0", f"{stem}/n0/x", f"{stem}/n0/d/name", f"{stem}/../i"):
        rejected("INVALID_ARGUMENT", get, wire, url)
    # FlyteAdmin calls these invalid, too (dataproxy/service.go).
    assert "no task executions" in rejected("INVALID_ARGUMENT", get, wire, f"{stem}/n0/1/i")
    assert "not found in node" in rejected("INVALID_ARGUMENT", get, wire, f"{stem}/n0/o/other")
    assert "not found in task" in rejected("INVALID_ARGUMENT", get, wire, f"{stem}/n0/0/o/other")
    assert "just use the node" in rejected("INVALID_ARGUMENT", get, wire, f"{stem}/n0/0/d")


def test_the_flyte_url_of_a_deck(wire):
    task = shell_task(unique("deck"), "echo '<p>deck</p>' > {{.outputPrefix}}/deck.html")
    wire.register_task(task)
    node = only_node(wire, wire.run(task.id).id)
    data = wire.admin.GetNodeExecutionData(node_execution_pb2.NodeExecutionGetDataRequest(id=node.id))
    (url,) = get(wire, data.flyte_urls.deck).pre_signed_urls.signed_url
    with urllib.request.urlopen(url) as response:
        assert response.read() == b"<p>deck</p>\n"


def test_metrics_tell_when_things_were_going_on(wire):
    name = unique("sub")
    inner = new_workflow(name, {"n": INTEGER}, {"o0": INTEGER})
    task = echo_task(f"{name}.task", {"n": INTEGER}, {"o0": INTEGER})
    add_node(inner, "n0", task, n=("", "n"))
    add_output(inner, "o0", "n0", "o0")
    outer = new_workflow(f"{name}.outer", {"n": INTEGER}, {"o0": INTEGER})
    add_node(outer, "sub", workflow_id(name), n=("", "n"))
    add_output(outer, "o0", "sub", "o0")
    run = wire.run(wire.register(outer, inner, tasks=[task]), literals(n=1)).id

    def spans(depth):
        request = execution_pb2.WorkflowExecutionGetMetricsRequest(id=run, depth=depth)
        return wire.admin.GetExecutionMetrics(request).span

    def named(span):
        return [one.operation_id or one.node_id.node_id or one.task_id.task_id.name for one in span.spans]

    # Which workflow the nodes are of is looked up, also that of a part; flytekit registers it by itself, too.
    assert "missing entity of type WORKFLOW" in rejected("NOT_FOUND", spans, 10)
    wire.register(inner, tasks=[])
    root = spans(10)
    assert root.workflow_id == run
    assert root.start_time.ToNanoseconds() <= root.end_time.ToNanoseconds()
    assert named(root) == ["WORKFLOW_SETUP", "sub", "WORKFLOW_TEARDOWN"]
    sub = root.spans[1]
    assert named(sub) == ["NODE_TRANSITION", "NODE_SETUP", "sub-0-n0", "NODE_TEARDOWN"]
    (node,) = [span for span in sub.spans if span.node_id.node_id]
    assert f"{name}.task" in named(node)
    assert not spans(0).spans
    assert not any(span.spans for span in spans(1).spans if not span.node_id.node_id)


def test_a_signal_can_be_made_before_its_gate_is_reached(wire):
    run = wire.launch(gate_workflow(wire), inputs=literals(n=1))
    early = identifier_pb2.SignalIdentifier(signal_id="early", execution_id=run)
    request = signal_pb2.SignalGetOrCreateRequest(id=early, type=INTEGER)
    assert wire.signals.GetOrCreateSignal(request).type == INTEGER
    wire.signals.SetSignal(signal_pb2.SignalSetRequest(id=early, value=literal(5)))
    assert value(wire.signals.GetOrCreateSignal(request).value) == 5
    rejected("INVALID_ARGUMENT", wire.signals.GetOrCreateSignal, signal_pb2.SignalGetOrCreateRequest(id=early))
    request.type.CopyFrom(STRING)  # it looks for one of this type, and makes it
    assert "signals_pkey" in rejected("ALREADY_EXISTS", wire.signals.GetOrCreateSignal, request)
    request.id.execution_id.name = unique("nowhere")  # whether there is such a run is not asked
    assert wire.signals.GetOrCreateSignal(request).type == STRING
    request.id.signal_id = ""
    rejected("INVALID_ARGUMENT", wire.signals.GetOrCreateSignal, request)
    wire.wait(run, phases={PHASE.RUNNING})
    release(wire, run)
    wire.wait(run)


def test_descriptions_are_those_of_the_authors(wire):
    name = unique("described")
    task = echo_task(name, {}, {})
    spec = task_pb2.TaskSpec(template=task)
    spec.description.short_description = "Counts rows."
    spec.description.long_description.value = "Counts rows, slowly."
    wire.admin.CreateTask(task_pb2.TaskCreateRequest(id=task.id, spec=spec))
    template = new_workflow(name)
    add_node(template, "n0", task)
    workflow = workflow_pb2.WorkflowSpec(template=template)
    workflow.description.source_code.link = "https://example.com"
    wire.admin.CreateWorkflow(workflow_pb2.WorkflowCreateRequest(id=template.id, spec=workflow))
    found = wire.admin.GetDescriptionEntity(common_pb2.ObjectGetRequest(id=task.id))
    assert (found.id, found.short_description) == (task.id, "Counts rows.")
    assert found.long_description.value == "Counts rows, slowly."
    many = description_entity_pb2.DescriptionEntityListRequest(limit=5, resource_type=identifier_pb2.WORKFLOW)
    many.id.project, many.id.domain, many.id.name = P, D, name
    # The kind does not matter: those of all entities of that name.
    listed = wire.admin.ListDescriptionEntities(many).descriptionEntities
    assert [one.source_code.link for one in listed] == ["", "https://example.com"]
    many.filters = "eq(version,other)"
    assert list(wire.admin.ListDescriptionEntities(many).descriptionEntities) == []
    # Of what nothing was written there is none.
    silent = echo_task(unique("silent"), {}, {})
    wire.register_task(silent)
    request = common_pb2.ObjectGetRequest(id=silent.id)
    assert "entry not found" in rejected("NOT_FOUND", wire.admin.GetDescriptionEntity, request)
    request.id.ClearField("version")
    rejected("INVALID_ARGUMENT", wire.admin.GetDescriptionEntity, request)
    many.limit = 0
    rejected("INVALID_ARGUMENT", wire.admin.ListDescriptionEntities, many)


def test_generated_workflows_are_no_named_entities_unless_asked_for(wire):
    task = echo_task(unique("alone"), {}, {})
    wire.register_task(task)
    wire.run(task.id)
    request = common_pb2.NamedEntityListRequest(project=P, domain=D, limit=1000, resource_type=identifier_pb2.WORKFLOW)

    def names():
        return {entity.id.name for entity in wire.admin.ListNamedEntities(request).entities}

    assert not [name for name in names() if name.startswith(".flytegen.")]
    request.filters = f"contains(name,{task.id.name})"
    assert names() == {f".flytegen.{task.id.name}"}
    request.resource_type = identifier_pb2.UNSPECIFIED
    rejected("INVALID_ARGUMENT", wire.admin.ListNamedEntities, request)


def test_nodes_of_a_task(wire, run):
    (attempt,) = attempts_of(wire, nodes_of(wire, run)["n0"])
    request = node_execution_pb2.NodeExecutionForTaskListRequest(task_execution_id=attempt.id, limit=5)
    assert list(wire.admin.ListNodeExecutionsForTask(request).node_executions) == []


def test_ids_that_could_not_be_directories_are_refused(wire):
    for project in ("a/b", "..", "A", "a" * 64):
        request = project_pb2.ProjectRegisterRequest(project=project_pb2.Project(id=project))
        rejected("INVALID_ARGUMENT", wire.admin.RegisterProject, request)
    for node in ("a/b", "..", "x" * 201):
        template = new_workflow(unique("wf"))
        add_node(template, node, (task := echo_task(unique("task"), {}, {})))
        assert "invalid node id" in rejected("INVALID_ARGUMENT", wire.register, template, tasks=[task])
    template = new_workflow(unique("wf"))  # flytekit: "<module>.map_<function>_<32 digits>-arraynode"
    task = echo_task(unique("task"), {}, {})
    add_node(template, "package.module.map_function_" + "b" * 32 + "-arraynode", task)
    assert wire.register(template, tasks=[task])
