"""What a user's mistake, an unreachable Flyte or a timeout looks like in a task's log, and that nothing is launched by it."""

from __future__ import annotations

import json

import pytest
from airflow_case import launched_at
from airflow_home import PATIENCE
from flyteidl.core import execution_pb2
from support.ports import free_ports

pytestmark = pytest.mark.timeout(180 * PATIENCE)
REFUSED = {
    "unknown_entity": "tests.nowhere",
    "malformed_entity": "unknown kind 'launchplan'",
    "two_versions": "version='v2' contradicts entity 'launch_plan:tests.quick@v1'",
    "unknown_input": "tests.quick@v1: inputs.m:",
    "missing_input": "inputs.at:",
    "wrong_type": "inputs.n: expected integer",
    "inputs_are_text": "inputs of launch_plan:tests.quick must be a mapping of input names to values, got str",
    "bad_patience": "timeout must be a number of seconds or a timedelta, got '2h' (str)",
    "bad_interval": "poll_interval must be more than 0 seconds, got -1",
    "unknown_option": "unknown run option 'lables'",
    "unsupported_option": "queue",
    "unknown_key": "connection 'flyte_typo': unknown key 'insecur' in extra; did you mean 'insecure'?",
    "placeless": "no project and no domain; give project= and domain= to the task",
    "nothing_pushed": "n, at came as None: the task it is taken from pushed no such XCom",
    "text_of_a_dict": "n is the text of a template, and no JSON: write {{ … | tojson }}",
    "malformed_yaml": "connection 'flyte_yaml': malformed YAML in",
    "no_connection": "isn't defined. Create a connection of type Flyte with this id",
    "bad_outputs": "outputs must be a list of names",
    "number_for_version": "version must be a text, got 1.1 (float). Write it in quotes.",
}


@pytest.fixture(scope="module")
def connections(tmp_path_factory, sandbox):
    broken = tmp_path_factory.mktemp("config") / "broken.yaml"
    broken.write_text("admin:\n  endpoint: [unclosed\n")
    (closed,) = free_ports(1)
    extra = {"project": "flytesnacks", "domain": "development", "insecure": True, "rpc_timeout": 2}
    return {
        "AIRFLOW_CONN_FLYTE_TYPO": json.dumps({"conn_type": "flyte", "extra": {"insecur": True}}),
        "AIRFLOW_CONN_FLYTE_YAML": json.dumps({"conn_type": "flyte", "extra": {"config_file": str(broken)}}),
        "AIRFLOW_CONN_FLYTE_PLACELESS": json.dumps(
            {"conn_type": "flyte", "host": sandbox.endpoint, "extra": {"insecure": True}}
        ),
        "AIRFLOW_CONN_FLYTE_CLOSED": json.dumps({"conn_type": "flyte", "host": f"127.0.0.1:{closed}", "extra": extra}),
    }


@pytest.fixture(scope="module")
def launched_before(sandbox):
    return sandbox.calls.count("CreateExecution")


@pytest.fixture(scope="module")
def log(home, connections, launched_before):
    """What `airflow dags test` printed for all cases."""
    return home.tested("cases", env=connections, fails=True)


@pytest.fixture(scope="module")
def outcomes(log, home):
    """(task, map index) -> (state, tries)."""
    rows = home.query("select task_id, map_index, state, try_number from task_instance where dag_id = 'cases'")
    return {(task, index): (state, tries) for task, index, state, tries in rows}


def created(sandbox, n):
    """Runs launched with this number."""
    return [
        call.request.name
        for call in sandbox.calls.of("CreateExecution")
        if call.request.inputs.literals["n"].scalar.primitive.integer == n and len(call.request.inputs.literals) == 2
    ]


def phases(flyte, names):
    name_of = execution_pb2.WorkflowExecution.Phase.Name
    return [name_of(run.closure.phase) for run in flyte.executions() if run.id.name in names]


@pytest.mark.parametrize("task", REFUSED)
def test_mistakes_fail_at_once_and_say_what_is_wrong(task, log, outcomes):
    assert outcomes[task, -1] == ("failed", 1)
    assert REFUSED[task] in log


def test_messages_carry_no_chain_of_tracebacks(log):
    assert "During handling of the above exception" not in log
    assert "direct cause of the following exception" not in log


def test_unreachable_flyte_is_retried_and_says_what_a_retry_does(log, outcomes):
    assert outcomes["unreachable", -1] == ("failed", 2)
    assert "cannot reach Flyte at 127.0.0.1:" in log
    assert "may or may not exist: a retry of this task attaches to it if it does" in log


def test_a_connection_that_is_not_there_is_named_with_the_way_out(log):
    assert "AIRFLOW_CONN_FLYTE_NOWHERE" in log


def test_a_launch_that_failed_is_one_error(log):
    """Airflow asks for the link of every task that ends: that there is none is no second error."""
    assert "XCom not found" not in log
    assert "Failed to push an xcom for task operator extra link" not in log


def test_execution_timeout_aborts_the_run_of_each_try(log, outcomes, sandbox, flyte):
    assert outcomes["execution_timeout", -1] == ("failed", 2)
    names = created(sandbox, 101)
    assert len(names) == 2
    assert phases(flyte, names) == ["ABORTED", "ABORTED"]
    assert sum(call.request.id.name in names for call in sandbox.calls.of("TerminateExecution")) == 2


def test_timeout_aborts_the_run(log, outcomes, sandbox, flyte):
    assert outcomes["timeout", -1] == ("failed", 1)
    assert phases(flyte, created(sandbox, 102)) == ["ABORTED"]
    assert "was still RUNNING when its timeout of 1 s passed; it was aborted. Console: http" in log


def test_mapped_tasks_have_runs_of_their_own(outcomes, sandbox, home):
    assert outcomes["mapped", 0] == outcomes["mapped", 1] == ("success", 1)
    assert len({*created(sandbox, 201), *created(sandbox, 202)}) == 2


def test_not_waiting(outcomes, sandbox, flyte, home):
    assert outcomes["not_waiting", -1] == ("success", 1)
    (name,) = created(sandbox, 203)
    assert phases(flyte, [name]) == ["RUNNING"]
    assert home.xcom("cases", "not_waiting", "flyte_run")["name"] == name


@pytest.mark.parametrize("task", ["references", "workflow"])
def test_other_spellings(task, outcomes):
    assert outcomes[task, -1] == ("success", 1)


def test_what_one_task_pushed_the_next_one_sends_unchanged(outcomes, sandbox, untyped):
    assert outcomes["untyped", -1] == outcomes["untyped_on", -1] == ("success", 1)
    _, second = launched_at(sandbox, "untyped")
    assert second.inputs.literals["s"] == untyped


def test_outputs_that_are_not_wanted_are_not_asked_for(outcomes, sandbox, home):
    assert outcomes["no_outputs", -1] == outcomes["one_output", -1] == ("success", 1)
    asked = {call.request.id.name for call in sandbox.calls.of("GetExecutionData")}
    assert not asked & {request.name for request in launched_at(sandbox, "no outputs")}
    assert home.xcom("cases", "one_output") == {"n": 1}
    rows = home.query("select key from xcom where dag_id = 'cases' and task_id = 'one_output'")
    assert {key for (key,) in rows} == {"return_value", "n", "flyte_run", "flyte_console_url", "flyte_log_url"}


def test_a_big_output_is_stored_once_and_passed_on(outcomes, sandbox, home):
    assert outcomes["big", -1] == outcomes["big_on", -1] == ("success", 1)
    sizes = home.query("select sum(length(value)) from xcom where dag_id = 'cases' and task_id = 'big'")
    assert 300_000 < sizes[0][0] < 320_000
    assert home.xcom("cases", "huge")["at"]["flyte_ref"] == "output"
    assert outcomes["huge_on", -1] == ("success", 1)
    sizes = [len(request.inputs.literals["at"].scalar.primitive.string_value) for request in big_ones(sandbox)]
    assert sorted(sizes) == [300_000] * 2 + [2_000_000] * 2


def big_ones(sandbox):
    return [
        call.request
        for call in sandbox.calls.of("CreateExecution")
        if len(call.request.inputs.literals["at"].scalar.primitive.string_value) > 100_000
    ]


def test_nothing_else_was_launched(log, sandbox, launched_before):
    # execution_timeout twice; timeout, mapped 0 and 1, not_waiting, references, workflow; eight of outputs and values
    assert sandbox.calls.count("CreateExecution") - launched_before == 16
