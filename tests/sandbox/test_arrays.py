"""Array nodes: what they map over, which failures they tolerate, how they fail, and what of them is recovered."""

from __future__ import annotations

import pytest
from flyteidl.core import catalog_pb2, dynamic_job_pb2, errors_pb2, execution_pb2, identifier_pb2, types_pb2

from .protos import (
    INTEGER,
    PHASE,
    add_node,
    add_output,
    echo_task,
    echo_workflow,
    fill_node,
    literals,
    new_workflow,
    rejected,
    shell_task,
    unique,
)
from .test_engine import attempts_of, nodes_of
from .test_processes import write_message

LIST = types_pb2.LiteralType(collection_type=INTEGER)


def array_workflow(wire, task, configure, inputs):
    template = new_workflow(unique("array"), dict.fromkeys(inputs, LIST), {"o0": LIST})
    node = add_node(template, "n0", **{name: ("", name) for name in inputs})
    inner = node.array_node.node
    inner.id = "n0"
    fill_node(inner, task, **{name: ("", name) for name in inputs})
    configure(node.array_node)
    if isinstance(task, identifier_pb2.Identifier) or task.interface.outputs.variables:
        add_output(template, "o0", "n0", "o0")
    else:
        template.interface.outputs.variables.clear()
    return template


def nothing(array):
    """The array is as it is."""


def original(array):
    array.is_original_sub_node_interface.value = True


def bound(array):
    if "bound_inputs" not in array.DESCRIPTOR.fields_by_name:
        pytest.skip("this flyteidl has no bound inputs of arrays")
    array.bound_inputs.append("n")


def test_array_over_a_task(wire):
    task = echo_task(unique("array.task"), {"n": LIST}, {"o0": LIST})
    target = wire.register(array_workflow(wire, task, nothing, ["n"]), tasks=[task])
    run = wire.run(target, literals(n=[3, 1, 2])).id
    assert wire.outputs(run) == {"o0": [3, 1, 2]}
    node = nodes_of(wire, run)["n0"]
    assert node.metadata.is_array
    (attempt,) = attempts_of(wire, node)
    resources = attempt.closure.metadata.external_resources
    assert [(one.index, one.phase) for one in resources] == [(0, 3), (1, 3), (2, 3)]
    assert wire.outputs(wire.run(target, literals(n=[])).id) == {"o0": []}


def test_an_array_whose_inner_node_has_the_interface_of_one_item_is_refused(wire):
    """FlytePropeller 1.16 knows of no such arrays: flytekit's map over a launch plan is one (flyte1-engine-real.md, row 3)."""
    plan = echo_workflow(wire)
    text = rejected("INVALID_ARGUMENT", wire.register, array_workflow(wire, plan, original, ["n"]))
    assert "Code: MismatchingTypes, Node Id: n0" in text
    assert "Code: MismatchingTypes, Node Id: end-node" in text


def test_array_over_a_launch_plan_whose_inputs_are_bound(wire):
    plan = echo_workflow(wire)
    template = array_workflow(wire, plan, bound, ["n"])
    template.interface.inputs.variables["n"].type.CopyFrom(INTEGER)
    template.interface.outputs.variables["o0"].type.CopyFrom(INTEGER)
    assert wire.outputs(wire.run(wire.register(template), literals(n=3)).id) == {"o0": [3]}


def test_array_with_tolerated_failures(wire, tmp_path):
    recoverable, user = errors_pb2.ContainerError.RECOVERABLE, execution_pb2.ExecutionError.USER
    error = errors_pb2.ContainerError(code="USER:Two", message="no two", kind=recoverable, origin=user)
    written = write_message(tmp_path, errors_pb2.ErrorDocument(error=error))
    script = f'test "{{{{.inputs.n}}}}" != 2 || cp {written} {{{{.outputPrefix}}}}/error.pb'
    task = shell_task(unique("array.task"), script, {"n": LIST})

    def tolerant(array):
        array.min_success_ratio = 0.5

    good = wire.register(array_workflow(wire, task, tolerant, ["n"]), tasks=[task])
    assert wire.run(good, literals(n=[1, 2])).closure.phase == PHASE.SUCCEEDED
    closure = wire.run(good, literals(n=[2, 2])).closure
    assert closure.phase == PHASE.FAILED
    # Who had which message, and no code (flyteplugins array/errorcollector; array/handler.go sets the message only).
    assert closure.error.message.startswith("[0-1]: [1/1] currentAttempt done. Last Error: USER::")
    assert "no two" in closure.error.message
    assert (closure.error.code, closure.error.kind) == ("", 0)


@pytest.mark.parametrize(
    ("ratio", "size", "failures", "phase"),
    [(0.6, 5, 2, PHASE.FAILED), (0.6, 5, 1, PHASE.SUCCEEDED), (0.5, 4, 2, PHASE.SUCCEEDED)],
)
def test_the_success_ratio_is_a_32_bit_float(wire, ratio, size, failures, phase):
    """0.6 of 5 items are 4: ``math.Ceil(float64(*minSuccessRatio) * float64(minSuccesses))`` of a float32."""
    task = shell_task(unique("array.task"), 'test "{{.inputs.n}}" != 0', {"n": LIST})

    def tolerant(array):
        array.min_success_ratio = ratio

    target = wire.register(array_workflow(wire, task, tolerant, ["n"]), tasks=[task])
    items = [0] * failures + [1] * (size - failures)
    assert wire.run(target, literals(n=items)).closure.phase == phase


def test_more_successes_wanted_than_items(wire):
    task = shell_task(unique("array.task"), "true", {"n": LIST})

    def greedy(array):
        array.min_successes = 3

    target = wire.register(array_workflow(wire, task, greedy, ["n"]), tasks=[task])
    error = wire.run(target, literals(n=[1, 2])).closure.error
    assert (error.code, error.message) == ("ArrayNodeFailing", "Unknown reason")


def test_an_array_that_makes_workflows_is_refused_as_by_flytekit(wire, tmp_path):
    job = dynamic_job_pb2.DynamicJobSpec(min_successes=1)
    futures = write_message(tmp_path, job)
    task = shell_task(unique("array.task"), f"cp {futures} {{{{.outputPrefix}}}}/futures.pb", {"n": LIST})
    target = wire.register(array_workflow(wire, task, nothing, ["n"]), tasks=[task])
    error = wire.run(target, literals(n=[1, 2])).closure.error
    assert "(not @dynamic or @eager)" in error.message
    assert task.id.name in error.message


def test_lists_of_an_array_have_one_length(wire):
    task = echo_task(unique("array.task"), {"a": LIST, "b": LIST}, {"o0": LIST, "o1": LIST})
    target = wire.register(array_workflow(wire, task, nothing, ["a", "b"]), tasks=[task])
    error = wire.run(target, literals(a=[1, 2], b=[1])).closure.error
    assert error.code == "InvalidArrayLength"
    assert error.message.startswith("input arrays have different lengths: expecting '")


def test_items_are_cached_one_by_one(wire):
    task = echo_task(unique("array.task"), {"n": LIST}, {"o0": LIST}, discoverable=True)
    task.metadata.discovery_version = task.id.name
    target = wire.register(array_workflow(wire, task, nothing, ["n"]), tasks=[task])

    def statuses(*items):
        run = wire.run(target, literals(n=list(items))).id
        (attempt,) = attempts_of(wire, nodes_of(wire, run)["n0"])
        assert attempt.closure.task_type == "container_array"
        return [one.cache_status for one in attempt.closure.metadata.external_resources]

    assert statuses(1, 2) == [catalog_pb2.CACHE_POPULATED] * 2
    assert statuses(3, 2) == [catalog_pb2.CACHE_POPULATED, catalog_pb2.CACHE_HIT]


def test_an_array_whose_inputs_are_all_bound_has_one_item(wire):
    task = echo_task(unique("array.task"), {"n": INTEGER}, {"o0": LIST})
    template = array_workflow(wire, task, bound, ["n"])
    template.interface.inputs.variables["n"].type.CopyFrom(INTEGER)
    assert wire.outputs(wire.run(wire.register(template, tasks=[task]), literals(n=4)).id) == {"o0": [4]}


def test_recover_runs_all_items_of_a_failed_array_again(wire, tmp_path):
    """As FlytePropeller does, whose items have no node executions to be recovered from (flyteorg/flyte#3925)."""
    log, go = tmp_path / "log", tmp_path / "go"
    script = f'echo {{{{.inputs.n}}}} >> {log}; test "{{{{.inputs.n}}}}" != 2 || test -e {go}'
    task = shell_task(unique("array.task"), script, {"n": LIST})
    template = array_workflow(wire, task, nothing, ["n"])
    before = shell_task(unique("before"), f"echo before >> {log}")
    add_node(template, "first", before)
    template.nodes[0].upstream_node_ids.append("first")
    failed = wire.run(wire.register(template, tasks=[task, before]), literals(n=[1, 2, 3]))
    assert failed.closure.phase == PHASE.FAILED
    go.touch()
    log.unlink()
    again = wire.wait(wire.recover(failed.id))
    assert again.closure.phase == PHASE.SUCCEEDED, again.closure.error
    assert sorted(log.read_text().split()) == ["1", "2", "3"]
