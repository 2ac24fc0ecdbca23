"""Launch plans written as values: what is stored equals what flytekit's own are stored as, and what is refused."""

from __future__ import annotations

import asyncio
import datetime as dt
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from flyteidl.admin import common_pb2, launch_plan_pb2
from google.protobuf import json_format
from support.forks import Forks

from bridge_core import (
    AsyncClient,
    BridgeError,
    Client,
    ConfigError,
    ContainerTask,
    Cron,
    EntityNotFound,
    EntityRef,
    FixedRate,
    InvalidRequest,
    LaunchPlan,
    LaunchRequest,
    LiteralError,
    Notification,
    RegistrationReport,
    SecurityContext,
    TriggerTime,
    Unsupported,
)
from bridge_core.sandbox import Sandbox

FLOWS = Path(__file__).parent / "plans"
WRITES = ("CreateTask", "CreateWorkflow", "CreateLaunchPlan", "UpdateLaunchPlan")
OURS = (
    LaunchPlan("plans.plain", "flows.report", defaults={"top": 3}),
    LaunchPlan("plans.fixed", "flows.report", fixed={"top": 3, "sizes": [1, 2]}, auto_activate=True),
    LaunchPlan(
        "plans.nightly",
        "flows.report",
        defaults={"word": "night"},
        fixed={"top": 3, "rate": 1.5},
        schedule=Cron("0 3 * * 1-5", timezone="Europe/Berlin"),
        labels={"team": "shop"},
        annotations={"note": "at night"},
        notifications=[
            Notification(kind="email", recipients=("a@example.com",), phases=("FAILED",)),
            Notification(kind="slack", recipients=("b@example.com",), phases=("SUCCEEDED", "ABORTED")),
        ],
        max_parallelism=5,
        raw_data_path="s3://bucket/here",
        security_context=SecurityContext(service_account="robot"),
        overwrite_cache=True,
        concurrency=2,
    ),
    LaunchPlan("plans.hourly", "flows.report", defaults={"top": 1}, schedule=FixedRate(120)),
    LaunchPlan("plans.every", "flows.report", fixed={"top": 1}, schedule=Cron("@every 30m")),
    LaunchPlan(
        "plans.rich",
        "workflow:flows.rich",
        defaults={
            "day": dt.datetime(2026, 11, 20, tzinfo=dt.UTC),
            "wait": "5m",
            "model": {"layers": 2, "rate": 0.5},
            "maybe": 4,
        },
        fixed={"size": "large", "table": {"a": 1}, "file": "s3://bucket/file"},
    ),
    LaunchPlan(
        "plans.daily",
        EntityRef.workflow("flows.rich"),
        defaults={
            "day": TriggerTime,
            "wait": dt.timedelta(minutes=5),
            "model": {"layers": 2, "rate": 0.5},
            "table": {},
            "file": "s3://bucket/file",
        },
        schedule=Cron("0 3 * * *"),
    ),
)


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plans")
    return Path(shutil.copy(FLOWS / "flows.py", folder))


@pytest.fixture(scope="module")
def ours(flyte: Sandbox, code: Path) -> RegistrationReport:
    with Client(flyte.config(project="ours")) as client:
        return client.register([code, *OURS])


@pytest.fixture(scope="module")
def theirs(flyte: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> str:
    config = tmp_path_factory.mktemp("pyflyte") / "config.yaml"
    config.write_text(f"admin:\n  endpoint: dns:///{flyte.endpoint}\n  insecure: true\n")
    command = [
        str(Path(sys.executable).with_name("pyflyte")), "--config", str(config), "register", "--project", "theirs", "--domain",
        "development", "--version", "plans", str(FLOWS / "theirs.py"),
    ]  # fmt: skip
    told = subprocess.run(command, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
    return "plans"


@pytest.fixture(scope="module")
def there(flyte: Sandbox, code: Path) -> None:
    """The workflows at the server."""
    with Client(flyte.config(project="ours")) as client:
        client.register(code, version="stored")


@pytest.fixture
def bare(flyte: Sandbox, there: None) -> Iterator[Client]:
    with Client(flyte.config(project="ours")) as client:
        flyte.calls.clear()
        yield client


def stored(flyte: Sandbox, project: str, version: str) -> dict[str, Any]:
    """Name -> what the server keeps of a launch plan, without project, version and times."""
    where = common_pb2.NamedEntityIdentifier(project=project, domain="development")
    listing = common_pb2.ResourceListRequest(id=where, limit=100, filters=f"eq(version,{version})")
    with grpc.insecure_channel(flyte.endpoint) as channel:
        call = channel.unary_unary(
            "/flyteidl.service.AdminService/ListLaunchPlans",
            request_serializer=common_pb2.ResourceListRequest.SerializeToString,
            response_deserializer=launch_plan_pb2.LaunchPlanList.FromString,
        )
        found = call(listing, timeout=20).launch_plans
    return {item.id.name: without(json_format.MessageToDict(item)) for item in found}


def without(value: Any) -> Any:
    if isinstance(value, dict):
        odd = ("createdAt", "updatedAt", "version", "project")
        return {key: without(item) for key, item in value.items() if key not in odd}
    return [without(item) for item in value] if isinstance(value, list) else value


def written(flyte: Sandbox) -> int:
    return sum(flyte.calls.count(method) for method in WRITES)


@pytest.mark.parametrize("plan", OURS, ids=lambda plan: plan.name)
def test_what_flytekit_stores(plan: LaunchPlan, flyte: Sandbox, ours: RegistrationReport, theirs: str) -> None:
    mine, other = stored(flyte, "ours", ours.version), stored(flyte, "theirs", theirs)
    if "kickoffTimeInputArg" in other[plan.name]["spec"]["entityMetadata"].get("schedule", {}):
        assert plan.kickoff_inputs == (other[plan.name]["spec"]["entityMetadata"]["schedule"]["kickoffTimeInputArg"],)
    assert mine[plan.name] == other[plan.name]


def test_the_same_again_changes_nothing(flyte: Sandbox, ours: RegistrationReport, code: Path) -> None:
    assert {item.outcome for item in ours.entities} == {"created", "activated"}
    assert [item.ref.name for item in ours.of("activated")] == ["plans.fixed"]
    flyte.calls.clear()
    with Client(flyte.config(project="ours")) as client:
        again = client.register([*reversed(OURS), code])
    assert again.version == ours.version
    assert {item.outcome for item in again.entities} == {"unchanged"}
    assert written(flyte) == 0


def test_it_launches(flyte: Sandbox, ours: RegistrationReport) -> None:
    with Client(flyte.config(project="ours")) as client:
        ref = client.launch(EntityRef.launch_plan("plans.fixed"))
        client.wait(ref, timeout=60).raise_for_phase()
        assert client.outputs(ref)["o0"] == "3 none 0.5 [1, 2]"
        with pytest.raises(LiteralError, match="fixed by the launch plan"):
            client.launch(LaunchRequest(EntityRef.launch_plan("plans.fixed"), inputs={"top": 4}))


def test_of_a_workflow_at_the_server(bare: Client, flyte: Sandbox) -> None:
    plan = LaunchPlan("plans.server", "flows.report", fixed={"top": 1})
    report = bare.register(plan)
    (item,) = report.entities
    assert (item.outcome, item.ref) == (
        "created",
        EntityRef.launch_plan("plans.server", project="ours", domain="development", version=report.version),
    )
    found = bare.get_entity(item.ref)
    assert found.fixed == {"top": 1}
    assert found.inputs["word"].default == "none"
    assert bare.register(plan).entities[0].outcome == "unchanged"
    assert bare.register(LaunchPlan("plans.server", "flows.report", fixed={"top": 2})).version != report.version
    pinned = LaunchPlan("plans.pinned", "flows.report@stored", defaults={"top": 1}, version="mine")
    assert [str(one.ref) for one in bare.register(pinned).entities] == [
        "launch_plan:ours/development/plans.pinned@mine"
    ]


def test_with_tasks_in_one_call(bare: Client) -> None:
    task = ContainerTask(name="plans.box", image="busybox:1.36", command=("true",))
    report = bare.register([LaunchPlan("plans.mixed", "flows.report", defaults={"top": 1}), task], activate=True)
    assert {item.ref.name: item.outcome for item in report.entities} == {
        "plans.box": "created",
        "plans.mixed": "activated",
    }
    assert {item.ref.version for item in report.entities} == {report.version}
    assert bare.get_entity("plans.mixed").active


def test_awaited(flyte: Sandbox, bare: Client) -> None:
    async def register() -> RegistrationReport:
        async with AsyncClient(flyte.config(project="ours")) as client:
            return await client.register(LaunchPlan("plans.awaited", "flows.report", defaults={"top": 1}))

    report = asyncio.run(register())
    assert [item.outcome for item in report.entities] == ["created"]


YAML = """launch_plans:
  - name: plans.yaml
    workflow: flows.rich
    defaults: {day: $trigger_time, wait: 5m, model: {layers: 2, rate: 0.5}, table: {}, file: "s3://bucket/file"}
    cron: "0 3 * * *"
    timezone: Europe/Berlin
    labels: {team: shop}
    notifications: [{kind: email, recipients: [a@example.com], phases: [FAILED]}]
    security_context: {service_account: robot}
    concurrency: 1
    auto_activate: true
  - name: plans.rate
    workflow: flows.report
    fixed: {top: 3}
    interval_minutes: 15
"""


def test_from_yaml(bare: Client, flyte: Sandbox, forks: Forks, tmp_path: Path) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text(YAML)
    python = LaunchPlan(
        "plans.yaml",
        "flows.rich",
        defaults={
            "day": TriggerTime,
            "wait": dt.timedelta(minutes=5),
            "model": {"layers": 2, "rate": 0.5},
            "table": {},
            "file": "s3://bucket/file",
        },
        schedule=Cron("0 3 * * *", timezone="Europe/Berlin"),
        labels={"team": "shop"},
        notifications=(Notification(kind="email", recipients=("a@example.com",), phases=("FAILED",)),),
        security_context=SecurityContext(service_account="robot"),
        concurrency=1,
        auto_activate=True,
    )
    rate = LaunchPlan("plans.rate", "flows.report", fixed={"top": 3}, schedule=FixedRate(15))
    report = bare.register(file)
    assert [(item.ref.name, item.outcome, item.service_account) for item in report.entities] == [
        ("plans.rate", "created", ""),
        ("plans.yaml", "activated", "robot"),
    ]
    assert bare.register([python, rate]).version == report.version
    told = forks.module(
        "bridge_core.cli", "register", str(file), "--endpoint", flyte.endpoint, "--insecure", "--project", "ours", "--domain",
        "development",
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines() == [
        f"= unchanged  launch_plan:ours/development/plans.rate@{report.version}",
        f"= unchanged  launch_plan:ours/development/plans.yaml@{report.version}",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("launch_plans: []\n", r"plans\.yaml, line 1: wanted a mapping with a list 'launch_plans:'"),
        ("launch_plans: [1]\n", "line 1: a launch plan must be a mapping"),
        ("plans: 1\nlaunch_plans:\n  - {name: a, workflow: b}\n", "line 1: unknown key 'plans'"),
        (
            "launch_plans:\n  - name: a\n    workflow: b\n    schedul: c\n",
            "line 4: .*'a': unknown key 'schedul'; known",
        ),
        ("launch_plans:\n  - name: a\n", "line 2: .*'a' lacks workflow"),
        ('launch_plans:\n  - name: a\n    workflow: b\n    cron: "61 * * * *"\n', "line 4: .*61"),
        ("launch_plans:\n  - name: a\n    workflow: b\n    concurrency: 0\n", "line 4: .*concurrency: wanted a whole"),
        ("launch_plans: {\n", "not YAML"),
    ],
)
def test_wrong_yaml(text: str, words: str, bare: Client, flyte: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "plans.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        bare.register(file)
    assert written(flyte) == 0


def plan(**more: Any) -> Callable[[], LaunchPlan]:
    return lambda: LaunchPlan("plans.bad", more.pop("workflow", "flows.report"), **more)


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (plan(defaults={"tpo": 1}), LiteralError, "'plans.bad': .*flows.report.*tpo: unknown input.*'top'"),
        (plan(defaults={"top": "x"}, fixed={"rate": []}), LiteralError, r"(?s)inputs\.rate.*inputs\.top"),
        (plan(fixed={"top": 1}, defaults={"top": 2}), InvalidRequest, "input 'top' is in defaults= and in fixed="),
        (plan(schedule=Cron("0 3 * * *")), InvalidRequest, "would launch flows.report without top"),
        (plan(schedule=FixedRate(15)), InvalidRequest, "would launch flows.report without top"),
        (
            plan(defaults={"top": TriggerTime}, schedule=Cron("0 3 * * *")),
            InvalidRequest,
            "input 'top' is TriggerTime, but not a datetime in",
        ),
        (
            plan(defaults={"day": TriggerTime, "top": 1}, schedule=Cron("0 3 * * *")),
            InvalidRequest,
            "input 'day' is TriggerTime, but workflow:.* takes rate, sizes, top, word",
        ),
        (plan(defaults={"day": TriggerTime}), InvalidRequest, "there is no schedule to take the time from"),
        (
            plan(fixed={"day": TriggerTime}, schedule=Cron("0 3 * * *")),
            InvalidRequest,
            "'day' is TriggerTime and fixed",
        ),
        (
            plan(workflow="flows.rich", defaults={"day": TriggerTime}, schedule=FixedRate(15)),
            Unsupported,
            "fills it for cron schedules only",
        ),
        (
            plan(defaults={"top": 1}, schedule=FixedRate(15, start_time=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))),
            Unsupported,
            "start_time .* cannot be told to Flyte 1",
        ),
        (lambda: LaunchPlan("plans.bad", "flows.report", schedule=Cron("61 3 * * *")), InvalidRequest, "61"),
        (plan(schedule="0 3 * * *"), InvalidRequest, r"schedule: wanted Cron\('0 3"),
        (plan(workflow="flows.nothing"), EntityNotFound, "flows.nothing"),
        (plan(workflow="flows.report@nowhere"), EntityNotFound, "no version 'nowhere'"),
        (plan(workflow="task:flows.describe"), InvalidRequest, "is a task, and a launch plan launches a workflow"),
        (plan(labels={"team": 1}), InvalidRequest, r"labels\['team'\] must map text to text"),
        (plan(labels={f"k{number}": "v" for number in range(17)}), InvalidRequest, "17 labels; Flyte 1 takes 16"),
        (plan(max_parallelism=-1), InvalidRequest, "'plans.bad': max_parallelism: wanted a whole number"),
        (plan(concurrency=True), InvalidRequest, "concurrency: wanted a whole number"),
        (plan(notifications=["a@example.com"]), InvalidRequest, "notifications: wanted a list of Notifications"),
        (
            plan(workflow="flows.rich", defaults={"file": Path(__file__)}),
            InvalidRequest,
            "would have to be uploaded.*upload it first",
        ),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    make: Callable[[], LaunchPlan], kind: type[BridgeError], words: str, bare: Client, flyte: Sandbox
) -> None:
    with pytest.raises(kind, match=words):
        bare.register([ContainerTask(name="plans.box", image="busybox:1.36"), make()], version="bad")
    assert written(flyte) == 0


def test_what_is_wrong_with_the_code_of_the_same_call(bare: Client, flyte: Sandbox, code: Path) -> None:
    flows = code.with_name("fresh.py")
    flows.write_text(code.read_text())
    with pytest.raises(LiteralError, match=r"workflow:ours/development/fresh.report: .*tpo: unknown input"):
        bare.register([flows, LaunchPlan("plans.bad", "fresh.report", defaults={"tpo": 1})])
    assert written(flyte) == 0
    assert flyte.calls.count("CreateUploadLocation") == 0


def test_a_value_like_others() -> None:
    assert all(pickle.loads(pickle.dumps(plan)) == plan for plan in OURS)
    code = (
        "import sys\nfrom bridge_core import Cron, LaunchPlan\n"
        "LaunchPlan('a', 'b', fixed={'n': 1}, schedule=Cron('0 3 * * *'))\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in ('grpc', 'google', 'flyteidl', 'yaml')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""
