"""Every kind of error of Flyte's engine against a RetryPolicy: launches are counted, the event log says which rule applied."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from dagster_support import meanwhile, runs_of, until
from rewriting import Rewriting, rewriting
from support.flyte import DOMAIN, INTEGER, PROJECT, RawFlyte
from support.propeller_errors import recorded_errors

from bridge_core import ErrorClass, InvalidRequest, RunError, classify
from dagster_integration import FlyteResource, build_flyte_assets

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge_core.sandbox import Sandbox

RECORDED = {row.case: (row.error.code, row.error.kind, row.error.message) for row in recorded_errors("run")}
HTTP_503 = (
    "USER:RuntimeError",
    "USER",
    "Trace:\n\n    x\n\nMessage:\n\n    HTTPError: 503 Server Error: Service Unavailable",
)
ONE_OF_EACH = {
    "cond_boom": ErrorClass.USER,
    "recov": ErrorClass.RETRIES_EXHAUSTED,
    "x_oom": ErrorClass.OUT_OF_MEMORY,
    "x_evict": ErrorClass.SYSTEM,
    "timeout": ErrorClass.TIMED_OUT,
    "missing": ErrorClass.UNKNOWN,
}


@pytest.fixture
def told(flyte_sandbox: Sandbox) -> Iterator[tuple[FlyteResource, Rewriting]]:
    with rewriting(flyte_sandbox.endpoint) as (endpoint, handler):
        console = flyte_sandbox.console_url
        given = {"endpoint": endpoint, "insecure": True, "project": PROJECT, "domain": DOMAIN}
        yield FlyteResource(**given, console_endpoint=console), handler


def after_launch(raw: RawFlyte, entity: str, *actions: Callable[[str], object]) -> Callable[[], None]:
    """Does one action for each run of the entity, as far as they appear."""

    def body() -> None:
        done: set[str] = set()
        for action in actions:
            fresh = until(lambda: [i.id.name for i in runs_of(raw, entity) if i.id.name not in done], label="a run")
            action(fresh[0])
            done.add(fresh[0])

    return body


def lines(instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(result.run_id) if not entry.is_dagster_event]


def fails_once(
    raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str, *, again: bool, **more: Any
) -> dg.ExecuteInProcessResult:
    """Materializes; the first run of the asset fails, a second would succeed."""
    raw.register(name, {"n": INTEGER}, gate="approve")
    asset = build_flyte_assets(
        name, name="model", inputs={"n": 3}, poll_interval=0.1, retry_policy=dg.RetryPolicy(max_retries=2), **more
    )
    actions = [lambda run: raw.approve(run, value=False), *([raw.approve] if again else [])]
    with meanwhile(after_launch(raw, name, *actions)):
        return dg.materialize([asset], resources={"flyte": flyte}, instance=instance, raise_on_error=False)


def check(
    sandbox: Sandbox, instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult, error: tuple[str, str, str]
) -> None:
    """Launches, outcome and the word why, against the one table."""
    found = classify(RunError(code=error[0], kind=error[1], message=error[2]))
    again = found.error_class is not ErrorClass.USER
    assert sandbox.calls.count("CreateExecution") == 1 + again
    assert sandbox.calls.count("TerminateExecution") == 0
    assert result.success is again
    (rule,) = [line for line in lines(instance, result) if line.startswith("end of run")]
    assert str(found) in rule
    assert ("a RetryPolicy launches a new run" if again else "a RetryPolicy does not try this again") in rule


@pytest.mark.parametrize("case", ONE_OF_EACH)
def test_a_retry_policy_decides_by_the_error_inside(
    *, flyte_sandbox: Sandbox, raw: RawFlyte, told: Any, instance: dg.DagsterInstance, name: str, case: str
) -> None:
    flyte, handler = told
    handler.error = RECORDED[case]
    again = ONE_OF_EACH[case] is not ErrorClass.USER
    result = fails_once(raw, flyte, instance, name, again=again)
    check(flyte_sandbox, instance, result, handler.error)


@pytest.mark.long
@pytest.mark.parametrize("case", [case for case in RECORDED if case not in ONE_OF_EACH])
def test_every_recorded_error_against_a_retry_policy(
    *, flyte_sandbox: Sandbox, raw: RawFlyte, told: Any, instance: dg.DagsterInstance, name: str, case: str
) -> None:
    flyte, handler = told
    handler.error = error = RECORDED[case]
    again = classify(RunError(code=error[0], kind=error[1], message=error[2])).error_class is not ErrorClass.USER
    result = fails_once(raw, flyte, instance, name, again=again)
    check(flyte_sandbox, instance, result, error)


def test_a_service_that_was_away_is_tried_again(
    flyte_sandbox: Sandbox, raw: RawFlyte, told: Any, instance: dg.DagsterInstance, name: str
) -> None:
    flyte, handler = told
    handler.error = HTTP_503
    check(flyte_sandbox, instance, fails_once(raw, flyte, instance, name, again=True), HTTP_503)


@pytest.mark.parametrize(
    ("case", "retry_on", "again"),
    [
        ("cond_boom", ["user"], True),
        ("x_oom", ["system"], False),
        ("x_oom", [], False),
        ("x_evict", [ErrorClass.SYSTEM], True),
    ],
)
def test_each_asset_may_decide_otherwise(
    *,
    flyte_sandbox: Sandbox,
    raw: RawFlyte,
    told: Any,
    instance: dg.DagsterInstance,
    name: str,
    case: str,
    retry_on: Any,
    again: bool,
) -> None:
    flyte, handler = told
    handler.error = RECORDED[case]
    result = fails_once(raw, flyte, instance, name, again=again, retry_on=retry_on)
    assert result.success is again
    assert flyte_sandbox.calls.count("CreateExecution") == 1 + again
    assert any("(retry_on of this asset)" in line for line in lines(instance, result))


@pytest.mark.parametrize("wrong", ["oom", ["system", "sytem"], ["could not ask"]])
def test_an_unknown_class_is_refused_while_loading(wrong: Any) -> None:
    with pytest.raises(InvalidRequest, match=r"is no class of ended runs; wanted some of aborted, out of memory"):
        build_flyte_assets("pkg.wf", retry_on=wrong)


def test_a_failure_says_all_that_a_person_needs(
    flyte_sandbox: Sandbox, raw: RawFlyte, told: Any, instance: dg.DagsterInstance, name: str
) -> None:
    flyte, handler = told
    handler.error = RECORDED["x_oom"]
    result = fails_once(raw, flyte, instance, name, again=False, retry_on=[])
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    assert data.description is not None
    why = "OOMKilled: exit code 137 (SIGKILL), reason OOMKilled; 2 attempts; end of the log: <log lines>. Console: http"
    assert why in data.description
    shown = {key: value.value for key, value in data.metadata.items()}
    assert shown["flyte/error"] == handler.error[2]
    assert shown["flyte/error_code"] == "RetriesExhausted|OOMKilled"
    assert shown["flyte/error_class"] == "out of memory"
    assert str(shown["flyte/retry_rule"]).startswith(
        "out of memory (code OOMKilled of kind USER, reason OOMKilled inside"
    )
    assert str(shown["flyte/console"]).startswith(flyte_sandbox.console_url)


def test_a_hundred_dead_attempts_cost_a_dozen_questions(
    flyte_sandbox: Sandbox, raw: RawFlyte, flyte: FlyteResource, instance: dg.DagsterInstance, name: str
) -> None:
    """The names of a lineage are launched by hand here: 40 runs that ended badly, and the asset makes the 41st."""
    from bridge_core import EntityRef, LaunchRequest
    from dagster_integration._lineage import Lineage

    raw.register(name, {"n": INTEGER}, gate="approve")
    entity = EntityRef.launch_plan(name, project=PROJECT, domain=DOMAIN)
    dead = 40

    def inputs(context: dg.AssetExecutionContext) -> dict[str, int]:
        lineage = Lineage.of(context)
        with flyte.get_client() as client:
            for attempt in range(dead):
                ref = client.launch(LaunchRequest(entity, inputs={"n": 3}, name=lineage.run_name(entity, attempt)))
                client.abort(ref, reason="dead")
            for attempt in range(dead):
                client.wait(ref.__class__(PROJECT, DOMAIN, lineage.run_name(entity, attempt)), poll_interval=0.05)
        flyte_sandbox.calls.clear()
        return {"n": 3}

    asset = build_flyte_assets(name, name="model", inputs=inputs, poll_interval=0.2)

    def approve() -> None:
        ref = until(lambda: runs_of(raw, name) if len(runs_of(raw, name)) > dead else None)[0].id.name
        asked.append(flyte_sandbox.calls.count("GetExecution"))
        raw.approve(ref)

    asked: list[int] = []
    with meanwhile(approve):
        result = dg.materialize([asset], resources={"flyte": flyte}, instance=instance, raise_on_error=False)
    assert result.success
    assert len(runs_of(raw, name)) == dead + 1
    assert flyte_sandbox.calls.count("CreateExecution") == 1
    assert asked[0] <= 20


def test_a_failure_links_to_the_logs_of_what_failed(
    raw: RawFlyte, told: Any, instance: dg.DagsterInstance, name: str
) -> None:
    flyte, handler = told
    handler.log = "https://logs.example/model"
    result = fails_once(raw, flyte, instance, name, again=False)
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    links = {key: value.value for key, value in data.metadata.items() if key.startswith("flyte/log/")}
    assert links == {"flyte/log/n0[0] Cloud Logs": "https://logs.example/model"}
    assert data.metadata["flyte/failure_kind"].value == "gate rejected"
    assert data.metadata["flyte/node"].value == "n0"
    text = data.metadata["flyte/explanation"].value
    assert isinstance(text, str)
    assert text.startswith(str(data.description)), "the sentence that everybody knows, and what is known besides"
    assert f"  advice: {data.metadata['flyte/advice'].value}" in text.splitlines()


def test_a_flyte_that_does_not_say_why_changes_nothing_about_the_failure(
    flyte_sandbox: Sandbox, raw: RawFlyte, told: Any, instance: dg.DagsterInstance, name: str
) -> None:
    flyte_sandbox.faults.fail("ListNodeExecutions", code="PERMISSION_DENIED", times=100)
    flyte, _ = told
    result = fails_once(raw, flyte, instance, name, again=False)
    flyte_sandbox.faults.clear()
    (event,) = result.get_step_failure_events()
    data = event.step_failure_data.user_failure_data
    assert data is not None
    assert "received a reject signal" in str(data.description)
    assert data.metadata["flyte/failure_kind"].value == "gate rejected"
    assert "not known: which node failed: " in str(data.metadata["flyte/explanation"].value)
