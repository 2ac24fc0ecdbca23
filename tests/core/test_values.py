"""Every public value crosses processes: it pickles, equals its copy, and no instance of a public dataclass is left out."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import UTC, datetime

import pytest

import bridge_core
from bridge_core import (
    Attempt,
    BatchRun,
    Config,
    ConnectorTask,
    ContainerTask,
    Cron,
    DeployedTrigger,
    Device,
    DirectoryRef,
    Entity,
    EntityRef,
    Explanation,
    FailureKind,
    FileRef,
    FixedRate,
    FrameRef,
    Hashed,
    InputSpec,
    InterfaceSnapshot,
    Launched,
    LaunchPlan,
    LaunchPlanPreview,
    LaunchRequest,
    LogLine,
    LogLink,
    NodeSnapshot,
    Notification,
    PlannedInput,
    PlannedOption,
    PodTemplate,
    PollPolicy,
    Progress,
    Project,
    Provenance,
    RegisteredEntity,
    RegisterRequest,
    RegistrationProgress,
    RegistrationReport,
    Resources,
    RetryPolicy,
    RunError,
    RunFailed,
    RunOptions,
    RunPhase,
    RunQuery,
    RunRef,
    RunSnapshot,
    SecurityContext,
    ShellTask,
    SpanMetric,
    TaskSpec,
    Trigger,
    TriggerTime,
    Wait,
    WorkflowGraph,
    WorkflowNode,
    classify,
)
from bridge_core.model.capabilities import FLYTE1

NOW = datetime(2026, 11, 20, tzinfo=UTC)
REF = RunRef("p", "d", "n")
PLAN = EntityRef.launch_plan("w", version="v1")
ERROR = RunError(code="E", message="m", kind="USER", node="n0")
SNAPSHOT = RunSnapshot(ref=REF, phase=RunPhase.FAILED, entity=PLAN, created_at=NOW, error=ERROR)
LINE = LogLine(text="hello", at=NOW)
LOG = LogLink(name="l", uri="u", node="n0", attempt=0)
ATTEMPT = Attempt(number=0, phase="FAILED", task=EntityRef.task("t"), error=ERROR, logs=(LOG,))
OPTIONS = RunOptions(
    labels={"a": "b"},
    notifications=(Notification(kind="email", recipients=("a@example.com",)),),
    security_context=SecurityContext(iam_role="r"),
)
TASK = ContainerTask(name="t", image="i", inputs={"n": int}, resources=Resources(gpu=Device(device="T4")))
REGISTERED = RegisteredEntity(ref=PLAN, outcome="created")
VALUES = [
    InterfaceSnapshot(project="p", domain="d", flyte_version=1),
    Config.for_sandbox(retry=RetryPolicy(retries=1), poll=PollPolicy(shortest=2)),
    PLAN,
    REF,
    OPTIONS,
    LaunchRequest(PLAN, inputs={"n": [1, None]}, name="n", options=OPTIONS),
    SNAPSHOT,
    Provenance(source="airflow", installation="prod", job="dag", run="run", attempt=1, awaited=True),
    Launched(ref=REF, created=True, snapshot=SNAPSHOT),
    BatchRun(number=0, request=LaunchRequest(PLAN), ref=REF, snapshot=SNAPSHOT),
    Project(id="p", name="P", domains=("d",), labels={"team": "a"}),
    classify(RunFailed("failed", snapshot=SNAPSHOT)),
    classify(RunFailed("failed", snapshot=SNAPSHOT)).rule,
    RunQuery(phases=(RunPhase.FAILED,), created_after=NOW),
    NodeSnapshot(id="n0", name="n0", phase="FAILED", kind="task", attempts=(ATTEMPT,), error=ERROR),
    SpanMetric(name="s", started_at=NOW, ended_at=None),
    Entity(ref=PLAN, inputs={"n": InputSpec(type="integer", required=True)}, outputs={"o": "integer"}),
    FileRef(uri="u", format="csv", size=3),
    DirectoryRef(uri="u"),
    FrameRef(uri="u", schema=(("a", "integer"),)),
    Hashed(3, "h"),
    Cron("0 3 * * *", timezone="Europe/Berlin"),
    FixedRate(15, start_time=NOW),
    Trigger("t", entity=PLAN, automation=Cron("@daily"), inputs={"at": TriggerTime}),
    OPTIONS.notifications[0] if OPTIONS.notifications else None,
    OPTIONS.security_context,
    RetryPolicy(),
    PollPolicy(),
    ERROR,
    LOG,
    ATTEMPT,
    LINE,
    FLYTE1,
    InputSpec(type="integer", required=False, default=3),
    TaskSpec(type="python-task", image="i", command=("a", "b"), requests={"cpu": "1"}, retries=2),
    WorkflowNode(id="n0", name="f", kind="task", entity=PLAN),
    WorkflowGraph(nodes=(WorkflowNode(id="n0", name="f", kind="gate"),), edges=(("n0", "n1"),)),
    TASK,
    ShellTask(name="t", image="i", script="true", options=TASK),
    TASK.resources,
    Device(device="T4"),
    REGISTERED,
    RegistrationReport(entities=(REGISTERED,), version="v1"),
    RegistrationProgress(step="reading", done=1, total=2),
    RegisterRequest("flows/", version="v1"),
    LaunchPlan("nightly", "etl.wf", defaults={"n": 1}, schedule=Cron("@daily")),
    ConnectorTask(name="t", task_type="airflow_dag", custom={"dag_id": "nightly"}, inputs={"day": str}),
    PodTemplate({"nodeSelector": {"disk": "fast"}}, labels={"team": "a"}),
    TriggerTime,
    DeployedTrigger(ref=PLAN, entity=PLAN, schedule="0 3 * * *", active=True),
    Progress(name="f", done=1, size=None),
    Wait(what="run", reason="queue", text="until Flyte began it"),
    Explanation(snapshot=SNAPSHOT, kind=FailureKind.USER_ERROR, node="n0", run=REF, error=ERROR, attempts=(ATTEMPT,)),
    PlannedInput(value=3, source="default"),
    PlannedOption(name="labels.team", value="a", source="request", over=(("launch plan", "b"),)),
    LaunchPlanPreview(action="clash", entity=PLAN, ref=REF, inputs={"n": PlannedInput(value=3, source="fixed")}),
    *RunPhase,
    *FailureKind,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_crosses_processes(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    assert copy.deepcopy(value) == value


def test_no_public_dataclass_is_left_out() -> None:
    public = {getattr(bridge_core, name) for name in bridge_core.__all__}
    classes = {item for item in public if isinstance(item, type) and dataclasses.is_dataclass(item)}
    assert {item.__name__ for item in classes - {type(value) for value in VALUES}} <= {
        "TypeCodec"
    }  # it holds functions
