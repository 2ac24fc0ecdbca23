"""The other operators, the decorator, and Airflow's ways to compose tasks: setups, groups, mapping, trigger rules."""

from __future__ import annotations

import pytest
from airflow_home import PATIENCE
from flyteidl.core import execution_pb2

from bridge_core import Client

pytestmark = pytest.mark.timeout(180 * PATIENCE)
name_of = execution_pb2.WorkflowExecution.Phase.Name


@pytest.fixture(scope="module")
def log(home, sandbox):
    return home.tested("verbs", timeout=170, fails=True)


@pytest.fixture(scope="module")
def states(log, home):
    """(task, map index) -> (state, tries)."""
    rows = home.query("select task_id, map_index, state, try_number from task_instance where dag_id = 'verbs'")
    return {(task, index): (state, tries) for task, index, state, tries in rows}


def runs(flyte, sandbox, n):
    names = {
        call.request.name
        for call in sandbox.calls.of("CreateExecution")
        if call.request.inputs.literals["n"].scalar.primitive.integer == n
    }
    return [run for run in flyte.executions() if run.id.name in names]


@pytest.mark.parametrize(
    "task",
    [
        "decorated",
        "read",
        "decorated_deferred",
        "started",
        "answered",
        "sensed",
        "up",
        "down",
        "nothing_to_abort",
        "after_all",
        "fires",
        "fires_still",
        "fires_no_more",
    ],
)
def test_these_succeed_at_once(task, states):
    assert states[task, -1] == ("success", 1)


def test_a_function_gives_the_inputs_and_gets_the_outputs(states, home):
    assert home.xcom("verbs", "read") == [{"n": 401, "at": "verbs"}, 401]
    assert home.xcom("verbs", "decorated_deferred") == {"n": 402, "at": "verbs"}
    assert states["decorated_mapped", 0] == states["decorated_mapped", 1] == ("success", 1)


def test_a_function_that_returns_no_inputs_is_refused(states, log):
    assert states["no_mapping", -1] == ("failed", 1)
    assert "inputs of launch_plan:tests.quick must be a mapping of input names to values, got list" in log


def test_a_gate_is_answered_and_the_run_goes_on(states, flyte, sandbox):
    assert [name_of(run.closure.phase) for run in runs(flyte, sandbox, 405)] == ["SUCCEEDED"]


def test_a_gate_that_is_not_reached_is_named(states, log):
    assert states["no_gate", -1] == ("failed", 1)
    assert "'nobody'" in log


def test_a_teardown_ends_the_run_of_its_setup(states, flyte, sandbox):
    assert states["work", -1] == ("failed", 1)
    (run,) = runs(flyte, sandbox, 406)
    assert name_of(run.closure.phase) == "ABORTED"
    assert run.closure.abort_metadata.cause == "verbs is done with it"


def test_a_callback_ends_the_run_of_a_failed_task(states, flyte, sandbox):
    assert states["broken", -1] == ("failed", 1)
    (run,) = runs(flyte, sandbox, 410)
    assert name_of(run.closure.phase) == "ABORTED"
    assert run.closure.abort_metadata.cause == "it failed"


def test_aborting_a_run_that_does_not_exist_fails_at_once(states, log):
    assert states["nobody_to_abort", -1] == ("failed", 1)
    assert "flytesnacks/development/nobody" in log


def test_each_item_of_a_mapped_group_has_runs_of_its_own(states, flyte, sandbox, home):
    for index in (0, 1):
        assert states["group.first", index] == states["group.second", index] == ("success", 1)
        assert len(runs(flyte, sandbox, 407 + index)) == 2
    labels = home.query("select rendered_map_index from task_instance where task_id = 'group.first' order by map_index")
    assert labels == [("number 407",), ("number 408",)]


def test_a_rule_that_takes_failures(states):
    assert states["failed", -1] == ("failed", 1)


def test_a_schedule_is_handed_to_flyte_and_stopped(states, home, sandbox):
    fires, still, no_more = (home.xcom("verbs", task) for task in ("fires", "fires_still", "fires_no_more"))
    assert fires | {"ref": "", "created": True} == {
        "name": "verbs.verbs",
        "ref": "",
        "entity": "workflow:flytesnacks/development/tests.quick@v1",
        "schedule": "CRON_TZ=UTC 0 3 1 1 *",
        "kickoff_input": None,
        "active": True,
        "created": True,
        "description": "",
    }
    assert (fires["created"], still["created"], still["ref"], still["active"]) == (True, False, fires["ref"], True)
    assert (no_more["created"], no_more["active"]) == (True, False)
    with Client(sandbox.config()) as client:
        (found,) = [item for item in client.list_triggers() if item.name == "verbs.verbs"]
        assert not found.active, "the older version, too"


def test_a_schedule_that_cannot_be_is_refused_at_once(states, log):
    assert states["fires_never", -1] == ("failed", 1)
    assert "trigger 'verbs.verbs'" in log
