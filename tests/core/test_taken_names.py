"""A name that is taken, and no run to be seen: FlyteAdmin stores labels first, the run second, and may die in between."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from flyteidl.admin import execution_pb2
from flyteidl.core import identifier_pb2
from support.clock import FastClock
from support.flyte import DOMAIN, INTEGER, PROJECT, RawFlyte

from bridge_core import (
    AlreadyExists,
    Client,
    EntityRef,
    InvalidRequest,
    LaunchRequest,
    RetryPolicy,
    RunOptions,
    RunRef,
    Unavailable,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

LABELS_TAKEN = (
    'value with matching already exists (duplicate key value violates unique constraint "execution_tags_pkey")'
)
RUN_TAKEN = 'value with matching already exists (duplicate key value violates unique constraint "executions_pkey")'


def stored(raw: RawFlyte, name: str) -> execution_pb2.Execution:
    identifier = identifier_pb2.WorkflowExecutionIdentifier(project=PROJECT, domain=DOMAIN, name=name)
    answer: execution_pb2.Execution = raw.admin(
        "GetExecution", execution_pb2.WorkflowExecutionGetRequest(id=identifier)
    )
    return answer


def runs_of(raw: RawFlyte, name: str) -> list[str]:
    return [item.id.name for item in raw.executions() if item.spec.launch_plan.name == name]


def test_a_run_that_shows_itself_late_is_waited_for(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    clock = FastClock(client)
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    client.launch(request)
    flyte_sandbox.faults.fail("GetExecution", code="NOT_FOUND", times=12)
    flyte_sandbox.faults.fail("CreateExecution", code="ALREADY_EXISTS", message=LABELS_TAKEN)
    assert not client.launch_or_attach(request).created
    assert 13 < sum(clock.slept) < 60  # 11 pauses of 26 s in all, each halved at the least by chance
    assert runs_of(raw, name) == [name]


def test_a_name_that_labels_alone_have_taken_gets_its_run_without_labels(
    client: Client,
    raw: RawFlyte,
    flyte_sandbox: Sandbox,
    name: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve", labels={"plan": "b"}, annotations={"of-plan": "c"})
    clock = FastClock(client)
    options = RunOptions(labels={"team": "a"}, tags=("nightly",), annotations={"mine": "a"})
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name, options=options)
    flyte_sandbox.faults.fail("CreateExecution", code="ALREADY_EXISTS", message=LABELS_TAKEN)
    with caplog.at_level(logging.WARNING, "bridge_core"):
        assert client.launch(request).name == name
    assert 59 < sum(clock.slept) < 61
    assert "nightly, team" in caplog.text
    spec = stored(raw, name).spec
    assert "team" not in spec.labels.values
    assert not any(key.startswith("flyte-bridge") for key in spec.labels.values)
    assert not spec.tags
    assert spec.annotations.values["of-plan"] == "c"
    assert spec.annotations.values["mine"] == "a"
    # Compared by the fingerprint that is an annotation now.
    assert not client.launch_or_attach(request).created
    with pytest.raises(AlreadyExists, match="they differ in n"):
        client.launch(replace(request, inputs={"n": 4}))
    assert runs_of(raw, name) == [name]


def test_a_name_that_nobody_can_have_is_said_to_be_burnt(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    FastClock(client)
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    flyte_sandbox.faults.fail("CreateExecution", code="ALREADY_EXISTS", message=LABELS_TAKEN, times=2)
    with pytest.raises(AlreadyExists, match="Launch under another name") as caught:
        client.launch(request)
    assert caught.value.burnt
    assert caught.value.ref is not None
    assert caught.value.snapshot is None
    assert runs_of(raw, name) == []


def test_only_labels_are_left_out_for_a_name_that_labels_took(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    FastClock(client)
    flyte_sandbox.faults.fail("CreateExecution", code="ALREADY_EXISTS", message=RUN_TAKEN)
    before = flyte_sandbox.calls.count("CreateExecution")
    with pytest.raises(AlreadyExists, match="does not find it for 60 s"):
        client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))
    assert flyte_sandbox.calls.count("CreateExecution") == before + 1


def test_a_relaunch_looks_for_its_run_as_long(client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))
    clock = FastClock(client)
    again = client.relaunch(ref, name=f"{name}2")
    flyte_sandbox.faults.fail("GetExecution", code="NOT_FOUND", times=12)
    flyte_sandbox.faults.fail("RelaunchExecution", code="ALREADY_EXISTS", message=LABELS_TAKEN)
    assert client.relaunch(ref, name=f"{name}2") == again
    assert 13 < sum(clock.slept) < 60  # 11 pauses of 26 s in all, each halved at the least by chance


def test_labels_are_counted_with_ours_before_anything_is_sent(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve", labels={"plan": "b"})
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)

    def labelled(count: int) -> LaunchRequest:
        return replace(request, options=RunOptions(labels={f"k{number}": "v" for number in range(count)}))

    client.launch(replace(labelled(12), name=f"{name}12"))  # and 1 of the plan, the source, the fingerprint, the launch
    assert len(stored(raw, f"{name}12").spec.labels.values) == 16
    before = flyte_sandbox.calls.count("CreateExecution")
    with pytest.raises(
        InvalidRequest, match=r"17 labels, and Flyte 1 takes 16 .*: 13 of the caller, 1 of the launch plan, and 3 that"
    ):
        client.launch(labelled(13))
    assert flyte_sandbox.calls.count("CreateExecution") == before


def test_the_reason_of_the_first_abort_stays(raw: RawFlyte, flyte_sandbox: Sandbox, client: Client, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))
    client.abort(ref, reason="first")
    before = flyte_sandbox.calls.count("TerminateExecution")
    client.abort(ref, reason="second")
    assert flyte_sandbox.calls.count("TerminateExecution") == before
    assert client.wait(ref, timeout=60).abort_reason == "first"


def test_a_create_held_between_its_two_inserts_for_half_a_minute_makes_one_run(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    with flyte_sandbox.faults.hold_create() as held, ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.launch_or_attach, request)
        held.wait()
        with Client(flyte_sandbox.config()) as other:
            clock = FastClock(other)
            clock.at(30.0, held.release)
            second = pool.submit(other.launch_or_attach, request).result(60)
        assert first.result(60).created
    assert not second.created
    assert second.ref == first.result().ref
    assert 30 <= sum(clock.slept) < 60
    assert runs_of(raw, name) == [name]


def test_a_create_held_for_longer_than_anybody_waits_makes_one_run(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    with flyte_sandbox.faults.hold_create() as held, ThreadPoolExecutor(2) as pool:
        first = pool.submit(client.launch_or_attach, request)
        held.wait()
        with Client(flyte_sandbox.config()) as other:
            FastClock(other)
            assert other.launch_or_attach(request).created  # without labels, which the first has taken
        held.release()
        assert not first.result(60).created
    assert runs_of(raw, name) == [name]


def test_a_crash_between_the_two_inserts_makes_one_run(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    clock = FastClock(client)
    flyte_sandbox.faults.crash_create()
    assert client.launch_or_attach(request).created
    assert sum(clock.slept) > 59
    assert not client.launch_or_attach(request).created
    assert runs_of(raw, name) == [name]


def test_several_that_find_a_burnt_name_make_one_run(raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    flyte_sandbox.faults.crash_create()
    with Client(flyte_sandbox.config().replace(retry=RetryPolicy(retries=0))) as dead, pytest.raises(Unavailable):
        dead.launch(request)

    def launched(_: int) -> bool:
        with Client(flyte_sandbox.config()) as client:
            FastClock(client)
            return client.launch_or_attach(request).created

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(launched, range(8))) == 1
    assert runs_of(raw, name) == [name]


def test_six_hundred_identical_launches_at_once_make_one_run(raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    start = threading.Barrier(60)
    with Client(flyte_sandbox.config()) as client:

        def launched(number: int) -> bool:
            if number < 60:
                start.wait(60)
            return client.launch_or_attach(request).created

        with ThreadPoolExecutor(60) as pool:
            made = list(pool.map(launched, range(600)))
    assert sum(made) == 1
    assert runs_of(raw, name) == [name]
    assert client.inputs(RunRef(PROJECT, DOMAIN, name))["n"] == 3
