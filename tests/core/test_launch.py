"""Launching, exactly: one name, one run, whatever happens in between. Counted at the server, over the real wire."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flyteidl.admin import execution_pb2
from support.flyte import DIRECTORY, FILE, INTEGER, STRING, STRUCT, RawFlyte, integer

from bridge_core import (
    AlreadyExists,
    Client,
    Config,
    ConfigError,
    EntityNotFound,
    EntityRef,
    InvalidRequest,
    LaunchRequest,
    LimitExceeded,
    LiteralError,
    Notification,
    RetryPolicy,
    RunNotFound,
    RunOptions,
    RunPhase,
    RunRef,
    SecurityContext,
    Unavailable,
    Unsupported,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def stored_inputs(raw: RawFlyte, ref: RunRef) -> dict[str, object]:
    from bridge_core import Codec

    request = execution_pb2.WorkflowExecutionGetDataRequest()
    request.id.project, request.id.domain, request.id.name = ref.project, ref.domain, ref.name
    return Codec.default().decode_map(raw.admin("GetExecutionData", request).full_inputs)


def runs_of(raw: RawFlyte, workflow: str) -> list[str]:
    return [item.id.name for item in raw.executions() if item.spec.launch_plan.name == workflow]


def test_the_main_job(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER, "s": STRING})
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3, "s": "x"}, name=name))
    assert ref == RunRef("flytesnacks", "development", name)
    snapshot = client.wait(ref, timeout=60).raise_for_phase()
    assert snapshot.phase is RunPhase.SUCCEEDED
    assert client.outputs(ref) == {"n": 3, "s": "x"}
    assert snapshot.console_url == client.console_url(ref)
    assert str(ref.name) in snapshot.console_url


def test_twice_under_one_name_is_one_run(client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    first, second = client.launch_or_attach(request), client.launch_or_attach(request)
    assert (first.created, second.created, first.ref) == (True, False, second.ref)
    assert runs_of(raw, name) == [name]
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    raw.approve(name)
    client.wait(first.ref, timeout=60).raise_for_phase()
    assert client.launch_or_attach(request).snapshot.phase is RunPhase.SUCCEEDED


def test_other_inputs_raise_and_leave_the_running_one_untouched(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER, "s": STRING}, gate="approve")
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3, "s": "x"}, name=name))
    with pytest.raises(
        AlreadyExists, match=r"exists .* with other inputs: they differ in n\. Nothing was sent"
    ) as caught:
        client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 4, "s": "x"}, name=name))
    assert (caught.value.ref, caught.value.differing, caught.value.same_entity) == (ref, ("n",), True)
    assert caught.value.snapshot is not None
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert stored_inputs(raw, ref) == {"n": 3, "s": "x"}
    client.abort(ref)


def test_another_entity_under_the_name_raises(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    raw.register(name + "other", {"n": INTEGER})
    client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))
    with pytest.raises(AlreadyExists, match="was launched from") as caught:
        client.launch(LaunchRequest(EntityRef.launch_plan(name + "other"), inputs={"n": 3}, name=name))
    assert not caught.value.same_entity
    with pytest.raises(AlreadyExists, match="was launched from"):
        client.launch(LaunchRequest(EntityRef.launch_plan(name, version="v9"), inputs={"n": 3}, name=name))


def test_a_new_version_between_tries_still_attaches(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER, "extra": INTEGER}, defaults={"extra": integer(1)})
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    first = client.launch_or_attach(request)
    raw.register(name, {"n": INTEGER, "extra": INTEGER}, version="v2", defaults={"extra": integer(2)})
    second = client.launch_or_attach(request)
    assert (second.created, second.ref) == (False, first.ref)
    assert second.snapshot.entity is not None
    assert second.snapshot.entity.version == "v1"
    newest = client.launch_or_attach(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name + "b"))
    assert newest.snapshot.entity is not None
    assert newest.snapshot.entity.version == "v2"


def test_spelling_a_default_out_is_the_same_launch(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER, "extra": INTEGER}, defaults={"extra": integer(1)})
    client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))
    again = LaunchRequest(EntityRef.launch_plan(name), inputs={"extra": 1, "n": 3}, name=name)
    assert not client.launch_or_attach(again).created


def test_dictionary_order_is_not_a_difference(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"d": STRUCT})
    client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"d": {"a": 1, "b": {"x": 1, "y": 2}}}, name=name))
    again = LaunchRequest(EntityRef.launch_plan(name), inputs={"d": {"b": {"y": 2, "x": 1}, "a": 1}}, name=name)
    assert not client.launch_or_attach(again).created


def test_files_are_compared_by_content_never_by_path_or_uri(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str, tmp_path: Path
) -> None:
    raw.register(name, {"f": FILE}, gate="approve")
    one, other = tmp_path / "one.txt", tmp_path / "other.txt"
    one.write_text("same")
    other.write_text("same")
    entity = EntityRef.launch_plan(name)
    ref = client.launch(LaunchRequest(entity, inputs={"f": str(one)}, name=name))
    uploads = flyte_sandbox.calls.count("CreateUploadLocation")
    assert uploads == 1
    assert not client.launch_or_attach(LaunchRequest(entity, inputs={"f": one}, name=name)).created
    assert not client.launch_or_attach(LaunchRequest(entity, inputs={"f": other}, name=name)).created
    assert flyte_sandbox.calls.count("CreateUploadLocation") == uploads, "attaching uploads nothing"
    one.write_text("changed")  # the same path, other content: flytekit's cache misses this
    with pytest.raises(AlreadyExists, match="differ in f"):
        client.launch(LaunchRequest(entity, inputs={"f": one}, name=name))
    raw.approve(name)
    client.wait(ref, timeout=60).raise_for_phase()
    with client.open(client.outputs(ref)["f"]) as stream:
        assert stream.read() == b"same"


def test_directories_arrive_whole(client: Client, raw: RawFlyte, name: str, tmp_path: Path) -> None:
    raw.register(name, {"d": DIRECTORY})
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "in/a.txt").write_text("a")
    (tmp_path / "in/sub/b.txt").write_text("b")
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"d": tmp_path / "in"}, name=name))
    client.wait(ref, timeout=60).raise_for_phase()
    client.download(client.outputs(ref)["d"], tmp_path / "out")
    assert {p.relative_to(tmp_path / "out").as_posix(): p.read_text() for p in (tmp_path / "out").rglob("*.txt")} == {
        "a.txt": "a",
        "sub/b.txt": "b",
    }


def test_labels_of_the_launch_plan_survive_ours(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {}, labels={"team": "ml", "tier": "gold"}, annotations={"note": "plan"})
    options = RunOptions(labels={"tier": "silver"}, annotations={"by": "me"}, env_vars={"A": "1"}, interruptible=False)
    client.launch(LaunchRequest(EntityRef.launch_plan(name), name=name, options=options))
    (spec,) = [item.spec for item in raw.executions() if item.id.name == name]
    labels = dict(spec.labels.values)
    assert labels.pop("flyte-bridge-inputs").startswith("v")
    assert labels.pop("flyte-bridge-launch")
    assert labels.pop("flyte-bridge-source") == "client"
    assert labels == {"team": "ml", "tier": "silver"}
    assert dict(spec.annotations.values) == {"note": "plan", "by": "me"}
    assert [(item.key, item.value) for item in spec.envs.values] == [("A", "1")]
    assert spec.HasField("interruptible")
    assert not spec.interruptible.value


def test_every_option_arrives_in_its_field(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {})
    options = RunOptions(
        overwrite_cache=True,
        raw_data_path="s3://bucket/raw",
        max_parallelism=7,
        tags=("a", "b"),
        notifications=(Notification(kind="slack", recipients=("ml@example.com",), phases=("FAILED",)),),
        cluster_pool="pool",
        execution_cluster_label="gpu",
        security_context=SecurityContext(iam_role="arn:role"),
    )
    assert RunOptions.from_mapping(options.to_mapping()) == options
    client.launch(LaunchRequest(EntityRef.launch_plan(name), name=name, options=options))
    (spec,) = [item.spec for item in raw.executions() if item.id.name == name]
    assert spec.overwrite_cache
    assert spec.raw_output_data_config.output_location_prefix == "s3://bucket/raw"
    assert spec.max_parallelism == 7
    assert list(spec.tags) == ["a", "b"]
    assert spec.WhichOneof("notification_overrides") == "notifications"
    (notification,) = spec.notifications.notifications
    assert (list(notification.slack.recipients_email), list(notification.phases)) == (["ml@example.com"], [6])
    assert spec.cluster_assignment.cluster_pool_name == "pool"
    assert spec.execution_cluster_label.value == "gpu"
    assert spec.security_context.run_as.iam_role == "arn:role"
    quiet = RunOptions(disable_notifications=True, service_account="robot")
    client.launch(LaunchRequest(EntityRef.launch_plan(name), name=name + "q", options=quiet))
    (spec,) = [item.spec for item in raw.executions() if item.id.name == name + "q"]
    assert spec.disable_all
    assert spec.security_context.run_as.k8s_service_account == "robot"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            {"notifications": [{"kind": "fax", "recipients": ["a"]}]},
            "notification kind 'fax': wanted one of email, slack",
        ),
        ({"notifications": [{"kind": "email", "recipients": []}]}, "at least one recipient"),
        (
            {"notifications": [{"kind": "email", "recipients": ["a"], "phases": ["RUNNING"]}]},
            "phases must be of SUCCEEDED",
        ),
        ({"notifications": [{"kind": "email", "to": "a"}]}, "Notification: unknown key 'to'"),
        ({"notifications": ["a"]}, "wanted a mapping"),
        ({"notifications": [{"recipients": ["a"]}]}, "lacks kind"),
        ({"security_context": {}}, "needs a service_account or an iam_role"),
    ],
)
def test_senseless_options_are_refused_when_they_are_made(options: dict[str, object], expected: str) -> None:
    with pytest.raises(InvalidRequest, match=expected):
        RunOptions.from_mapping(options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (RunOptions(notifications=()), "ignores an empty list"),
        (
            RunOptions(notifications=(Notification(kind="email", recipients=("a",)),), disable_notifications=True),
            "contradict each other",
        ),
        (RunOptions(service_account="a", security_context=SecurityContext(iam_role="b")), "give one of the two"),
    ],
)
def test_contradicting_options_are_refused_before_any_call(client: Client, options: RunOptions, expected: str) -> None:
    with pytest.raises(InvalidRequest, match=expected):
        client.launch(LaunchRequest(EntityRef.launch_plan("any"), options=options))


def test_options_left_out_are_not_sent(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {}, annotations={"note": "plan"})
    client.launch(LaunchRequest(EntityRef.launch_plan(name), name=name))
    (spec,) = [item.spec for item in raw.executions() if item.id.name == name]
    assert not spec.HasField("interruptible")
    assert not spec.overwrite_cache
    assert not spec.security_context.run_as.ListFields()  # the server writes an empty one


def test_a_run_that_something_else_launched_is_compared_by_its_stored_inputs(
    client: Client, raw: RawFlyte, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    request = execution_pb2.ExecutionCreateRequest(project="flytesnacks", domain="development", name=name)
    request.spec.launch_plan.resource_type = 3
    request.spec.launch_plan.project, request.spec.launch_plan.domain = "flytesnacks", "development"
    request.spec.launch_plan.name, request.spec.launch_plan.version = name, "v1"
    request.inputs.literals["n"].CopyFrom(integer(3))
    raw.admin("CreateExecution", request)
    entity = EntityRef.launch_plan(name)
    assert not client.launch_or_attach(LaunchRequest(entity, inputs={"n": 3}, name=name)).created
    with pytest.raises(AlreadyExists, match="differ in n"):
        client.launch(LaunchRequest(entity, inputs={"n": 4}, name=name))


def test_the_answer_lost_after_the_server_acted(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    flyte_sandbox.faults.fail("CreateExecution", code="UNAVAILABLE", after_commit=True)
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name))
    assert runs_of(raw, name) == [name]
    first, second = flyte_sandbox.calls.of("CreateExecution")
    assert first.request == second.request, "only the identical request may be sent again"
    assert client.wait(ref, timeout=60).raise_for_phase().phase.is_success


def test_a_lost_answer_is_told_from_another_launcher(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    flyte_sandbox.faults.fail("CreateExecution", code="UNAVAILABLE", after_commit=True)
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    assert client.launch_or_attach(request).created, "this call made the run, whatever became of the first answer"
    assert not client.launch_or_attach(request).created


def test_a_run_is_never_lost_for_want_of_its_name(raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3})
    with Client(flyte_sandbox.config().replace(retry=RetryPolicy(retries=0))) as client:
        flyte_sandbox.faults.fail("GetExecution")
        launched = client.launch_or_attach(request)
        assert (launched.created, launched.snapshot.phase) == (True, RunPhase.UNKNOWN)
        assert runs_of(raw, name) == [launched.ref.name]
        flyte_sandbox.faults.fail("CreateExecution", after_commit=True)
        with pytest.raises(Unavailable, match="may or may not exist: launch again with name=") as caught:
            client.launch(request)
        ref = caught.value.ref  # type: ignore[attr-defined]
        assert ref.name in runs_of(raw, name)
        again = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=ref.name)
        assert not client.launch_or_attach(again).created


def test_the_answer_lost_without_a_given_name_is_one_run_too(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    flyte_sandbox.faults.fail("CreateExecution", code="INTERNAL", after_commit=True, times=2)
    client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}))
    assert len(runs_of(raw, name)) == 1


def test_a_flyte_that_stays_silent_launches_nothing_twice(raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    config = flyte_sandbox.config().replace(retry=RetryPolicy(retries=0))
    request = LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 3}, name=name)
    with Client(config) as client:
        flyte_sandbox.faults.fail("CreateExecution", code="UNAVAILABLE", after_commit=True)
        with pytest.raises(Unavailable):
            client.launch(request)
        assert not client.launch_or_attach(request).created  # the caller's own retry
        flyte_sandbox.faults.fail("GetExecution", code="UNAVAILABLE")
        with pytest.raises(Unavailable):
            client.launch(request)
    assert runs_of(raw, name) == [name]


def test_racing_launchers_share_one_run(flyte_sandbox: Sandbox, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    barrier, results, clients = threading.Barrier(8), [], [Client(flyte_sandbox.config()) for _ in range(8)]
    flyte_sandbox.faults.delay("CreateExecution", 0.2, times=8)  # all of them look before any of them has created

    def race(client: Client) -> None:
        barrier.wait()
        results.append(client.launch_or_attach(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name)))

    threads = [threading.Thread(target=race, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()
    flyte_sandbox.faults.clear()
    assert {launched.ref.name for launched in results} == {name}
    assert len(results) == 8
    assert [launched.created for launched in results].count(True) == 1
    assert runs_of(raw, name) == [name]


def _launch_and_die(config: Config, workflow: str, run: str) -> None:
    with Client(config) as client:
        client.launch(LaunchRequest(EntityRef.launch_plan(workflow), inputs={"n": 1}, name=run))
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_launcher_killed_after_create_finds_its_run(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"n": INTEGER})
    child = multiprocessing.get_context("spawn").Process(
        target=_launch_and_die, args=(flyte_sandbox.config(), name, name)
    )
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL
    launched = client.launch_or_attach(LaunchRequest(EntityRef.launch_plan(name), inputs={"n": 1}, name=name))
    assert not launched.created
    assert runs_of(raw, name) == [name]


def test_launch_many_keeps_order_and_can_go_on_after_an_error(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    entity = EntityRef.launch_plan(name)
    requests = [LaunchRequest(entity, inputs={"n": value}, name=f"{name}{i}") for i, value in enumerate((1, "bad", 3))]
    first, second, third = client.launch_many(requests, return_exceptions=True)
    assert (first, third) == (
        RunRef("flytesnacks", "development", f"{name}0"),
        RunRef("flytesnacks", "development", f"{name}2"),
    )
    assert isinstance(second, LiteralError)
    with pytest.raises(LiteralError):
        client.launch_many(requests)


def test_launch_many_at_once(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    entity = EntityRef.launch_plan(name)
    requests = [LaunchRequest(entity, inputs={"n": number}, name=f"{name}{number}") for number in range(30)]
    for concurrency in (0, 1, 5):  # the second and third time, they are all found
        refs = client.launch_many(requests, concurrency)
        assert [ref.name for ref in refs] == [request.name for request in requests]  # type: ignore[union-attr]
    assert len(runs_of(raw, name)) == 30
    for bad in (-1, True, "2"):
        with pytest.raises(InvalidRequest, match="concurrency must be 0"):
            client.launch_many(requests, bad)  # type: ignore[arg-type]


def test_versions_pinned_latest_active_and_default(client: Client, raw: RawFlyte, name: str) -> None:
    def launched(version: str | None, run: str) -> str | None:
        entity = EntityRef.launch_plan(name, version=version)
        snapshot = client.launch_or_attach(LaunchRequest(entity, name=name + run)).snapshot
        return snapshot.entity.version if snapshot.entity else None

    raw.register(name, {}, version="v1")
    with pytest.raises(EntityNotFound, match="has no active version"):
        launched("active", "a")
    assert launched(None, "b") == "v1"
    raw.register(name, {}, version="v2", activate=True)
    raw.register(name, {}, version="v3")
    assert launched(None, "c") == "v2"
    assert launched("latest", "d") == "v3"
    assert launched("active", "e") == "v2"
    assert launched("v1", "f") == "v1"


# -- bad input: the right error, the thing, the rule, the way out; nothing launched


def test_unknown_entity_names_the_nearest(client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {})
    with pytest.raises(
        EntityNotFound, match=rf"no launch plan '{name}x' in flytesnacks/development .* did you mean '{name}'"
    ):
        client.launch(LaunchRequest(EntityRef.launch_plan(name + "x")))
    for version in ("v2", "v3", "v4"):
        raw.register(name, {}, version=version)
    with pytest.raises(EntityNotFound, match=r"has no version 'v7'; the newest: v4, v3, v2\. "):
        client.launch(LaunchRequest(EntityRef.launch_plan(name, version="v7")))
    with pytest.raises(EntityNotFound, match=f"^no workflow '{name}x' in .* did you mean '{name}'"):
        client.launch(LaunchRequest(EntityRef.workflow(name + "x")))
    flyte_sandbox.faults.fail("ListLaunchPlanIds", code="PERMISSION_DENIED")
    with pytest.raises(EntityNotFound, match=f"^no launch plan '{name}x' in [^;]*$"):
        client.launch(LaunchRequest(EntityRef.launch_plan(name + "x")))
    with pytest.raises(EntityNotFound, match="no task"):
        client.launch(LaunchRequest(EntityRef.task("no.such.task")))
    assert flyte_sandbox.calls.count("CreateExecution") == 0


def test_all_bad_inputs_are_told_at_once_and_nothing_is_sent(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str, tmp_path: Path
) -> None:
    raw.register(name, {"count": INTEGER, "other": INTEGER, "fixed": INTEGER, "f": FILE}, fixed={"fixed": integer(1)})
    (tmp_path / "f.txt").write_text("x")
    inputs = {"cuont": 1, "other": "wide", "fixed": 2, "f": tmp_path / "f.txt"}
    with pytest.raises(LiteralError) as caught:
        client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs=inputs, name=name))
    text = str(caught.value)
    for part in (name, "cuont", "count", "did you mean", "other: expected integer, got 'wide' (str)", "fixed"):
        assert part in text
    assert len(caught.value.problems) == 4
    assert flyte_sandbox.calls.count("CreateExecution") == 0
    assert flyte_sandbox.calls.count("CreateUploadLocation") == 0
    with pytest.raises(RunNotFound):
        client.describe(RunRef("flytesnacks", "development", name))


def test_a_missing_file_is_found_before_anything_is_sent(
    client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str
) -> None:
    raw.register(name, {"f": FILE})
    with pytest.raises(InvalidRequest, match=r"f: file /no/such/file does not exist"):
        client.launch(LaunchRequest(EntityRef.launch_plan(name), inputs={"f": "/no/such/file"}, name=name))
    assert flyte_sandbox.calls.count("CreateUploadLocation") == 0


def test_bad_names_options_and_places_are_refused_before_any_call(client: Client, flyte_sandbox: Sandbox) -> None:
    entity = EntityRef.launch_plan("any")
    flyte_sandbox.calls.clear()
    with pytest.raises(InvalidRequest, match="run name 'Bad_Name' is not legal"):
        client.launch(LaunchRequest(entity, name="Bad_Name"))
    with pytest.raises(Unsupported, match="run option 'queue' cannot be honoured by Flyte 1"):
        client.launch(LaunchRequest(entity, options=RunOptions(queue="q")))
    with pytest.raises(InvalidRequest, match=r"labels\['a'\] must map text to text, got 1"):
        client.launch(LaunchRequest(entity, options=RunOptions(labels={"a": 1})))  # type: ignore[dict-item]
    with (
        Client(Config.for_endpoint(flyte_sandbox.endpoint, insecure=True)) as placeless,
        pytest.raises(ConfigError, match=r"no project and no domain; name what is missing .*--project --domain"),
    ):
        placeless.launch(LaunchRequest(entity))
    assert len(flyte_sandbox.calls.of("CreateExecution")) == 0


def test_an_unreachable_flyte_says_so(client: Client) -> None:
    config = Config.for_endpoint("127.0.0.1:1", insecure=True, project="p", domain="d", retry=RetryPolicy(retries=0))
    with Client(config) as nowhere, pytest.raises(Unavailable, match=r"cannot reach Flyte at 127\.0\.0\.1:1"):
        nowhere.launch(LaunchRequest(EntityRef.launch_plan("x"), name="a"))


def test_not_found_is_asked_once(client: Client, flyte_sandbox: Sandbox) -> None:
    with pytest.raises(RunNotFound, match="no run flytesnacks/development/nothere"):
        client.describe(RunRef("flytesnacks", "development", "nothere"))
    assert flyte_sandbox.calls.count("GetExecution") == 1


def test_a_concurrency_limit_is_not_a_run(client: Client, raw: RawFlyte, flyte_sandbox: Sandbox, name: str) -> None:
    raw.register(name, {})
    flyte_sandbox.faults.fail(
        "CreateExecution",
        code="ALREADY_EXISTS",
        message="concurrency limit (1) reached for launch plan x; skipping execution",
    )
    with pytest.raises(LimitExceeded, match="was not launched"):
        client.launch(LaunchRequest(EntityRef.launch_plan(name), name=name))
    assert runs_of(raw, name) == []
