"""Airflow registers: as a task of its own, and before a run, whose retries keep the version."""

from __future__ import annotations

import json
import signal

import pytest
from airflow_home import LINE
from airflow_waiting import eventually

from bridge_core import Client, EntityRef


@pytest.fixture(scope="module")
def tested(home, sandbox):
    sandbox.calls.clear()
    return home.tested("flyte_register", "2026-03-01")


def test_the_example(tested, home, sandbox):
    report = home.xcom("flyte_register", "register")
    assert [item["outcome"] for item in report["entities"]] == ["created"]
    assert home.xcom("flyte_register", "register", "flyte_version") == report["version"]
    assert home.xcom("flyte_register", "extract") == {"day": "2026-03-01", "limit": 10}
    assert home.xcom("flyte_register", "letters") == {"letters": 10}
    version = home.xcom("flyte_register", "letters", "flyte_version")
    with Client(sandbox.config()) as client:
        assert client.get_entity(EntityRef.task("tools.count")).ref.version == version


MISTAKES = """
import json, sys
from types import SimpleNamespace
from airflow_provider.operators.flyte import FlyteRegisterOperator
from bridge_core import LaunchPlan
out = {}
for name, arguments in {
    "missing": {"source": "nowhere.py"},
    "unknown": {"source": "x", "options": {"pyton": "x"}},
    "workflow": {"source": LaunchPlan("a", "tests.nowhere")},
    "version": {"source": LaunchPlan("a", "workflows.extract"), "version": "a b"},
}.items():
    try:
        FlyteRegisterOperator(task_id="t", **arguments).execute({"ti": SimpleNamespace(xcom_push=print)})
    except Exception as error:
        out[name] = [type(error).__name__, str(error)]
print(json.dumps(out))
"""


def test_mistakes_fail_for_good_and_write_nothing(home, sandbox):
    sandbox.calls.clear()
    told = json.loads(home.forked(MISTAKES).splitlines()[-1])
    assert {name: kind for name, (kind, _) in told.items()} == dict.fromkeys(told, "AirflowFailException")
    assert "'nowhere.py' is no file" in told["missing"][1]
    assert "'pyton' is no argument of a registration" in told["unknown"][1]
    assert "tests.nowhere" in told["workflow"][1]
    assert "version 'a b' is not usable" in told["version"][1]
    assert sandbox.calls.count("CreateLaunchPlan") == 0


LIMITED = """
import json, os, sys
from types import SimpleNamespace
from airflow_provider.operators.flyte import FlyteDeployTriggerOperator, FlyteRegisterOperator
from bridge_core import ContainerTask, Cron, LaunchPlan, SecurityContext, Trigger
given = json.loads(os.environ["AIRFLOW_CONN_FLYTE_DEFAULT"])
for name, limits in {
    "places": {"allowed_projects": "flytesnacks", "allowed_domains": "development"},
    "accounts": {"allowed_service_accounts": "ours"},
}.items():
    os.environ[f"AIRFLOW_CONN_{name.upper()}"] = json.dumps({**given, "extra": {**given["extra"], **limits}})
def plan(**more):
    workflow = more.pop("workflow", "tests.quick")
    return LaunchPlan("limited.plan", workflow, fixed={"n": 1, "at": "x"}, **more)
def trigger(**more):
    return Trigger("limited.trigger", Cron("0 0 1 1 *"), inputs={"n": 1, "at": "x"}, **{"entity": "tests.quick", **more})
def task(**more):
    return ContainerTask(name="limited.task", image="any", command=("true",), **more)
ours, theirs = (SecurityContext(service_account=name) for name in ("ours", "theirs"))
register, deploy = FlyteRegisterOperator, FlyteDeployTriggerOperator
out = {}
for name, conn, kind, arguments in (
    ("project", "places", register, {"source": task(), "project": "elsewhere"}),
    ("domain", "places", register, {"source": task(), "domain": "staging"}),
    ("value", "places", register, {"source": plan(domain="staging", workflow="flytesnacks/development/tests.quick")}),
    ("schedule", "places", deploy, {"trigger": trigger(entity="launch_plan:flytesnacks/staging/tests.quick")}),
    ("account", "accounts", register, {"source": plan(security_context=theirs)}),
    ("active", "accounts", register, {"source": plan(), "activate": True}),
    ("task", "accounts", register, {"source": task(service_account="theirs")}),
    ("fires", "accounts", deploy, {"trigger": trigger()}),
    ("fires_as", "accounts", deploy, {"trigger": trigger(service_account="theirs")}),
    ("free", "places", register, {"source": task(), "version": "limited1"}),
    ("inactive", "accounts", register, {"source": plan(), "version": "limited1"}),
    ("ours", "accounts", register, {"source": plan(security_context=ours), "activate": True, "version": "limited2"}),
):
    try:
        kind(task_id="t", flyte_conn_id=conn, **arguments).execute({"ti": SimpleNamespace(xcom_push=lambda **_: None)})
        out[name] = "done"
    except Exception as error:
        out[name] = f"{type(error).__name__}: {error}"
    if name == "fires_as":
        print(json.dumps(out), flush=True)
        out = {}
print(json.dumps(out))
"""


def test_a_connection_with_limits_registers_and_schedules_nothing_else(home, sandbox):
    sandbox.calls.clear()
    refused, allowed = (line for line in home.forked(LIMITED).splitlines() if line.startswith("{"))
    refused = json.loads(refused)
    wanted = {
        "project": "project 'elsewhere'",
        "domain": "domain 'staging'",
        "value": "domain 'staging'",
        "schedule": "domain 'staging'",
        "account": "service account 'theirs'",
        "active": "which would be activated, names none",
        "task": "service account 'theirs'",
        "fires": "trigger 'limited.trigger' names none",
        "fires_as": "service account 'theirs'",
    }
    assert {name: (text.partition(":")[0], wanted[name] in text) for name, text in refused.items()} == dict.fromkeys(
        wanted, ("AirflowFailException", True)
    ), refused
    assert set(json.loads(allowed).values()) == {"done"}, allowed
    made = [call.request.id.name for method in ("CreateTask", "CreateLaunchPlan") for call in sandbox.calls.of(method)]
    assert sorted(made) == ["limited.plan", "limited.plan", "limited.task"]


def registered(sandbox):
    """Versions of the task that were registered, in order."""
    calls = sandbox.calls.of("CreateTask")
    return [call.request.id.version for call in calls if call.request.id.name == "tests.registered"]


def launched(sandbox):
    """(name, version) of each run of it."""
    return [
        (call.request.name, call.request.spec.launch_plan.version)
        for call in sandbox.calls.of("CreateExecution")
        if call.code == "OK" and call.request.spec.launch_plan.name == "tests.registered"
    ]


@pytest.mark.skipif(LINE < (3, 3), reason="Airflow keeps states of tasks since 3.3: a retry registers again")
def test_a_retry_launches_what_the_first_try_registered(start, home, sandbox):
    tag = home.root / "tag"
    tag.write_text("first")
    sandbox.calls.clear()
    # The look before the launch takes so long that the worker dies in it: registered, and nothing launched.
    sandbox.faults.delay("GetExecution", 45, when=lambda request: request.id.name.startswith("airtask-"))
    case = start("registering")
    case.wait("running")
    worker = case.process()
    eventually(lambda: not sandbox.faults.pending())
    (first,) = registered(sandbox)
    tag.write_text("second")  # somebody deploys meanwhile
    worker.send_signal(signal.SIGKILL)
    case.wait("success", try_number=2, timeout=150)
    assert case.xcom() == {"n": case.n}
    assert case.xcom("flyte_version") == first
    assert registered(sandbox) == [first]
    assert [version for _, version in launched(sandbox)] == [first]
    assert "was registered by an earlier try" in case.log()


def test_a_cleared_task_registers_anew(start, home, sandbox):
    tag = home.root / "tag"
    tag.write_text("third")
    sandbox.calls.clear()
    case = start("registering")
    case.wait("success", try_number=1)
    tag.write_text("fourth")
    case.airflow.clear(case.dag_id, case.run_id)
    case.eventually(lambda: len(launched(sandbox)) == 2, timeout=100)
    case.wait("success", try_number=2)
    third, fourth = registered(sandbox)
    assert third != fourth
    assert [version for _, version in launched(sandbox)] == [third, fourth]
    assert case.xcom("flyte_version") == fourth
