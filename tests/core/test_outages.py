"""FlyteAdmin without its database, its blob store, its Kubernetes: "could not ask", never a mistake, never data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from support.clock import FastClock
from support.flyte import DOMAIN, INTEGER, PROJECT, RawFlyte, integer

from bridge_core import (
    Client,
    ContainerTask,
    Cron,
    EntityKind,
    EntityRef,
    ErrorClass,
    InvalidRequest,
    LaunchRequest,
    RetryPolicy,
    RunQuery,
    RunRef,
    Trigger,
    Unavailable,
    classify,
)
from bridge_core.model.status import from_status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge_core import BridgeError
    from bridge_core.sandbox import Sandbox

AWAY = "unexpected error type for: 10.0.0.1:5432 (db): dial error: dial tcp 10.0.0.1:5432: connect: connection refused"
TEXTS = (
    ("INVALID_ARGUMENT", f"failed to validate that project [p] and domain [d] are registered, err: [{AWAY}]"),
    ("INVALID_ARGUMENT", f"failed to validate that signal [{{p d x}} go] exists, err: [{AWAY}]"),
    ("INTERNAL", AWAY),
)


def told(code: str, details: str) -> BridgeError:
    return from_status(code, details, rpc="CreateExecution", target="flyte:81", request_id=None)


@pytest.mark.parametrize(("code", "details"), TEXTS)
def test_a_database_that_is_away_is_no_mistake(code: str, details: str) -> None:
    error = told(code, details)
    assert isinstance(error, Unavailable)
    assert error.code == code
    assert classify(error).error_class is ErrorClass.COULD_NOT_ASK
    assert "cannot ask its own database" in str(error)


def test_a_filter_with_a_value_of_the_wrong_kind_is_a_mistake_and_no_outage() -> None:
    details = 'failed database operation with invalid input syntax for type integer: "RELAUNCH"'
    assert type(told("UNKNOWN", details)) is InvalidRequest
    assert type(told("UNKNOWN", "something else")) is Unavailable


@pytest.fixture
def impatient(flyte_sandbox: Sandbox) -> Iterator[Client]:
    with Client(flyte_sandbox.config().replace(retry=RetryPolicy(retries=1))) as client:
        FastClock(client)
        yield client


@pytest.fixture
def run(raw: RawFlyte, impatient: Client, name: str) -> RunRef:
    """A run that has ended."""
    raw.register(name, {"n": INTEGER}, activate=True)
    ref = impatient.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))
    with Client(impatient.config) as patient:
        assert patient.wait(ref, timeout=60).phase.is_success
    return ref


Verb = Callable[[Client, RunRef], Any]
ASKING_THE_DATABASE: dict[str, Verb] = {
    "launch": lambda flyte, ref: flyte.launch(LaunchRequest(_plan(ref), inputs={"n": 4}, name=f"{ref.name}b")),
    "launch unnamed": lambda flyte, ref: flyte.launch(LaunchRequest(_plan(ref, version="v1"), inputs={"n": 4})),
    "attach": lambda flyte, ref: flyte.launch(LaunchRequest(_plan(ref), inputs={"n": 3}, name=ref.name)),
    "describe": lambda flyte, ref: flyte.describe(ref),
    "inputs": lambda flyte, ref: flyte.inputs(ref),
    "outputs": lambda flyte, ref: flyte.outputs(ref),
    "abort": lambda flyte, ref: flyte.abort(ref),
    "archive": lambda flyte, ref: flyte.archive(ref),
    "relaunch": lambda flyte, ref: flyte.relaunch(ref, name=f"{ref.name}c"),
    "recover": lambda flyte, ref: flyte.recover(ref, name=f"{ref.name}d"),
    "signal": lambda flyte, ref: flyte.signal(ref, "go", value=True, timeout=1),
    "nodes": lambda flyte, ref: flyte.nodes(ref, attempts=True),
    "logs": lambda flyte, ref: flyte.logs(ref),
    "metrics": lambda flyte, ref: flyte.metrics(ref),
    "register": lambda flyte, ref: flyte.register(_task(ref), version="v1"),
    "call": lambda flyte, _: flyte.call(
        "ListNamedEntities", {"resource_type": "TASK", "project": PROJECT, "domain": DOMAIN, "limit": 1}
    ),
    "inputs of a node": lambda flyte, ref: flyte.inputs(ref, node="n0"),
    "outputs of a node": lambda flyte, ref: flyte.outputs(ref, node="n0"),
    "list_runs": lambda flyte, _: list(flyte.list_runs(query=RunQuery(entity="x"))),
    "list_entities": lambda flyte, _: flyte.list_entities(EntityKind.TASK),
    "versions": lambda flyte, ref: flyte.list_entities(EntityKind.LAUNCH_PLAN, name=ref.name),
    "get_entity": lambda flyte, ref: flyte.get_entity(_plan(ref)),
    "list_triggers": lambda flyte, _: flyte.list_triggers(),
    "activate": lambda flyte, ref: flyte.activate(_plan(ref, version="v1")),
    "deactivate": lambda flyte, ref: flyte.deactivate(_plan(ref, version="v1")),
    "deploy_trigger": lambda flyte, ref: flyte.deploy_trigger(
        Trigger(f"{ref.name}t", entity=_plan(ref), automation=Cron("0 3 * * *"), inputs={"n": 1})
    ),
}


def _task(ref: RunRef) -> ContainerTask:
    return ContainerTask(name=f"{ref.name}.task", image="i:1", command=("true",))


def _plan(ref: RunRef, version: str | None = None) -> EntityRef:
    return EntityRef.launch_plan(ref.name, version=version)


@pytest.mark.parametrize("verb", ASKING_THE_DATABASE)
def test_each_verb_without_the_database(impatient: Client, flyte_sandbox: Sandbox, run: RunRef, verb: str) -> None:
    with flyte_sandbox.faults.outage("database"), pytest.raises(Unavailable) as caught:
        ASKING_THE_DATABASE[verb](impatient, run)
    assert classify(caught.value).error_class is ErrorClass.COULD_NOT_ASK
    if verb != "signal":  # a run that has ended reaches no gate
        ASKING_THE_DATABASE[verb](impatient, run)  # and works again


@pytest.mark.parametrize("verb", ["launch", "launch unnamed", "inputs", "outputs", "relaunch", "recover", "metrics"])
def test_each_verb_that_needs_it_without_the_blob_store(
    impatient: Client, flyte_sandbox: Sandbox, run: RunRef, verb: str
) -> None:
    with flyte_sandbox.faults.outage("blobs"), pytest.raises(Unavailable) as caught:
        ASKING_THE_DATABASE[verb](impatient, run)
    assert classify(caught.value).error_class is ErrorClass.COULD_NOT_ASK
    ASKING_THE_DATABASE[verb](impatient, run)


def test_a_signal_without_the_database(raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    with Client(flyte_sandbox.config().replace(retry=RetryPolicy(retries=1))) as client:
        ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))
        flyte_sandbox.faults.fail("SetSignal", code="INVALID_ARGUMENT", message=TEXTS[1][1], times=2)
        with pytest.raises(Unavailable):
            client.signal(ref, "go", value=True)
        client.signal(ref, "go", value=True)
        assert client.wait(ref, timeout=60).phase.is_success


def test_inputs_that_cannot_be_read_are_not_taken_for_other_inputs(
    impatient: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    from flyteidl.admin import execution_pb2
    from flyteidl.core import identifier_pb2, literals_pb2

    raw.register(name, {"n": INTEGER}, gate="approve")
    plan = identifier_pb2.Identifier(
        resource_type=identifier_pb2.LAUNCH_PLAN, project=PROJECT, domain=DOMAIN, name=name, version="v1"
    )
    theirs = execution_pb2.ExecutionCreateRequest(
        project=PROJECT,
        domain=DOMAIN,
        name=name,
        spec=execution_pb2.ExecutionSpec(launch_plan=plan),
        inputs=literals_pb2.LiteralMap(literals={"n": integer(3)}),
    )
    raw.admin("CreateExecution", theirs)
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    with flyte_sandbox.faults.outage("blobs"), pytest.raises(Unavailable, match="cannot be compared"):
        impatient.launch(request)
    assert not impatient.launch_or_attach(request).created


def test_a_run_without_inputs_and_outputs_is_read_without_the_blob_store(
    impatient: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {})
    ref = impatient.launch(LaunchRequest(EntityRef.launch_plan(name), name=name))
    with Client(flyte_sandbox.config()) as client:
        client.wait(ref, timeout=60)
    with flyte_sandbox.faults.outage("blobs"):
        assert dict(impatient.inputs(ref)) == dict(impatient.outputs(ref)) == {}


@pytest.mark.parametrize("what", ["database", "blobs"])
def test_the_scheduler_loses_no_tick_to_an_outage(
    impatient: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str, what: str
) -> None:
    from bridge_core.scheduler.entry import Entry
    from bridge_core.scheduler.launcher import Outcome, launch_tick

    raw.register(name, {"n": INTEGER}, gate="approve")
    entity = EntityRef.launch_plan(name, project=PROJECT, domain=DOMAIN)
    trigger = Trigger(name, entity=entity, automation=Cron("* * * * *"), inputs={"n": 1})
    entry = Entry(trigger=trigger)
    tick = int((datetime.now(UTC) - timedelta(minutes=1)).timestamp()) // 60 * 60
    with flyte_sandbox.faults.outage(what):
        assert launch_tick(impatient, entry, tick, []).outcome is Outcome.RETRY
    assert launch_tick(impatient, entry, tick, []).outcome is Outcome.LAUNCHED


def test_kubernetes_away_fails_the_run_and_not_the_question(
    impatient: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    with flyte_sandbox.faults.outage("kubernetes"):
        ref = impatient.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))
        snapshot = impatient.wait(ref, timeout=60)
    assert snapshot.phase.value == "FAILED"
    assert classify(snapshot).error_class is ErrorClass.SYSTEM
