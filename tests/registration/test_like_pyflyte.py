"""What we store of flytekit code equals, field by field, what ``pyflyte register`` stores, but for version and archive."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from flyteidl.admin import common_pb2, launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2
from google.protobuf import json_format

from bridge_core import Client, EntityRef, LaunchRequest, RegistrationReport
from bridge_core.sandbox import Sandbox

PROJECT = Path(__file__).parent / "project"
KINDS = {
    "task": ("ListTasks", task_pb2.TaskList, "tasks"),
    "workflow": ("GetWorkflow", workflow_pb2.Workflow, ""),
    "launch_plan": ("ListLaunchPlans", launch_plan_pb2.LaunchPlanList, "launch_plans"),
}


@pytest.fixture(scope="module")
def ours(flyte: Sandbox) -> RegistrationReport:
    with Client(flyte.config(project="ours")) as client:
        return client.register(PROJECT / "shop", copy="all")


@pytest.fixture(scope="module")
def theirs(flyte: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    config = tmp_path_factory.mktemp("pyflyte") / "config.yaml"
    config.write_text(f"admin:\n  endpoint: dns:///{flyte.endpoint}\n  insecure: true\n")
    command = [
        str(Path(sys.executable).with_name("pyflyte")), "--config", str(config), "register", "--project", "theirs", "--domain",
        "development", "--version", "v1", str(PROJECT / "shop"),
    ]  # fmt: skip
    told = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": "0"})
    assert told.returncode == 0, told.stdout + told.stderr
    return "v1"


def stored(flyte: Sandbox, project: str, version: str) -> dict[str, Any]:
    """(kind, name) -> what the server keeps, without what must differ."""
    out: dict[str, Any] = {}
    with grpc.insecure_channel(flyte.endpoint) as channel:

        def call(name: str, request: Any, answer: Any) -> Any:
            method = channel.unary_unary(
                f"/flyteidl.service.AdminService/{name}",
                request_serializer=type(request).SerializeToString,
                response_deserializer=answer.FromString,
            )
            return method(request, timeout=20)

        where = common_pb2.NamedEntityIdentifier(project=project, domain="development")
        listing = common_pb2.ResourceListRequest(id=where, limit=100, filters=f"eq(version,{version})")
        for kind in ("task", "launch_plan"):
            name, answer, field = KINDS[kind]
            for item in getattr(call(name, listing, answer), field):
                out[f"{kind} {item.id.name}"] = plain(item)
        for item in call("ListWorkflows", listing, workflow_pb2.WorkflowList).workflows:
            get = common_pb2.ObjectGetRequest(
                id=identifier_pb2.Identifier(
                    resource_type=identifier_pb2.WORKFLOW, project=project, domain="development",
                    name=item.id.name, version=version,
                )
            )  # fmt: skip
            out[f"workflow {item.id.name}"] = plain(call("GetWorkflow", get, workflow_pb2.Workflow))
    return out


def plain(message: Any) -> Any:
    return cleaned(json_format.MessageToDict(message))


def cleaned(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get("key") == "_F_SS_C":  # flytekit's own context of dynamic tasks: version, archive and paths, packed
            return {"key": "_F_SS_C"}
        kept = {
            key: cleaned(item)
            for key, item in value.items()
            if key not in ("createdAt", "updatedAt", "version", "project")
        }
        if "upstreamNodeIds" in kept:
            kept["upstreamNodeIds"] = sorted(kept["upstreamNodeIds"])  # a set in flytekit
        return kept
    if isinstance(value, list):
        return [cleaned(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"\S*/fast[0-9a-f]{32}\.tar\.gz", "ARCHIVE", value)
    return value


def test_the_same_entities_with_the_same_specs(flyte: Sandbox, ours: RegistrationReport, theirs: str) -> None:
    mine, other = stored(flyte, "ours", ours.version), stored(flyte, "theirs", theirs)
    assert len(other) >= 25
    assert sorted(mine) == sorted(other)
    for name, entity in other.items():
        assert mine[name] == entity, name


def test_runs_of_both_give_the_same_outputs(flyte: Sandbox, ours: RegistrationReport, theirs: str) -> None:
    plans = {
        "shop.steps.basics.outer": {"value": 3},
        "shop.steps.basics.mapped": {"values": [1, 2, 3]},
        "shop.steps.basics.chosen": {"value": 0},
        "shop.steps.data.tables": {},
        "shop.nightly": {},
    }
    with Client(flyte.config(project="ours")) as client:
        refs = [
            client.launch(
                LaunchRequest(
                    EntityRef.launch_plan(name, project=project, domain="development", version=version), inputs=inputs
                )
            )
            for name, inputs in plans.items()
            for project, version in (("ours", ours.version), ("theirs", theirs))
        ]
        for snapshot in client.wait_many(refs, timeout=300):
            snapshot.raise_for_phase()
        outputs = [dict(client.outputs(ref)) for ref in refs]
    assert outputs[0::2] == outputs[1::2]
    assert outputs[0]["o0"] == 14
