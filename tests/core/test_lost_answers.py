"""The answer to a create is lost, and the repetition is refused for another reason: the run is found, never orphaned."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support.clock import FastClock
from support.flyte import INTEGER, RawFlyte

from bridge_core import (
    AlreadyExists,
    BridgeError,
    Client,
    EntityRef,
    InvalidRequest,
    LaunchRequest,
    LimitExceeded,
    RetryPolicy,
    RunRef,
    Unavailable,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

LIMIT = "concurrency limit (1) reached for launch plan x; skipping execution"


def runs_of(raw: RawFlyte, name: str) -> list[str]:
    return [item.id.name for item in raw.executions() if item.spec.launch_plan.name == name]


@pytest.mark.parametrize(
    "refusal",
    [
        {"code": "ALREADY_EXISTS", "message": LIMIT},
        {"code": "RESOURCE_EXHAUSTED", "message": "too many", "times": 3},
        {"code": "PERMISSION_DENIED", "message": "not any more"},
    ],
)
def test_a_refused_repetition_does_not_lose_the_run_of_the_first_attempt(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str, refusal: dict[str, Any]
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    made = []
    for run_name in (name, None):
        flyte_sandbox.faults.fail("CreateExecution", after_commit=True)
        flyte_sandbox.faults.fail("CreateExecution", **refusal)
        launched = client.launch_or_attach(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=run_name))
        assert launched.created
        made.append(launched.ref.name)
    assert sorted(runs_of(raw, name)) == sorted(made)


def test_a_concurrency_limit_met_by_the_identical_launch_of_somebody_else_attaches(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    client.launch(request)
    flyte_sandbox.faults.fail("GetExecution", code="NOT_FOUND")  # somebody made it just after we looked
    flyte_sandbox.faults.fail("CreateExecution", code="ALREADY_EXISTS", message=LIMIT)
    assert not client.launch_or_attach(request).created


def test_a_name_that_is_taken_by_nobody_knows_whom_is_no_refusal(
    raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3})
    with Client(flyte_sandbox.config().replace(retry=RetryPolicy(retries=0))) as client:
        clock = FastClock(client)
        flyte_sandbox.faults.fail("CreateExecution", code="ALREADY_EXISTS", after_commit=True)
        flyte_sandbox.faults.fail("GetExecution", times=1000)
        with pytest.raises(Unavailable, match="may or may not exist: launch again with name=") as caught:
            client.launch(request)
        assert 59 < sum(clock.slept) < 61
        flyte_sandbox.faults.clear()
        ref = caught.value.data["ref"]
        assert not client.launch_or_attach(replace(request, name=ref.name)).created


def test_a_refusal_nobody_can_be_asked_about_keeps_its_meaning_and_names_the_run(
    raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    with Client(flyte_sandbox.config().replace(retry=RetryPolicy(retries=0))) as client:
        flyte_sandbox.faults.fail("CreateExecution", code="ALREADY_EXISTS", message=LIMIT, after_commit=True)
        flyte_sandbox.faults.fail("GetExecution")
        with pytest.raises(LimitExceeded, match="may or may not exist: launch again with name=") as caught:
            client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}))
    assert runs_of(raw, name) == [caught.value.ref.name]  # type: ignore[attr-defined]


def test_a_refusal_of_a_run_that_is_not_there_is_told_as_it_is(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    flyte_sandbox.faults.fail("CreateExecution", code="INVALID_ARGUMENT", message="no such node pool")
    with pytest.raises(InvalidRequest, match=r"no such node pool$"):
        client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))


@pytest.mark.parametrize("verb", ["relaunch", "recover"])
def test_a_run_made_again_is_not_lost_either(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str, verb: str
) -> None:
    rpc = f"{verb.capitalize()}Execution"
    raw.register(name, {"n": INTEGER})
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))
    client.wait(ref, timeout=60)
    flyte_sandbox.faults.fail(rpc, after_commit=True)
    flyte_sandbox.faults.fail(rpc, code="ALREADY_EXISTS", message=LIMIT)
    again: RunRef = getattr(client, verb)(ref)
    assert sorted(runs_of(raw, name)) == sorted([name, again.name])
    flyte_sandbox.faults.fail(rpc, code="ALREADY_EXISTS", message=LIMIT)
    with pytest.raises(LimitExceeded, match=rf"was not {verb}(e|)d as .* concurrency limit"):
        getattr(client, verb)(ref)
    with Client(flyte_sandbox.config().replace(retry=RetryPolicy(retries=0))) as once:
        flyte_sandbox.faults.fail(rpc, after_commit=True)
        with pytest.raises(Unavailable, match=rf"may or may not exist: {verb} again with name=") as caught:
            getattr(once, verb)(ref)
    error: BridgeError = caught.value
    assert error.ref.name in runs_of(raw, name)  # type: ignore[attr-defined]


def test_one_batch_with_one_name_twice_mixes_no_inputs(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    entity = EntityRef.launch_plan(name)
    for number in range(5):
        twice = [LaunchRequest(entity, inputs={"n": n}, name=f"{name}{number}") for n in (1, 2)]
        first, second, third = client.launch_many([*twice, twice[0]], return_exceptions=True)
        assert first == third == RunRef("flytesnacks", "development", f"{name}{number}")
        assert isinstance(second, AlreadyExists)
        assert client.inputs(first)["n"] == 1  # type: ignore[arg-type]
    assert flyte_sandbox.calls.count("CreateExecution") == 5
