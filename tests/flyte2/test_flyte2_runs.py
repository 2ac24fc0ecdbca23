"""Runs on Flyte 2, on both wires: launched once, waited for, read, ended."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from flyteidl2.core import literals_pb2, types_pb2
from flyteidl2.task import common_pb2
from scripted_flyte2 import DOMAIN, PROJECT, ScriptedFlyte2, Status

from bridge_core import (
    AlreadyExists,
    AsyncClient,
    Client,
    Config,
    EntityNotFound,
    EntityRef,
    InvalidRequest,
    LaunchRequest,
    LiteralError,
    RunAborted,
    RunFailed,
    RunNotFound,
    RunOptions,
    RunPhase,
    RunQuery,
    RunTimedOut,
    Unavailable,
    Unsupported,
    WaitTimeout,
)

INTEGER, STRING = types_pb2.INTEGER, types_pb2.STRING


def integer(value: int) -> Any:
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(primitive=literals_pb2.Primitive(integer=value)))


def outputs(**values: int) -> Any:
    return common_pb2.Outputs(
        literals=[common_pb2.NamedLiteral(name=name, value=integer(value)) for name, value in values.items()]
    )


@pytest.fixture(autouse=True)
def _task(flyte: ScriptedFlyte2) -> None:
    flyte.deploy("env.add", {"x": INTEGER, "y": INTEGER}, {"o0": INTEGER}, defaults={"y": integer(5)})


def request(name: str, **inputs: Any) -> LaunchRequest:
    return LaunchRequest(EntityRef.task("env.add"), inputs=inputs or {"x": 1}, name=name)


def test_launch_wait_outputs(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    ref = client.launch(request(name, x=2))
    (sent,) = flyte.creates()
    assert {item.name: item.value.scalar.primitive.integer for item in sent.inputs.literals} == {"x": 2, "y": 5}
    assert (sent.task_id.name, sent.task_id.version) == ("env.add", "v1")
    with pytest.raises(WaitTimeout):
        client.wait(ref, timeout=0.01, poll_interval=0.005)
    flyte.end(name, outputs=outputs(o0=7))
    snapshot = client.wait(ref, timeout=10).raise_for_phase()
    assert snapshot.phase is RunPhase.SUCCEEDED
    assert snapshot.entity == EntityRef.task("env.add", project=PROJECT, domain=DOMAIN, version="v1")
    assert snapshot.ended_at is not None
    assert client.outputs(ref) == {"o0": 7}
    assert client.inputs(ref) == {"x": 2, "y": 5}
    assert snapshot.console_url.endswith(f"/v2/domain/{DOMAIN}/project/{PROJECT}/runs/{name}")


def test_the_same_again_attaches_and_sends_nothing(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    first = client.launch_or_attach(request(name))
    again = client.launch_or_attach(request(name))
    assert first.created
    assert not again.created
    assert len(flyte.creates()) == 1


@pytest.mark.parametrize("phase", ["QUEUED", "SUCCEEDED"])
def test_other_inputs_under_a_name_are_refused_and_the_stored_ones_stay(
    flyte: ScriptedFlyte2, client: Client, name: str, phase: str
) -> None:
    ref = client.launch(request(name, x=1))
    if phase == "SUCCEEDED":
        flyte.end(name, outputs=outputs(o0=1))
    with pytest.raises(AlreadyExists) as caught:
        client.launch(request(name, x=2))
    assert caught.value.differing == ("x",)
    assert client.inputs(ref)["x"] == 1
    assert len(flyte.creates()) == 1


def test_a_name_of_another_project_is_refused_before_anything_is_sent(
    flyte: ScriptedFlyte2, client: Client, config: Config, name: str
) -> None:
    with Client(config.replace(project="other")) as other:
        other.launch(
            LaunchRequest(EntityRef.task("env.add", project=PROJECT, domain=DOMAIN), inputs={"x": 1}, name=name)
        )
    run = flyte.runs.pop((PROJECT, DOMAIN, name))
    run.details.action.id.run.project = "other"
    flyte.runs["other", DOMAIN, name] = run
    with pytest.raises(AlreadyExists, match=f"belongs to run other/{DOMAIN}/{name}"):
        client.launch(request(name))
    assert len(flyte.creates()) == 1


def test_two_launchers_with_other_inputs_at_the_same_moment(flyte: ScriptedFlyte2, config: Config, name: str) -> None:
    """Both look, and find nothing; the server answers OK to both. The one that came second is told."""
    gate = threading.Barrier(2)

    def both_looked(_: Any) -> None:
        gate.wait(10)

    flyte.before["CreateRun"] = both_looked
    outcomes: list[Any] = []

    def launch(x: int) -> None:
        with Client(config) as client:
            try:
                outcomes.append(client.launch(request(name, x=x)))
            except AlreadyExists as error:
                outcomes.append(error)

    threads = [threading.Thread(target=launch, args=(x,)) for x in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(type(item).__name__ for item in outcomes) == ["AlreadyExists", "RunRef"]
    assert len(flyte.runs) == 1


def test_a_lost_answer_makes_one_run(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    lost = iter([True])

    def lose(_: Any) -> None:
        if next(lost, False):
            raise Status("UNAVAILABLE", "connection lost")

    flyte.after["CreateRun"] = lose
    launched = client.launch_or_attach(request(name))
    first, second = flyte.creates()
    assert first == second
    assert launched.created
    assert len(flyte.runs) == 1


def test_names_of_tasks_and_versions(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    flyte.deploy("env.add", {"x": INTEGER}, {"o0": INTEGER}, version="v2")
    client.launch(request(name))
    assert flyte.creates()[-1].task_id.version == "v2"
    client.launch(LaunchRequest(EntityRef.task("env.add", version="v1"), inputs={"x": 1}, name=f"{name}b"))
    assert flyte.creates()[-1].task_id.version == "v1"
    client.launch(LaunchRequest("env.add", inputs={"x": 1}, name=f"{name}c"))  # as Flyte 1's users write it
    with pytest.raises(EntityNotFound, match="no version 'v9'; the newest: v2, v1"):
        client.launch(LaunchRequest("task:env.add@v9", inputs={"x": 1}))
    with pytest.raises(EntityNotFound, match=r"did you mean 'env\.add'"):
        client.launch(LaunchRequest("task:env.ad", inputs={"x": 1}))
    with pytest.raises(Unsupported, match="Flyte 2 has no workflows"):
        client.launch(LaunchRequest(EntityRef.workflow("env.add"), inputs={"x": 1}))


@pytest.mark.parametrize("wrong", ["a" * 31, "ends-"])
def test_names_that_flyte2_refuses(flyte: ScriptedFlyte2, client: Client, wrong: str) -> None:
    with pytest.raises(InvalidRequest, match="not legal in Flyte 2"):
        client.launch(request(wrong))
    assert not flyte.creates()


def test_a_replaced_version_is_read_anew(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    pinned = EntityRef.task("env.add", version="v1")
    client.launch(LaunchRequest(pinned, inputs={"x": 1}, name=name))
    flyte.deploy("env.add", {"text": STRING}, {"o0": INTEGER})
    client.launch(LaunchRequest(pinned, inputs={"text": "a"}, name=f"{name}b"))
    # And the run that was made before is compared with what it was made from.
    assert not client.launch_or_attach(LaunchRequest(pinned, inputs={"x": 1}, name=name)).created


def test_inputs_are_checked_before_anything_is_sent(flyte: ScriptedFlyte2, client: Client) -> None:
    with pytest.raises(LiteralError, match=r"inputs\.z: unknown input"):
        client.launch(LaunchRequest("task:env.add", inputs={"x": "no", "z": 1}))
    assert not flyte.creates()


def test_a_failure_tells_why_even_when_it_comes_late(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    ref = client.launch(request(name))
    flyte.end(name, "FAILED")
    looks = iter(range(10))

    def late(_: Any) -> None:
        if next(looks) == 2:
            flyte.end(name, "FAILED", error="boom!")

    flyte.before["GetRunDetails"] = late
    snapshot = client.describe(ref)
    assert snapshot.error is not None
    assert (snapshot.error.message, snapshot.error.kind) == ("boom!", "USER")
    with pytest.raises(RunFailed, match="boom!"):
        snapshot.raise_for_phase()


def test_outputs_that_come_after_the_phase(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    ref = client.launch(request(name))
    flyte.late_outputs = 3
    flyte.end(name, outputs=outputs(o0=7))
    assert client.outputs(ref) == {"o0": 7}


def test_outputs_that_never_come_are_no_empty_outputs(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    ref = client.launch(request(name))
    flyte.late_outputs = 10_000
    flyte.end(name, outputs=outputs(o0=7))
    with pytest.raises(Unavailable, match="must have outputs o0"):
        client.outputs(ref)


def test_an_abort_never_touches_a_run_that_has_ended(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    ref = client.launch(request(name))
    flyte.end(name, outputs=outputs(o0=7))
    client.abort(ref, reason="too late")
    assert "AbortRun" not in flyte.calls
    assert client.outputs(ref) == {"o0": 7}


def test_an_abort_between_the_attempts_end_and_the_runs(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    ref = client.launch(request(name))
    flyte.end(name, outputs=outputs(o0=7))
    flyte.runs[PROJECT, DOMAIN, name].details.action.status.phase = 4  # RUNNING still; the attempt SUCCEEDED
    client.abort(ref)
    assert "AbortRun" not in flyte.calls


def test_an_abort_is_recorded_once(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    ref = client.launch(request(name))
    client.abort(ref, reason="first")
    client.abort(ref, reason="second")
    snapshot = client.describe(ref)
    assert snapshot.abort_reason == "first"
    with pytest.raises(RunAborted, match="first"):
        snapshot.raise_for_phase()
    with pytest.raises(RunNotFound):
        client.abort(f"{PROJECT}/{DOMAIN}/nothing")


def test_not_found_by_a_failing_database_is_no_missing_run(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    ref = client.launch(request(name))

    def down(_: Any) -> None:
        raise Status("NOT_FOUND", "database is down")

    flyte.before["GetRunDetails"] = down
    with pytest.raises(Unavailable, match="lists run"):
        client.describe(ref)
    with pytest.raises(RunNotFound):
        client.describe(f"{PROJECT}/{DOMAIN}/nothing")


def test_phases_may_go_back(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    """A retry sends a run from RUNNING to QUEUED."""
    ref = client.launch(request(name))
    phases = iter([4, 1, 4, 1])
    action = flyte.runs[PROJECT, DOMAIN, name].details.action

    def move(_: Any) -> None:
        action.status.phase = next(phases, 5)

    flyte.before["GetRunDetails"] = move
    seen = [snapshot.phase.value for snapshot in client.watch(ref, timeout=20, poll_interval=0.01)]
    assert seen == ["RUNNING", "QUEUED", "RUNNING", "QUEUED", "SUCCEEDED"]


def test_many_waits_are_one_question(flyte: ScriptedFlyte2, config: Config, name: str) -> None:
    async def main() -> list[Any]:
        async with AsyncClient(config) as client:
            refs = [await client.launch(request(f"{name}{number}")) for number in range(20)]
            flyte.calls.clear()
            for number in range(20):
                failed = number == 7
                flyte.end(f"{name}{number}", "FAILED" if failed else "SUCCEEDED", error="boom!" if failed else "")
            return await client.wait_many(refs, timeout=20)

    snapshots = asyncio.run(main())
    assert [item.phase.value for item in snapshots].count("SUCCEEDED") == 19
    assert snapshots[7].error.message == "boom!"  # lists do not show it
    assert flyte.calls.count("ListRuns") == 1
    assert flyte.calls.count("GetRunDetails") == 1


def test_one_wait_asks_a_list_that_has_two_values(flyte: ScriptedFlyte2, config: Config, name: str) -> None:
    async def main() -> Any:
        async with AsyncClient(config) as client:
            ref = await client.launch(request(name))
            flyte.end(name)
            return await client.wait(ref, timeout=20)

    assert asyncio.run(main()).phase is RunPhase.SUCCEEDED


def test_a_cancelled_wait_is_no_success(flyte: ScriptedFlyte2, config: Config, name: str) -> None:
    async def main() -> None:
        async with AsyncClient(config) as client:
            ref = await client.launch(request(name))
            wait = asyncio.ensure_future(client.wait(ref))
            await asyncio.sleep(0.05)
            wait.cancel()
            with pytest.raises(asyncio.CancelledError):
                await wait

    asyncio.run(main())


def test_lists_are_whole_while_runs_are_aborted(flyte: ScriptedFlyte2, config: Config, name: str) -> None:
    with Client(config.replace(batch_size=3)) as client:
        refs = [client.launch(request(f"{name}{number}")) for number in range(8)]
        for number, ref in enumerate(refs):  # a second and more between them
            stamp = flyte.runs[PROJECT, DOMAIN, ref.name].details.action.status.start_time
            stamp.FromSeconds(int(time.time()) - 100 + 3 * number)
            flyte.runs[PROJECT, DOMAIN, ref.name].created = stamp.seconds
        seen = []
        for snapshot in client.list_runs(query=RunQuery(phases=(RunPhase.QUEUED,)), limit=100):
            seen.append(snapshot.ref)
            client.abort(snapshot.ref)
    assert sorted(seen, key=str) == sorted(refs, key=str)


def test_runs_are_found_by_label(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    for number in range(3):
        options = RunOptions(labels={"team": "ml" if number == 1 else "web"})
        client.launch(LaunchRequest("task:env.add", inputs={"x": 1}, name=f"{name}{number}", options=options))
    found = list(client.list_runs(query=RunQuery(labels={"team": "ml"})))
    assert [item.ref.name for item in found] == [f"{name}1"]


def test_options_have_their_fields(
    flyte: ScriptedFlyte2, client: Client, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    options = RunOptions(
        labels={"team": "a label with blanks, which Kubernetes refuses"},
        annotations={"note": "any text"},
        env_vars={"A": "1"},
        interruptible=False,
        overwrite_cache=True,
        cache_lookup_scope="global",
        queue="gpu",
        max_parallelism=4,
        raw_data_path="s3://b/raw",
        run_base_dir="s3://b/base",
        service_account="sa",
        cluster_pool="pool",
        custom_context={"dag": "etl"},
        log_level="debug",
        log_format="json",
        reset_root_logger=True,
    )
    client.launch(LaunchRequest("task:env.add", inputs={"x": 1}, name=name, options=options))
    (sent,) = flyte.creates()
    spec = sent.run_spec
    assert {item.key: item.value for item in spec.envs.values} == {
        "A": "1", "LOG_LEVEL": "10", "LOG_FORMAT": "json", "FLYTE_RESET_ROOT_LOGGER": "1",
    }  # fmt: skip
    assert spec.interruptible.value is False
    assert spec.HasField("interruptible")
    assert (spec.queue, spec.max_action_concurrency, spec.cluster_pool) == ("gpu", 4, "pool")
    assert spec.raw_data_storage.raw_data_prefix == "s3://b/raw"
    assert spec.run_base_dir == "s3://b/base"
    assert spec.security_context.run_as.k8s_service_account == "sa"
    assert spec.overwrite_cache
    assert spec.cache_config.overwrite_cache
    assert spec.cache_config.cache_lookup_scope == 1
    assert {item.key: item.value for item in sent.inputs.context} == {"dag": "etl"}
    label = spec.labels.values["team"]
    assert len(label) <= 63
    assert " " not in label
    assert "a label with blanks, which Kubernetes refuses" in spec.annotations.values.values()
    assert spec.annotations.values["note"] == "any text"
    assert set(client.capabilities.ignored_options) >= {"queue", "service_account"}


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (RunOptions(tags=("a",)), Unsupported),
        (RunOptions(execution_cluster_label="a"), Unsupported),
        (RunOptions(labels={"flyte.org/x": "1"}), InvalidRequest),
        (RunOptions(labels={"no key!": "1"}), InvalidRequest),
        (RunOptions(env_vars={"RUN_NAME": "x"}), InvalidRequest),
        (RunOptions(cache_lookup_scope="galaxy"), InvalidRequest),
    ],
)
def test_options_that_flyte2_has_not(flyte: ScriptedFlyte2, client: Client, options: RunOptions, error: type) -> None:
    with pytest.raises(error):
        client.launch(LaunchRequest("task:env.add", inputs={"x": 1}, options=options))
    assert not flyte.creates()


def test_large_inputs_are_stored_before(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    flyte.deploy("env.text", {"text": STRING}, {})
    big = "x" * (3 << 20)
    ref = client.launch(LaunchRequest("task:env.text", inputs={"text": big}, name=name))
    (sent,) = flyte.creates()
    assert sent.WhichOneof("input_wrapper") == "offloaded_input_data"
    assert client.inputs(ref)["text"] == big
    assert not client.launch_or_attach(LaunchRequest("task:env.text", inputs={"text": big}, name=name)).created


def test_again(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    ref = client.launch(
        LaunchRequest("task:env.add", inputs={"x": 3}, name=name, options=RunOptions(env_vars={"A": "1"}))
    )
    flyte.end(name, "FAILED", error="boom!")
    again = client.relaunch(ref, name=f"{name}r", overwrite_cache=True)
    assert client.relaunch(ref, name=f"{name}r") == again  # once
    first, second = flyte.creates()
    assert second.inputs == first.inputs
    assert second.run_spec.envs == first.run_spec.envs
    assert second.run_spec.relation.related_to.name == name
    assert second.run_spec.overwrite_cache
    with pytest.raises(AlreadyExists):
        client.relaunch(ref, name=name)
    with pytest.raises(Unsupported, match="runs everything again"):
        client.recover(ref)
    with pytest.raises(Unsupported):
        client.archive(ref)


def test_what_is_there(flyte: ScriptedFlyte2, client: Client) -> None:
    assert [item.id for item in client.projects()] == ["flytesnacks", "other"]
    assert client.domains(PROJECT) == [DOMAIN]
    assert [item.name for item in client.list_entities("task")] == ["env.add"]
    entity = client.get_entity("task:env.add")
    assert entity.inputs["y"].default == 5
    assert not entity.inputs["y"].required
    assert client.whoami() == ""
    answer = client.call("ListProjects", {"limit": 1})
    assert answer.projects.projects[0].id == "flytesnacks"
    with pytest.raises(InvalidRequest, match="no such unary RPC"):
        client.call("Nonsense", {})
    caps = client.capabilities
    assert (caps.flyte_version, caps.names_unique_everywhere, caps.archive) == (2, True, False)


def test_a_run_that_nothing_begins_is_ended_by_who_waits(
    flyte: ScriptedFlyte2, config: Config, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    options = RunOptions(max_queued_time=60)

    async def main() -> Any:
        async with AsyncClient(config) as client:
            ref = await client.launch(LaunchRequest("task:env.add", inputs={"x": 1}, name=name, options=options))
            with pytest.raises(WaitTimeout):
                await client.wait(ref, timeout=0.1, poll_interval=0.05)
            stamp = flyte.runs[PROJECT, DOMAIN, name].details.action.status.start_time
            stamp.FromSeconds(int(time.time()) - 300)
            return await client.wait(ref, timeout=20)

    snapshot = asyncio.run(main())
    assert snapshot.phase is RunPhase.TIMED_OUT
    assert "max_queued_time=60 s" in snapshot.abort_reason
    with pytest.raises(RunTimedOut, match="nothing had begun it"):
        snapshot.raise_for_phase()
    assert flyte.calls.count("AbortRun") == 1


def test_a_retry_that_is_queued_again_is_not_ended(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    options = RunOptions(max_queued_time=60)
    ref = client.launch(LaunchRequest("task:env.add", inputs={"x": 1}, name=name, options=options))
    action = flyte.runs[PROJECT, DOMAIN, name].details.action
    action.status.start_time.FromSeconds(int(time.time()) - 300)
    action.attempts.add(attempt=1, phase=6)
    action.attempts.add(attempt=2, phase=1)
    assert client.describe(ref).phase is RunPhase.QUEUED
    assert "AbortRun" not in flyte.calls


def test_a_long_queue_is_explained_when_patience_ends(flyte: ScriptedFlyte2, client: Client, name: str) -> None:
    ref = client.launch(request(name))
    flyte.runs[PROJECT, DOMAIN, name].details.action.status.start_time.FromSeconds(int(time.time()) - 600)
    with pytest.raises(WaitTimeout, match="It is QUEUED for 10 min: an image"):
        client.wait(ref, timeout=0.1)
