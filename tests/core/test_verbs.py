"""Verbs beyond launch and wait: relaunch, signal, archive, lists, node trees, entities. On the wire, as everything here."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.flyte import GATE, INTEGER, STRING, RawFlyte, integer

from bridge_core import (
    AlreadyExists,
    AsyncClient,
    Client,
    EntityKind,
    EntityNotFound,
    EntityRef,
    InvalidRequest,
    LaunchRequest,
    LiteralError,
    NotFound,
    RunNotFound,
    RunPhase,
    RunQuery,
    RunRef,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def launch(client: Client, workflow: str, run: str, **inputs: object) -> RunRef:
    return client.launch(LaunchRequest(EntityRef.launch_plan(workflow), inputs=inputs, name=run))


def test_inputs_are_those_after_defaults(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER, "m": INTEGER}, defaults={"m": integer(7)})
    assert client.inputs(launch(client, name, name, n=1)) == {"n": 1, "m": 7}
    with pytest.raises(RunNotFound):
        client.inputs(RunRef("flytesnacks", "development", "nothere"))


def test_relaunch_happens_once_under_one_name(client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    ref = launch(client, name, name, n=5)
    client.wait(ref, timeout=60)
    flyte_sandbox.faults.fail("RelaunchExecution", code="UNAVAILABLE", after_commit=True)
    again = client.relaunch(ref, name=name + "again")
    assert client.relaunch(ref, name=name + "again") == again
    assert client.wait(again, timeout=60).phase is RunPhase.SUCCEEDED
    assert client.inputs(again) == {"n": 5}
    with pytest.raises(AlreadyExists, match=f"is no relaunch of {again}"):
        client.relaunch(again, name=name)
    with pytest.raises(InvalidRequest, match="not legal"):
        client.relaunch(ref, name="Not Legal")
    with pytest.raises(RunNotFound):
        client.relaunch(RunRef("flytesnacks", "development", "nothere"))
    assert client.relaunch(ref) not in (ref, again)


def test_signal_waits_for_the_gate_and_checks_the_type(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {}, gate="approve")
    ref = RunRef("flytesnacks", "development", name)
    timer = threading.Timer(0.3, lambda: launch(client, name, name))
    with pytest.raises(RunNotFound):
        client.signal(ref, GATE, True)
    timer.start()
    timer.join()
    with pytest.raises(LiteralError, match=rf"signal {GATE}: expected boolean, got 'yes' \(str\)"):
        client.signal(ref, GATE, "yes")
    with pytest.raises(NotFound, match=r"has not reached a gate 'other' after 0\.2 s"):
        client.signal(ref, "other", True, timeout=0.2)
    client.signal(ref, GATE, True)
    assert client.wait(ref, timeout=60).phase is RunPhase.SUCCEEDED
    with pytest.raises(NotFound, match="no gate 'other' is reached any more: run "):
        client.signal(ref, "other", True)


class Verdict:
    """A class of a user's own."""

    def __init__(self, good: bool) -> None:
        self.good = good


def test_a_signal_goes_through_the_clients_codec(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {}, gate="approve")
    ref = launch(client, name, name)
    codec = client.codec.with_type(Verdict, to_literal=lambda it: it.good, from_literal=Verdict)
    with Client(client.config, codec=codec) as mine:
        mine.signal(ref, GATE, Verdict(True))
    assert client.wait(ref, timeout=60).phase is RunPhase.SUCCEEDED


def test_archive_hides_from_lists_and_keeps_the_name(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {})
    ref = launch(client, name, name)
    client.wait(ref, timeout=60)
    mine = RunQuery(entity=name)
    assert [run.ref for run in client.list_runs(query=mine)] == [ref]
    client.archive(ref)
    assert list(client.list_runs(query=mine)) == []
    assert [run.ref for run in client.list_runs(query=RunQuery(entity=name, archived=True))] == [ref]
    assert client.describe(ref).phase is RunPhase.SUCCEEDED
    client.archive(ref, archived=False)
    assert [run.ref for run in client.list_runs(query=mine)] == [ref]


def test_lists_page_filter_and_sort(client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {}, gate="approve")
    refs = [launch(client, name, f"{name}{number:03}") for number in range(105)]
    client.abort(refs[0])
    client.wait(refs[0], timeout=60)
    found = [run.ref for run in client.list_runs(limit=1000, query=RunQuery(entity=name, newest_first=False))]
    assert found == refs
    with Client(flyte_sandbox.config().replace(batch_size=20)) as paging:
        flyte_sandbox.calls.clear()
        pages = [run.ref for run in paging.list_runs(limit=1000, query=RunQuery(entity=name, newest_first=False))]
        assert pages == refs, "all pages, in order"
        assert flyte_sandbox.calls.count("ListExecutions") == 6
        names = paging.list_entities(EntityKind.LAUNCH_PLAN)
        assert EntityRef.launch_plan(name, project="flytesnacks", domain="development") in names
    assert [run.ref for run in client.list_runs(limit=3, query=RunQuery(entity=name))] == refs[:-4:-1]
    aborted = RunQuery(entity=name, phases=(RunPhase.ABORTED, RunPhase.FAILED))
    assert [run.ref for run in client.list_runs(query=aborted)] == [refs[0]]
    now = datetime.now(UTC)
    assert list(client.list_runs(query=RunQuery(entity=name, created_after=now + timedelta(hours=1)))) == []
    assert (
        len(list(client.list_runs(limit=5, query=RunQuery(entity=name, created_before=now + timedelta(hours=1))))) == 5
    )
    assert [run.ref for run in client.list_runs(query=RunQuery(name_contains=f"{name}007"))] == [refs[7]]
    flyte_sandbox.calls.clear()
    next(iter(client.list_runs(limit=1000, query=RunQuery(entity=name))))
    assert flyte_sandbox.calls.count("ListExecutions") == 1, "pages are fetched as they are consumed"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (RunQuery(entity="a+b"), "no escaping"),
        (RunQuery(name_contains="a)"), "no escaping"),
        (RunQuery(created_after=datetime(2026, 1, 1)), "a datetime with a zone is wanted"),  # noqa: DTZ001
        (RunQuery(phases=(RunPhase.PAUSED,)), "ever in phase PAUSED"),
    ],
)
def test_queries_that_cannot_be_written_are_refused(client: Client, query: RunQuery, expected: str) -> None:
    with pytest.raises(InvalidRequest, match=expected):
        list(client.list_runs(query=query))


def test_the_node_tree_of_a_run(client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {}, gate="approve")
    ref = launch(client, name, name)
    raw.approve(name, value=False)
    client.wait(ref, timeout=60)
    flyte_sandbox.calls.clear()
    (node,) = client.nodes(ref)
    assert (node.id, node.name, node.phase, node.children) == ("n0", "n0", "FAILED", ())
    assert node.error is not None
    assert flyte_sandbox.calls.count("ListNodeExecutions") == 1
    assert list(node.walk()) == [node]
    (with_attempts,) = client.nodes(ref, attempts=True)
    assert with_attempts.attempts == ()
    assert client.logs(ref) == []
    with pytest.raises(NotFound, match="has no node 'n7' with logs; it has n0"):
        client.logs(ref, node="n7")
    with pytest.raises(InvalidRequest, match="none of its nodes has one"):
        client.deck(ref)


def test_what_flyte_makes_to_run_a_task_is_not_listed(client: Client, flyte_sandbox: Sandbox, name: str) -> None:
    flyte_sandbox.stub(name)
    client.wait(client.launch(LaunchRequest(EntityRef.task(name), name=name)), timeout=60)
    for kind in (EntityKind.LAUNCH_PLAN, EntityKind.WORKFLOW):
        names = [entity.name for entity in client.list_entities(kind)]
        assert name in names
        assert not [one for one in names if one.startswith(".flytegen.")]


def test_the_inside_of_nothing_is_not_found(client: Client, raw: RawFlyte, name: str) -> None:
    nothere = RunRef("flytesnacks", "development", "nothere")
    for verb in (client.nodes, client.logs, client.deck):
        with pytest.raises(RunNotFound, match="nothere"):
            verb(nothere)
    raw.register(name, {})
    ref = launch(client, name, name)
    client.wait(ref, timeout=60)
    with pytest.raises(NotFound, match="has no node 'n9'"):
        client.deck(ref, node="n9")
    with pytest.raises(NotFound, match="no deck"):
        client.deck(ref, node="start-node")


@pytest.mark.parametrize("leaves", [2, 50, 100])
def test_the_cost_of_a_node_tree_does_not_depend_on_its_leaves(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str, leaves: int
) -> None:
    raw.register(name, {}, width=leaves)
    ref = launch(client, name, name)
    client.wait(ref, timeout=60).raise_for_phase()
    flyte_sandbox.calls.clear()
    tree = client.nodes(ref)
    assert [node.name for node in tree] == [f"n{number}" for number in range(leaves)]
    page = 200
    methods = [call.method for call in flyte_sandbox.calls]
    lists = ["ListNodeExecutions"] * (1 + (leaves + 2) // page)
    assert methods == ["GetExecution", "GetWorkflow", *lists], "the order, then one call, and one more per full page"
    flyte_sandbox.calls.clear()
    assert client.nodes(ref) == tree
    assert [call.method for call in flyte_sandbox.calls] == ["GetExecution", *lists], "the order is known"


def test_entities_names_versions_and_interfaces(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER, "s": STRING}, defaults={"n": integer(3)}, version="v1")
    raw.register(name, {"n": INTEGER, "s": STRING}, fixed={"n": integer(3)}, version="v2", activate=True)
    assert EntityRef.launch_plan(name, project="flytesnacks", domain="development") in client.list_entities(
        EntityKind.LAUNCH_PLAN
    )
    assert [item.version for item in client.list_entities(EntityKind.LAUNCH_PLAN, name=name)] == ["v2", "v1"]
    assert [item.version for item in client.list_entities(EntityKind.WORKFLOW, name=name, limit=1)] == ["v2"]
    first = client.get_entity(EntityRef.launch_plan(name, version="v1"))
    assert (first.inputs["n"].type, first.inputs["n"].required, first.inputs["n"].default) == ("integer", False, 3)
    assert (first.inputs["s"].required, first.outputs, first.active) == (True, {"n": "integer", "s": "string"}, False)
    second = client.get_entity(EntityRef.launch_plan(name))
    assert (second.ref.version, second.fixed, second.active, set(second.inputs)) == ("v2", {"n": 3}, True, {"s"})
    with pytest.raises(EntityNotFound):
        client.get_entity(EntityRef.launch_plan(name + "x"))


def test_pinned_interfaces_are_remembered_and_states_are_not(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {}, version="v1", activate=True)
    flyte_sandbox.calls.clear()
    for number in range(3):
        client.launch(LaunchRequest(EntityRef.launch_plan(name, version="v1"), name=f"{name}{number}"))
    assert flyte_sandbox.calls.count("GetLaunchPlan") == 1
    for number in range(3, 5):
        launch(client, name, f"{name}{number}")
    assert flyte_sandbox.calls.count("GetActiveLaunchPlan") == 2
    client.clear_cache()
    client.get_entity(EntityRef.launch_plan(name, version="v1"))
    assert flyte_sandbox.calls.count("GetLaunchPlan") == 2


def test_whoami(client: Client) -> None:
    assert isinstance(client.whoami(), str)


def test_the_same_verbs_on_a_loop(flyte_sandbox: Sandbox, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")

    async def job() -> None:
        async with AsyncClient(flyte_sandbox.config()) as client:
            ref = await client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name))
            await client.signal(ref, GATE, True)
            assert (await client.wait(ref, timeout=60)).phase is RunPhase.SUCCEEDED
            assert [run.ref async for run in client.list_runs(query=RunQuery(entity=name))] == [ref]
            assert (await client.inputs(ref)) == {"n": 1}
            again = await client.relaunch(ref, name=name + "b")
            await client.abort(again)
            assert [item.phase async for item in client.watch(again, timeout=60)][-1] is RunPhase.ABORTED
            assert len(await client.nodes(ref)) == 1
            await client.archive(ref)
            assert (await client.get_entity(EntityRef.launch_plan(name))).outputs == {"n": "integer"}

    asyncio.run(job())


def test_both_clients_have_the_same_verbs() -> None:
    def verbs(kind: type) -> set[str]:
        return {item for item in vars(kind) if not item.startswith("_")}

    assert verbs(Client) - {"close"} == verbs(AsyncClient) - {"aclose", "shared", "renew_with", "poll_age"}
