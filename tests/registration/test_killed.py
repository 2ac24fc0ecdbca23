"""Killed at every RPC of a registration, then run again: the end is the same as without."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2, tasks_pb2, types_pb2
from support.killed import Killed

from bridge_core import Client, RegistrationReport
from bridge_core.sandbox import Sandbox

TASKS, WORKFLOWS = 6, 3

REGISTERS = """
import sys
from bridge_core import Client, Config
with Client(Config.for_endpoint(sys.argv[1], insecure=True, project="ours", domain="development")) as client:
    client.register(sys.argv[2], version=sys.argv[3], activate=True)
print("DONE")
"""


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


@pytest.fixture
def killed(flyte: Sandbox, package: Path) -> Iterator[Killed]:
    """Registers a version in a process of its own, which ends itself after an answer."""
    with Killed(flyte, f"client.register({str(package)!r}, version=word, activate=True)") as registers:
        yield registers


def test_killed_after_every_answer(client: Client, package: Path, killed: Killed) -> None:
    report = client.register(package, version="whole", activate=True)
    assert len(report.entities) == TASKS + 2 * WORKFLOWS
    wanted = state(client, "whole")
    assert len(wanted) == 12
    assert all(active for kind, _, active in wanted if kind == "launch_plan")
    calls = killed.never("counted").answers
    assert calls >= 12

    for boundary in range(1, calls + 1):  # one after another: of a launch plan one version is active
        version = f"killed{boundary}"
        assert killed.after(boundary, version).code == -9
        again: RegistrationReport = client.register(package, version=version, activate=True)
        assert not again.of("different")
        assert state(client, version) == wanted, f"killed after call {boundary} of {calls}"


def test_two_at_once(flyte: Sandbox, client: Client, package: Path) -> None:
    command = [sys.executable, "-c", REGISTERS, flyte.endpoint, str(package), "both"]
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
