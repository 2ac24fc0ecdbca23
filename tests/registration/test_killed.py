"""Killed at every RPC of a registration, then run again: the end is the same as without."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2, tasks_pb2, types_pb2

from bridge_core import Client, RegistrationReport
from bridge_core.sandbox import Sandbox

TASKS, WORKFLOWS = 6, 3

KILLED = """
import os, sys
from bridge_core import Client, Config
from bridge_core.transport.blocking import BlockingTransport
made, last = 0, int(sys.argv[3])
unary = BlockingTransport.unary
async def counted(self, method, request, *, timeout, metadata):
    global made
    answer = await unary(self, method, request, timeout=timeout, metadata=metadata)
    made += 1
    if made == last:
        os.kill(os.getpid(), 9)
    return answer
BlockingTransport.unary = counted
with Client(Config.for_endpoint(sys.argv[1], insecure=True, project="ours", domain="development")) as client:
    client.register(sys.argv[2], version=sys.argv[4], activate=True)
print("DONE", made)
"""
"""Ends itself after the answer to that call, counted from 1; 0: never."""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve entities: tasks, workflows of them that refer to each other's launch plans, launch plans."""
    folder = tmp_path_factory.mktemp("twelve")
    integer = types_pb2.LiteralType(simple=types_pb2.INTEGER)
    for number in range(TASKS):
        task = task_pb2.TaskSpec()
        template = task.template
        template.id.resource_type, template.id.name = identifier_pb2.TASK, f"twelve.task{number}"
        template.type = "raw-container"
        template.metadata.runtime.version = "1"
        template.metadata.runtime.type = tasks_pb2.RuntimeMetadata.FLYTE_SDK
        template.interface.inputs.variables["n"].type.CopyFrom(integer)
        template.interface.outputs.SetInParent()
        template.container.image = "example.com/i:1"
        (folder / f"{number:02}_twelve.task{number}_1.pb").write_bytes(task.SerializeToString())
    for number in range(WORKFLOWS):
        workflow = workflow_pb2.WorkflowSpec()
        template = workflow.template
        name = f"twelve.wf{number}"
        template.id.resource_type, template.id.name = identifier_pb2.WORKFLOW, name
        template.interface.inputs.variables["n"].type.CopyFrom(integer)
        template.interface.outputs.SetInParent()
        template.metadata.SetInParent()
        template.metadata_defaults.SetInParent()
        for position in range(2):
            node = template.nodes.add(id=f"n{position}")
            reference = node.task_node.reference_id
            reference.resource_type, reference.name = identifier_pb2.TASK, f"twelve.task{number * 2 + position}"
            node.inputs.add(var="n").binding.promise.var = "n"
        if number:
            node = template.nodes.add(id="n2")
            reference = node.workflow_node.launchplan_ref
            reference.resource_type, reference.name = identifier_pb2.LAUNCH_PLAN, f"twelve.wf{number - 1}"
            node.inputs.add(var="n").binding.promise.var = "n"
        plan = launch_plan_pb2.LaunchPlan()
        plan.id.resource_type, plan.id.name = identifier_pb2.LAUNCH_PLAN, name
        plan.spec.workflow_id.resource_type, plan.spec.workflow_id.name = identifier_pb2.WORKFLOW, name
        parameter = plan.spec.default_inputs.parameters["n"]
        parameter.var.type.CopyFrom(integer)
        parameter.required = True
        (folder / f"{20 + number}_{name}_2.pb").write_bytes(workflow.SerializeToString())
        (folder / f"{30 + number}_{name}_3.pb").write_bytes(plan.SerializeToString())
    return folder


def state(client: Client, version: str) -> list[tuple[str, str, bool | None]]:
    """What is there under a version, and whether it is active."""
    registry = client._ops.backend.registry
    from bridge_core import EntityKind
    from bridge_core._blocking import run_blocking

    found = []
    for kind in EntityKind:
        for name, kept in run_blocking(registry.of_version(kind, "ours", "development", version)).items():
            found.append((kind.value, name, registry.is_active(kept) if kind is EntityKind.LAUNCH_PLAN else None))
    return sorted(found)


def test_killed_after_every_answer(flyte: Sandbox, client: Client, package: Path) -> None:
    report = client.register(package, version="whole", activate=True)
    assert len(report.entities) == TASKS + 2 * WORKFLOWS
    wanted = state(client, "whole")
    assert len(wanted) == 12
    assert all(active for kind, _, active in wanted if kind == "launch_plan")
    calls = int(ended(flyte, package, 0, "counted").stdout.split()[-1])
    assert calls >= 12

    for boundary in range(1, calls + 1):  # one after another: of a launch plan one version is active
        version = f"killed{boundary}"
        assert ended(flyte, package, boundary, version).returncode == -9
        again: RegistrationReport = client.register(package, version=version, activate=True)
        assert not again.of("different")
        assert state(client, version) == wanted, f"killed after call {boundary} of {calls}"


def ended(flyte: Sandbox, package: Path, boundary: int, version: str) -> subprocess.CompletedProcess[str]:
    """One registration that is killed after that call."""
    command = [sys.executable, "-c", KILLED, flyte.endpoint, str(package), str(boundary), version]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert run.returncode in (0, -9), run.stderr
    return run


def test_two_at_once(flyte: Sandbox, client: Client, package: Path) -> None:
    command = [sys.executable, "-c", KILLED, flyte.endpoint, str(package), "0", "both"]
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for run in runs:
        out, err = run.communicate(timeout=120)
        assert "DONE" in out, err
    assert len(state(client, "both")) == 12


def test_few_calls(flyte: Sandbox, client: Client, package: Path) -> None:
    client.register(package, version="calls")
    flyte.calls.clear()
    report = client.register(package, version="calls")
    assert {item.outcome for item in report.entities} == {"unchanged"}
    assert flyte.calls.count() <= len(report.entities)  # lists tell tasks and plans; workflows are asked about
