"""What the records of runs say, as those of a real FlytePropeller 1.16.8 (flyte1-engine-real.md, rows 2 and 10 to 20)."""

from __future__ import annotations

import re

from flyteidl.admin import task_execution_pb2
from flyteidl.core import catalog_pb2, dynamic_job_pb2, errors_pb2, identifier_pb2
from flyteidl.event import event_pb2
from google.protobuf.wrappers_pb2 import BoolValue

from .protos import (
    INTEGER,
    NODE,
    PHASE,
    TASK,
    add_node,
    add_output,
    echo_task,
    literals,
    new_workflow,
    shell_task,
    unique,
    values,
    workflow_id,
)
from .test_arrays import LIST, array_workflow
from .test_engine import attempts_of, node_data, nodes_of
from .test_processes import recoverable_error, write_message


def cached_dynamic(wire, tmp_path, name):
    """A dynamic task that adds nothing: its workflow hands on an echo."""
    echo = echo_task(f"{name}.echo", {"n": INTEGER}, {"o0": INTEGER})
    inner = new_workflow(name)
    job = dynamic_job_pb2.DynamicJobSpec(min_successes=1, tasks=[echo])
    job.nodes.add().CopyFrom(add_node(inner, "dn0", echo, n=("", "n")))
    job.nodes[0].inputs[0].binding.scalar.primitive.integer = 5
    binding = job.outputs.add(var="o0").binding.promise
    binding.node_id, binding.var = "dn0", "o0"
    task = shell_task(
        f"{name}.task", f"cp {write_message(tmp_path, job)} {{{{.outputPrefix}}}}/futures.pb", {}, {"o0": INTEGER}
    )
    task.metadata.discoverable, task.metadata.discovery_version = True, "3"
    template = new_workflow(f"{name}.wf", {}, {"o0": INTEGER})
    add_node(template, "n0", task)
    add_output(template, "o0", "n0", "o0")
    return wire.register(template, tasks=[echo, task])


def test_a_cached_dynamic_task_is_a_hit(wire, tmp_path):
    name = unique("dyn")
    target = cached_dynamic(wire, tmp_path, name)
    first = wire.run(target)
    node = nodes_of(wire, first.id)["n0"]
    assert first.closure.phase == PHASE.SUCCEEDED, first.closure.error
    assert node.closure.task_node_metadata.cache_status == catalog_pb2.CACHE_POPULATED
    assert (node.metadata.is_parent_node, node.metadata.is_dynamic) == (True, True)
    # Row 17: what its workflow put out is in the data of its attempt, too.
    (attempt,) = attempts_of(wire, node)
    request = task_execution_pb2.TaskExecutionGetDataRequest(id=attempt.id)
    assert values(wire.admin.GetTaskExecutionData(request).full_outputs) == {"o0": 5}
    # Row 18: its workflow is called after the node, its children have its attempt for a group.
    data = node_data(wire, node)
    workflow = data.dynamic_workflow.compiled_workflow.primary.template.id
    assert workflow.name == "dynamic_n0"
    child = nodes_of(wire, first.id, "n0")["n0-0-dn0"]
    assert child.metadata.retry_group == "0"
    # Row 16: what is inside lies inside.
    assert child.input_uri.endswith("/n0/data/0/dn0/inputs.pb")
    assert child.closure.output_uri.endswith("/n0/data/0/dn0/0/outputs.pb")

    second = wire.run(target)
    node = nodes_of(wire, second.id)["n0"]
    assert wire.outputs(second.id) == {"o0": 5}
    assert node.closure.task_node_metadata.cache_status == catalog_pb2.CACHE_HIT
    assert (node.metadata.is_parent_node, node.metadata.is_dynamic) == (False, False)
    assert (attempts_of(wire, node), nodes_of(wire, second.id, "n0")) == ([], {})
    # Row 14: it never was at work.
    assert not node.closure.HasField("started_at")
    assert not node.closure.HasField("duration")
    # Row 15: the catalog's names, and who has put it there only on a hit.
    key = node.closure.task_node_metadata.catalog_key
    assert (key.dataset_id.resource_type, key.dataset_id.name) == (identifier_pb2.DATASET, f"flyte_task-{name}.task")
    assert key.dataset_id.version.startswith("3-")
    assert key.artifact_tag.name.startswith("flyte_cached-")
    assert key.source_task_execution.node_execution_id.execution_id == first.id


def test_start_and_end_nodes_never_were_at_work(wire):
    task = echo_task(unique("echo"), {"n": INTEGER}, {"o0": INTEGER})
    inner = new_workflow(unique("inner"), {"n": INTEGER}, {"o0": INTEGER})
    add_node(inner, "n0", task, n=("", "n"))
    add_output(inner, "o0", "n0", "o0")
    template = new_workflow(unique("wf"), {"n": INTEGER}, {"o0": INTEGER})
    add_node(template, "n0", workflow_id(inner.id.name), n=("", "n"))
    add_output(template, "o0", "n0", "o0")
    run = wire.run(wire.register(template, inner, tasks=[task]), literals(n=3)).id
    for prefix, parent in (("", ""), ("n0-0-", "n0")):
        nodes = nodes_of(wire, run, parent)
        start, end = nodes[f"{prefix}start-node"], nodes[f"{prefix}end-node"]
        for node in (start, end):
            assert node.closure.phase == NODE.SUCCEEDED
            assert not node.closure.HasField("started_at")
        assert values(node_data(wire, start).full_outputs) == {"n": 3}
        assert values(node_data(wire, end).full_inputs) == {"o0": 3}
        assert (start.input_uri, end.closure.output_uri) == ("", "")


def test_a_node_whose_inputs_cannot_be_resolved_has_an_attempt_that_was_aborted(wire):
    name = unique("attr")
    give, take = echo_task(f"{name}.give", {"n": LIST}, {"o0": LIST}), echo_task(f"{name}.take", {"n": INTEGER}, {})
    template = new_workflow(name, {"n": LIST})
    add_node(template, "n0", give, n=("", "n"))
    add_node(template, "n1", take, n=("n0", "o0", 7))
    run = wire.run(wire.register(template, tasks=[give, take]), literals(n=[1]))
    error = run.closure.error
    assert error.code == "BindingResolutionFailure"
    assert error.message.startswith(
        "failed at Node[n1]. BindingResolutionError: Error binding Var [wf].[n], caused by: failed at Node[n0]. "
    )
    node = nodes_of(wire, run.id)["n1"]
    assert not node.closure.HasField("started_at")
    (attempt,) = attempts_of(wire, node)
    assert (attempt.closure.phase, attempt.closure.HasField("error")) == (TASK.ABORTED, False)


def test_every_attempt_of_every_item_has_a_resource(wire, tmp_path):
    """Row 10: of an array one for each (index, attempt), called after their pods."""
    script = f"test $FLYTE_K8S_ARRAY_INDEX$FLYTE_ATTEMPT_NUMBER != 10 || cp {recoverable_error(tmp_path)} "
    task = shell_task(unique("item"), f"{script} {{{{.outputPrefix}}}}/error.pb", {"n": LIST}, retries=1)
    template = array_workflow(wire, task, lambda _array: None, ["n"])
    run = wire.run(wire.register(template, tasks=[task]), literals(n=[1, 2]))
    assert run.closure.phase == PHASE.SUCCEEDED, run.closure.error
    (record,) = attempts_of(wire, nodes_of(wire, run.id)["n0"])
    seen = [
        (one.external_id, one.index, one.retry_attempt, one.phase) for one in record.closure.metadata.external_resources
    ]
    name = run.id.name
    assert seen == [
        (f"{name}-n0-0-n0-0", 0, 0, TASK.SUCCEEDED),
        (f"{name}-n0-0-n1-0", 1, 0, TASK.FAILED),
        (f"{name}-n0-0-n1-1", 1, 1, TASK.SUCCEEDED),
    ]
    assert record.closure.metadata.plugin_identifier == "k8s-array"


def test_items_that_were_not_started_have_no_phase(wire, tmp_path):
    document = errors_pb2.ErrorDocument()
    document.error.code, document.error.kind = "USER:No", errors_pb2.ContainerError.NON_RECOVERABLE
    script = f"cp {write_message(tmp_path, document)} {{{{.outputPrefix}}}}/error.pb"
    task = shell_task(unique("item"), script, {"n": LIST})

    def one_by_one(array):
        array.parallelism = 1

    target = wire.register(array_workflow(wire, task, one_by_one, ["n"]), tasks=[task])
    run = wire.run(target, literals(n=[1, 2]))
    (record,) = attempts_of(wire, nodes_of(wire, run.id)["n0"])
    phases = [one.phase for one in record.closure.metadata.external_resources]
    assert phases == [TASK.FAILED, TASK.UNDEFINED]


def test_an_attempt_says_what_it_is_called_and_what_was_done_with_it(wire):
    task = shell_task(unique("task"), "true")
    wire.register_task(task)
    run = wire.run(task.id, interruptible=BoolValue(value=True)).id
    node = next(node for name, node in nodes_of(wire, run).items() if not name.endswith("-node"))
    (attempt,) = attempts_of(wire, node)
    closure = attempt.closure
    assert closure.metadata.generated_name == f"{run.name}-{node.id.node_id}-0"
    assert closure.metadata.plugin_identifier == "container"
    assert closure.metadata.instance_class == event_pb2.TaskExecutionMetadata.INTERRUPTIBLE
    assert (closure.event_version, closure.reasons[0].message) == (1, "task submitted to K8s")
    assert closure.output_uri.endswith(f"/{node.id.node_id}/data/0/outputs.pb")
    uri = node.closure.task_node_metadata.checkpoint_uri
    assert re.search(rf"/data/[a-z0-9]{{2}}/{run.name}-{node.id.node_id}-0/_flytecheckpoints$", uri)


def test_the_last_attempt_that_the_system_allows_is_not_interruptible(wire):
    """Row 20."""
    task = shell_task(unique("task"), "exit 3")
    task.metadata.interruptible = True
    wire.register_task(task)
    run = wire.run(task.id).id
    node = next(node for name, node in nodes_of(wire, run).items() if not name.endswith("-node"))
    kinds = [one.closure.metadata.instance_class for one in attempts_of(wire, node)]
    assert kinds == [event_pb2.TaskExecutionMetadata.INTERRUPTIBLE] * 3 + [event_pb2.TaskExecutionMetadata.DEFAULT]


def test_a_node_whose_output_nobody_uses_comes_before_the_end(wire):
    """Row 22, and of workflows that are no dynamic task's as well."""
    task = echo_task(unique("echo"), {"n": INTEGER}, {"o0": INTEGER})
    template = new_workflow(unique("wf"), {"n": INTEGER})
    add_node(template, "n0", task, n=("", "n"))
    target = wire.register(template, tasks=[task])
    from .test_registration import get_workflow

    compiled = get_workflow(wire, target.name).closure.compiled_workflow.primary
    assert list(compiled.connections.upstream["end-node"].ids) == ["n0"]
