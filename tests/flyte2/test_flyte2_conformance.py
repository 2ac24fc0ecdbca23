"""One suite for every wire: the verbs mean the same on Flyte 1, on Flyte 2 over gRPC and over Connect, blocking and awaited.

Against the embedded Flyte, which serves both. A workflow of Flyte 1 and a task of Flyte 2 have one name here, as when a team
moves: the same text launches either.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import inspect
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from bridge_core import (
    AlreadyExists,
    AsyncClient,
    Client,
    Config,
    EntityNotFound,
    InvalidRequest,
    LaunchRequest,
    LiteralError,
    Provenance,
    RunAborted,
    RunEnded,
    RunFailed,
    RunNotFound,
    RunOptions,
    RunPhase,
    RunQuery,
    RunRef,
    Unavailable,
    WaitTimeout,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

WIRES = ["flyte1", "flyte2-grpc", "flyte2-connect"]


class Verbs:
    """A client's verbs without await, whichever client it is."""

    def __init__(self, config: Config, *, aio: bool) -> None:
        self.config = config
        self._loop = asyncio.new_event_loop() if aio else None
        self._client: Any = AsyncClient(config) if aio else Client(config)

    def __getattr__(self, name: str) -> Any:
        verb = getattr(self._client, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            return self.get(verb(*args, **kwargs))

        return call

    def get(self, result: Any) -> Any:
        """What it gives, in the end."""
        if self._loop is None:
            return list(result) if inspect.isgenerator(result) else result
        if hasattr(result, "__aiter__"):

            async def whole() -> list[Any]:
                return [item async for item in result]

            return self._loop.run_until_complete(whole())
        return self._loop.run_until_complete(result) if inspect.isawaitable(result) else result

    @property
    def capabilities(self) -> Any:
        return self.get(self._client.capabilities)

    def close(self) -> None:
        if self._loop is None:
            self._client.close()
            return
        self._loop.run_until_complete(self._client.aclose())
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()


@pytest.fixture(params=WIRES)
def settings(request: pytest.FixtureRequest, flyte_sandbox: Sandbox) -> Config:
    if request.param == "flyte1":
        return flyte_sandbox.config()
    return flyte_sandbox.config(flyte_version=2, transport=request.param.removeprefix("flyte2-"))


@pytest.fixture(params=[False, True], ids=["blocking", "aio"])
def flyte(request: pytest.FixtureRequest, settings: Config) -> Iterator[Verbs]:
    verbs = Verbs(settings, aio=request.param)
    yield verbs
    verbs.close()


@pytest.fixture
def add(flyte_sandbox: Sandbox, name: str) -> str:
    flyte_sandbox.stub(f"pkg.{name}", inputs={"x": int, "word": str}, outputs={"o0": 7, "o1": "done"})
    return f"pkg.{name}"


@pytest.fixture
def slow(flyte_sandbox: Sandbox, name: str) -> str:
    flyte_sandbox.stub(f"slow.{name}", inputs={"x": int}, outputs={"o0": 1}, duration=60)
    return f"slow.{name}"


def asked(entity: str, name: str, **inputs: Any) -> LaunchRequest:
    return LaunchRequest(entity, inputs=inputs or {"x": 1, "word": "a"}, name=name)


def version(flyte: Verbs) -> int:
    found: int = flyte.capabilities.flyte_version
    return found


def test_which_it_is_is_known(flyte: Verbs, settings: Config) -> None:
    caps = flyte.capabilities
    assert caps.flyte_version == settings.flyte_version
    assert caps.transport == ("grpc" if settings.transport == "auto" else settings.transport)


def test_launch_wait_and_values(flyte: Verbs, add: str, name: str) -> None:
    ref = flyte.launch(asked(add, name))
    snapshot = flyte.wait(ref, timeout=30).raise_for_phase()
    assert snapshot.phase is RunPhase.SUCCEEDED
    assert snapshot.entity.name == add
    assert snapshot.created_at is not None
    assert snapshot.ended_at is not None
    assert flyte.outputs(ref) == {"o0": 7, "o1": "done"}
    assert flyte.inputs(ref) == {"x": 1, "word": "a"}
    assert name in snapshot.console_url


def test_the_same_again_attaches(flyte: Verbs, add: str, name: str) -> None:
    assert flyte.launch_or_attach(asked(add, name)).created
    again = flyte.launch_or_attach(asked(add, name))
    assert not again.created
    assert again.ref.name == name
    flyte.wait(again.ref, timeout=30)
    assert not flyte.launch_or_attach(asked(add, name)).created


def test_another_thing_under_the_name_is_refused(flyte: Verbs, add: str, slow: str, name: str) -> None:
    ref = flyte.launch(asked(add, name))
    with pytest.raises(AlreadyExists, match="other inputs") as caught:
        flyte.launch(asked(add, name, x=2, word="a"))
    assert caught.value.differing == ("x",)
    with pytest.raises(AlreadyExists, match="was launched from"):
        flyte.launch(asked(slow, name, x=1))
    flyte.wait(ref, timeout=30)
    assert flyte.inputs(ref)["x"] == 1


def test_inputs_are_checked_all_at_once(flyte: Verbs, add: str) -> None:
    with pytest.raises(LiteralError) as caught:
        flyte.launch(LaunchRequest(add, inputs={"x": "one", "y": 2}))
    assert len(caught.value.problems) == 3, caught.value.problems


def test_what_is_not_there_is_said_so(flyte: Verbs) -> None:
    with pytest.raises(EntityNotFound):
        flyte.launch("pkg.there_is_none")
    for verb in (flyte.describe, flyte.outputs, flyte.inputs, flyte.abort, flyte.nodes):
        with pytest.raises(RunNotFound):
            verb("flytesnacks/development/nothing")
    with pytest.raises(RunNotFound):
        flyte.wait("flytesnacks/development/nothing", timeout=5)


def test_versions(flyte: Verbs, add: str, name: str) -> None:
    (known,) = flyte.list_entities("launch_plan" if version(flyte) == 1 else "task", name=add)
    ref = flyte.launch(LaunchRequest(f"{add}@{known.version}", inputs={"x": 1, "word": "a"}, name=name))
    assert flyte.describe(ref).entity.version == known.version
    with pytest.raises(EntityNotFound, match="no version 'v9'"):
        flyte.launch(LaunchRequest(f"{add}@v9", inputs={"x": 1, "word": "a"}))


def test_a_failure_has_its_reason(flyte: Verbs, flyte_sandbox: Sandbox, name: str) -> None:
    flyte_sandbox.stub(f"bad.{name}", inputs={"x": int}, outputs={"o0": 1}, fail_times=9, message="boom!")
    ref = flyte.launch(asked(f"bad.{name}", name, x=1))
    snapshot = flyte.wait(ref, timeout=30)
    assert snapshot.phase is RunPhase.FAILED
    assert "boom!" in snapshot.error.message
    with pytest.raises(RunFailed, match="boom!"):
        snapshot.raise_for_phase()
    with pytest.raises(RunEnded):
        flyte.outputs(ref)
    (again,) = flyte.wait_many([ref], timeout=30)  # lists show less, and it is asked again
    assert "boom!" in again.error.message


def test_abort(flyte: Verbs, slow: str, name: str) -> None:
    ref = flyte.launch(asked(slow, name, x=1))
    flyte.abort(ref, reason="changed my mind")
    flyte.abort(ref, reason="again")
    snapshot = flyte.wait(ref, timeout=30)
    assert snapshot.phase is RunPhase.ABORTED
    assert snapshot.abort_reason == "changed my mind"
    with pytest.raises(RunAborted, match="changed my mind"):
        snapshot.raise_for_phase()


def test_an_abort_of_what_has_ended_changes_nothing(flyte: Verbs, add: str, name: str) -> None:
    ref = flyte.launch(asked(add, name))
    flyte.wait(ref, timeout=30)
    flyte.abort(ref)
    assert flyte.describe(ref).phase is RunPhase.SUCCEEDED
    assert flyte.outputs(ref)["o0"] == 7


def test_patience_ends_without_harm(flyte: Verbs, slow: str, name: str) -> None:
    ref = flyte.launch(asked(slow, name, x=1))
    with pytest.raises(WaitTimeout) as caught:
        flyte.wait(ref, timeout=0.3)
    assert caught.value.ref == ref
    assert not flyte.describe(ref).phase.is_terminal
    with pytest.raises(InvalidRequest, match="outputs exist only after"):
        flyte.outputs(ref)
    flyte.abort(ref)


def test_watch_tells_each_phase_and_the_end(flyte: Verbs, add: str, name: str) -> None:
    ref = flyte.launch(asked(add, name))
    phases = [snapshot.phase for snapshot in flyte.watch(ref, timeout=30, poll_interval=0.02)]
    assert phases[-1] is RunPhase.SUCCEEDED
    assert len(phases) == len(dict.fromkeys(phases))


def test_many_are_launched_and_waited_for_together(flyte: Verbs, add: str, name: str) -> None:
    requests = LaunchRequest.zipped(add, {"x": range(8)}, inputs={"word": "a"}, name=name)
    refs = flyte.launch_many(requests)
    assert flyte.launch_many(requests) == refs
    assert [item.phase for item in flyte.wait_many(refs, timeout=60)] == [RunPhase.SUCCEEDED] * 8
    ended = list(flyte.run_many(requests, timeout=60))
    assert {item.ref for item in ended} == set(refs)


def test_lists(flyte: Verbs, add: str, name: str) -> None:
    refs = [flyte.launch(asked(add, f"{name}{number}")) for number in range(3)]
    flyte.wait_many(refs, timeout=30)
    found = flyte.list_runs(query=RunQuery(name_contains=name), limit=10)
    assert {item.ref for item in found} == set(refs)
    found = flyte.list_runs(query=RunQuery(name_contains=name, phases=(RunPhase.SUCCEEDED,)), limit=2)
    assert len(found) == 2
    assert not flyte.list_runs(query=RunQuery(name_contains=name, phases=(RunPhase.FAILED,)))
    since = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    assert len(flyte.list_runs(query=RunQuery(name_contains=name, created_after=since))) == 3
    assert not flyte.list_runs(query=RunQuery(name_contains=name, created_before=since))


def test_runs_are_found_by_who_launched_them(flyte: Verbs, add: str, name: str) -> None:
    by = Provenance(source="airflow", installation="prod", job=name, run="r 1", task="t", awaited=True)
    request = LaunchRequest(
        add, inputs={"x": 1, "word": "a"}, name=name, options=RunOptions(labels={"team": "ml"}), provenance=by
    )
    ref = flyte.launch(request)
    assert flyte.describe(ref).provenance == by
    labels = {Provenance.ORIGIN_LABEL: by.origin}
    assert [item.ref for item in flyte.list_runs(query=RunQuery(labels=labels, name_contains=name))] == [ref]
    assert not flyte.list_runs(query=RunQuery(labels={"team": "web"}, name_contains=name))


def test_again_once_under_a_name(flyte: Verbs, add: str, name: str) -> None:
    ref = flyte.launch(asked(add, name))
    flyte.wait(ref, timeout=30)
    again = flyte.relaunch(ref, name=f"{name}r")
    assert flyte.relaunch(ref, name=f"{name}r") == again
    flyte.wait(again, timeout=30).raise_for_phase()
    assert flyte.inputs(again) == flyte.inputs(ref)
    with pytest.raises(AlreadyExists, match="is no relaunch"):
        flyte.relaunch(ref, name=name)


def test_what_is_registered(flyte: Verbs, add: str) -> None:
    kind = "launch_plan" if version(flyte) == 1 else "task"
    assert add in {item.name for item in flyte.list_entities(kind)}
    assert [item.name for item in flyte.list_entities(kind, name=add)] == [add]
    entity = flyte.get_entity(f"{kind}:{add}")
    assert set(entity.inputs) == {"x", "word"}
    assert entity.inputs["x"].type == "integer"
    assert set(entity.outputs) == {"o0", "o1"}
    assert "flytesnacks" in {item.id for item in flyte.projects()}
    assert "development" in flyte.domains("flytesnacks")
    assert isinstance(flyte.whoami(), str)


def test_the_inside_of_a_run(flyte: Verbs, add: str, name: str) -> None:
    ref = flyte.launch(asked(add, name))
    flyte.wait(ref, timeout=30)
    nodes = flyte.nodes(ref, attempts=True)
    every = [item for top in nodes for item in top.walk()]
    assert bool(every) == (version(flyte) == 2), "a stub of Flyte 1 is a workflow without nodes"
    assert all(item.phase == "SUCCEEDED" for item in every)
    assert flyte.metrics(ref).started_at is not None


# -- what goes wrong on the way


def method(flyte: Verbs, of_flyte1: str, of_flyte2: str) -> str:
    return of_flyte1 if version(flyte) == 1 else of_flyte2


def test_an_answer_that_is_lost_makes_one_run(flyte: Verbs, flyte_sandbox: Sandbox, add: str, name: str) -> None:
    create = method(flyte, "CreateExecution", "CreateRun")
    flyte_sandbox.faults.fail(create, code="UNAVAILABLE", after_commit=True)
    launched = flyte.launch_or_attach(asked(add, name))
    assert launched.created
    assert len(flyte.list_runs(query=RunQuery(name_contains=name))) == 1
    flyte.wait(launched.ref, timeout=30).raise_for_phase()


def test_an_outage_ends_no_wait(flyte: Verbs, flyte_sandbox: Sandbox, add: str, name: str) -> None:
    ref = flyte.launch(asked(add, name))
    ask = method(flyte, "GetExecution", "GetRunDetails")
    for _ in range(3):
        flyte_sandbox.faults.fail(ask, code="UNAVAILABLE")
    assert flyte.watch(ref, timeout=60)[-1].phase is RunPhase.SUCCEEDED


def test_a_refused_question_is_no_failed_run(flyte: Verbs, flyte_sandbox: Sandbox, add: str, name: str) -> None:
    ref = flyte.launch(asked(add, name))
    flyte.wait(ref, timeout=30)
    ask = method(flyte, "GetExecution", "GetRunDetails")
    for _ in range(8):
        flyte_sandbox.faults.fail(ask, code="UNAVAILABLE")
    with pytest.raises(Unavailable):
        flyte.describe(ref)
    flyte_sandbox.faults.clear()
    assert flyte.describe(ref).phase is RunPhase.SUCCEEDED


def test_two_launchers_make_one_run(flyte: Verbs, settings: Config, add: str, name: str) -> None:
    import threading

    outcomes: list[Any] = []

    def launch() -> None:
        with Client(settings) as client:
            outcomes.append(client.launch_or_attach(asked(add, name)))

    threads = [threading.Thread(target=launch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(item.created for item in outcomes) == [False, False, False, True]
    assert len(flyte.list_runs(query=RunQuery(name_contains=name))) == 1


def test_a_thousand_waits_are_few_questions(settings: Config, flyte_sandbox: Sandbox, add: str, name: str) -> None:
    async def main() -> list[Any]:
        async with AsyncClient(settings) as client:
            refs = [RunRef("flytesnacks", "development", f"{name}{number}") for number in range(40)]
            requests = [asked(add, ref.name) for ref in refs]
            await client.launch_many(requests)
            flyte_sandbox.calls.clear()
            return await client.wait_many(refs, timeout=60)

    begin = time.monotonic()
    snapshots = asyncio.run(main())
    assert {item.phase for item in snapshots} == {RunPhase.SUCCEEDED}, time.monotonic() - begin
    lists = flyte_sandbox.calls.count("ListExecutions") + flyte_sandbox.calls.count("ListRuns")
    assert 1 <= lists < 40
