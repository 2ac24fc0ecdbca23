"""Lists: every label holds, names are complete and sorted at any page size, every column of the server filters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from support.flyte import INTEGER, RawFlyte

from bridge_core import (
    Client,
    EntityKind,
    EntityRef,
    InvalidRequest,
    LaunchRequest,
    RunOptions,
    RunPhase,
    RunQuery,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge_core.sandbox import Sandbox


@pytest.fixture
def small(flyte_sandbox: Sandbox) -> Iterator[Client]:
    """Three entries a page."""
    with Client(flyte_sandbox.config(batch_size=3)) as client:
        yield client


def launched(client: Client, raw: RawFlyte, name: str, labels: list[dict[str, str]]) -> list[str]:
    raw.register(name, {"n": INTEGER}, gate="approve")
    names = []
    for number, each in enumerate(labels):
        request = LaunchRequest(
            EntityRef.launch_plan(name, version="v1"),
            inputs={"n": number},
            name=f"{name}x{number:02}",
            options=RunOptions(labels=each),
        )
        names.append(client.launch(request).name)
    return names


def test_runs_that_have_all_of_several_labels(small: Client, raw: RawFlyte, name: str) -> None:
    colours = ("red", "green")
    sets = [{"batch": name, "colour": colours[number % 2], "third": str(number % 3)} for number in range(14)]
    names = launched(small, raw, name, sets)

    def found(limit: int = 100, **labels: str) -> list[str]:
        return [run.ref.name for run in small.list_runs(limit=limit, query=RunQuery(labels={"batch": name, **labels}))]

    assert found() == names[::-1]
    assert found(colour="red") == names[::2][::-1]
    assert found(colour="red", third="0") == [names[12], names[6], names[0]]
    assert found(limit=2, colour="red", third="0") == [names[12], names[6]]
    assert found(colour="blue") == []
    query = RunQuery(labels={"batch": name, "colour": "green"}, newest_first=False, name_contains=name)
    assert [run.ref.name for run in small.list_runs(query=query)] == names[1::2]


def test_labels_of_a_refused_duplicate_are_not_the_runs(client: Client, raw: RawFlyte, name: str) -> None:
    (run,) = launched(client, raw, name, [{"batch": name}])
    other = LaunchRequest(
        EntityRef.launch_plan(name), inputs={"n": 0}, name=run, options=RunOptions(labels={"polluted": name})
    )
    client.launch(other)  # found, nothing sent
    from flyteidl.admin import common_pb2, execution_pb2
    from flyteidl.core import identifier_pb2
    from grpc import RpcError

    plan = identifier_pb2.Identifier(
        resource_type=identifier_pb2.LAUNCH_PLAN, project="flytesnacks", domain="development", name=name, version="v1"
    )
    spec = execution_pb2.ExecutionSpec(launch_plan=plan, labels=common_pb2.Labels(values={"polluted": name}))
    request = execution_pb2.ExecutionCreateRequest(
        project="flytesnacks", domain="development", name=run, spec=spec, inputs={}
    )
    request.inputs.literals["n"].scalar.primitive.integer = 0
    with pytest.raises(RpcError, match="executions_pkey"):
        raw.admin("CreateExecution", request)
    assert list(client.list_runs(query=RunQuery(labels={"polluted": name}))) == []
    assert [one.ref.name for one in client.list_runs(query=RunQuery(labels={"batch": name}))] == [run]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_lists_of_names_are_complete_and_sorted_at_any_page_size(
    raw: RawFlyte, flyte_sandbox: Sandbox, name: str, size: int
) -> None:
    wanted = {f"{name}.{letter}" for letter in "qBzaM_-.1"}
    for one in wanted:
        raw.register(one, {})
    with Client(flyte_sandbox.config(batch_size=size)) as client:
        for kind in (EntityKind.WORKFLOW, EntityKind.LAUNCH_PLAN):
            names = [ref.name for ref in client.list_entities(kind, limit=100_000)]
            assert names == sorted(set(names))
            assert wanted <= set(names)
            assert [ref.name for ref in client.list_entities(kind, limit=3)] == names[:3]


def test_versions_are_complete_and_newest_first_at_any_page_size(raw: RawFlyte, small: Client, name: str) -> None:
    for version in ("v1", "v2", "v3", "v4", "v5", "v6", "v7"):
        raw.register(name, {}, version=version)
    for kind in (EntityKind.WORKFLOW, EntityKind.LAUNCH_PLAN):
        versions = [ref.version for ref in small.list_entities(kind, name=name)]
        assert versions == ["v7", "v6", "v5", "v4", "v3", "v2", "v1"]


def test_every_column_filters(small: Client, raw: RawFlyte, name: str) -> None:
    names = launched(small, raw, name, [{"batch": name}] * 5)
    raw.approve(names[0])
    raw.approve(names[1], value=False)
    small.wait_many([f"flytesnacks/development/{one}" for one in names[:2]], timeout=60)
    small.abort(f"flytesnacks/development/{names[2]}", reason=f"because of {name}")
    later, earlier = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1)

    def found(*where: tuple[str, str, Any], **more: Any) -> list[str]:
        query = RunQuery(entity=name, where=where, newest_first=False, **more)
        return [run.ref.name for run in small.list_runs(query=query)]

    assert found() == names
    assert found(("workflow.name", "eq", name)) == names
    assert found(("launch_plan.version", "eq", "v1"), ("execution_name", "ne", names[0])) == names[1:]
    assert found(("execution_name", "value_in", names[1:3])) == names[1:3]
    assert found(("phase", "eq", RunPhase.FAILED)) == names[1:2]
    assert found(("error_kind", "eq", "USER")) == names[1:2]
    assert found(("abort_cause", "contains", f"because of {name}")) == names[2:3]
    assert found(("started_at", "gte", earlier), ("started_at", "lt", later)) == names
    assert found(("started_at", "gte", later)) == []
    assert found(("duration", "gt", timedelta(0)), ("phase", "eq", RunPhase.SUCCEEDED)) == names[:1]
    assert found(("duration", "gt", timedelta(hours=1))) == []
    assert found(("mode", "eq", 0), sort_by="execution_name") == names
    with pytest.raises(InvalidRequest, match="nosuch"):
        found(("nosuch", "eq", 1))
    with pytest.raises(InvalidRequest, match="no such operator; Flyte 1 has eq, ne"):
        found(("phase", "like", "x"))
    with pytest.raises(InvalidRequest, match="eq takes one value"):
        found(("phase", "eq", ("FAILED", "ABORTED")))
    with pytest.raises(InvalidRequest, match="no escaping"):
        found(("abort_cause", "eq", "a+b"))
    with pytest.raises(InvalidRequest, match="invalid input syntax"):
        found(("started_at", "gte", "yesterday"))


def test_nobody_is_named_where_nobody_authenticates(client: Client) -> None:
    assert client.whoami() == ""


def test_an_rpc_without_a_verb(client: Client, raw: RawFlyte, name: str) -> None:
    from flyteidl.admin import common_pb2, workflow_pb2

    raw.register(name, {})
    named = {"project": "flytesnacks", "domain": "development", "name": name}
    page = client.call("ListWorkflows", {"id": named, "limit": 5})
    assert isinstance(page, workflow_pb2.WorkflowList)
    assert [item.id.version for item in page.workflows] == ["v1"]
    request = common_pb2.ResourceListRequest(id=common_pb2.NamedEntityIdentifier(**named), limit=5)
    assert client.call("AdminService/ListWorkflows", request) == page
    assert client.call("GetVersion", {}, timeout=5).control_plane_version.Version
    with pytest.raises(InvalidRequest, match=r"no such RPC; did you mean .*GetVersion"):
        client.call("GetVersoin", {})
    with pytest.raises(InvalidRequest, match=r"is no flyteidl.admin.ResourceListRequest"):
        client.call("ListWorkflows", {"nosuch": 1})
    with pytest.raises(
        InvalidRequest, match=r"wanted a flyteidl.admin.ResourceListRequest or a mapping, got a flyteidl"
    ):
        client.call("ListWorkflows", workflow_pb2.WorkflowList())
