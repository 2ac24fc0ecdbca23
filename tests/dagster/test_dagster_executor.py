"""`flyte_executor` in run workers of its own: they are killed, evicted, resumed and cancelled; launches are counted at Flyte."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import psutil
import pytest
from dagster._core.events import DagsterEventType
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._grpc.types import ResumeRunArgs
from dagster._serdes import serialize_value
from dagster_support import Home, children, runs_of, until
from flyteidl.admin import execution_pb2 as execution_pb2_admin
from flyteidl.core import execution_pb2
from support.flyte import INTEGER, RawFlyte
from support.matrix import rows

from dagster_integration import _compat
from dagster_integration._children import Children
from dagster_integration._compat import EXECUTOR, Private, refusal
from dagster_integration._turns import Turn, Turns
from dagster_integration._waits import Waits

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

ABORTED = execution_pb2.WorkflowExecution.ABORTED
CROWD = 12
HUNDRED = pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(600)])
RESUMABLE = """
run_launcher: {module: resumable, class: Resumable}
run_monitoring: {enabled: true, max_resume_run_attempts: 3}
"""


@pytest.fixture
def crowd() -> int:
    """How many runs of Flyte the job ``crowded`` has."""
    return CROWD


@pytest.fixture
def home(flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path, crowd: int) -> Home:
    raw.register(name, {"n": INTEGER}, gate="approve")
    starts = tmp_path / "starts"
    return Home(tmp_path / "home", flyte_sandbox.endpoint, name, TEST_STARTS=str(starts), TEST_CROWD=str(crowd))


def inputs_of(raw: RawFlyte, entity: str) -> dict[int, str]:
    """Input of each run -> its name; of runs with the same input, the newest."""
    found: dict[int, str] = {}
    for run in reversed(runs_of(raw, entity)):
        data = raw.admin("GetExecutionData", execution_pb2_admin.WorkflowExecutionGetDataRequest(id=run.id))
        found[data.full_inputs.literals["n"].scalar.primitive.integer] = run.id.name
    return found


def says(instance: dg.DagsterInstance, words: str) -> bool:
    """Whether the log of the only Dagster run says so of its waits."""
    (record,) = instance.get_run_records()
    events = instance.all_logs(record.dagster_run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
    texts = [entry.dagster_event.message or "" for entry in events if entry.dagster_event is not None]
    return any(text.startswith("waiting for runs of flytesnacks/development") and words in text for text in texts)


def logs_of(instance: dg.DagsterInstance, run_id: str, step: str) -> tuple[str, str]:
    """What a step printed, to stdout and stderr."""
    manager = instance.compute_log_manager
    (event,) = [
        entry.dagster_event
        for entry in instance.all_logs(run_id, of_type=DagsterEventType.LOGS_CAPTURED)
        if entry.dagster_event is not None and step in (entry.dagster_event.logs_captured_data.step_keys or ())
    ]
    key = manager.build_log_key_for_run(run_id, event.logs_captured_data.file_key)
    assert manager.is_capture_complete(key)
    texts = [
        manager.get_log_data_for_type(key, kind)[0] or b"" for kind in (ComputeIOType.STDOUT, ComputeIOType.STDERR)
    ]
    return texts[0].decode(), texts[1].decode()


def test_steps_of_flyte_wait_in_one_process_and_all_of_dagsters_own_rules_hold(
    flyte_sandbox: Sandbox, raw: RawFlyte, name: str, home: Home
) -> None:
    """One Dagster run: a retry policy, a pool, a limit by tag, compute logs, and a step that is none of Flyte's."""
    with home.instance() as instance:
        instance.event_log_storage.set_concurrency_slots("one_at_a_time", 1)
        with home.process("dagster", "job", "execute", "-m", "executor_defs", "-j", "mixed") as worker:
            first = until(
                lambda: found if len(found := inputs_of(raw, name)) == 4 else None, label="those that may run"
            )
            lists = flyte_sandbox.calls.count("ListExecutions")
            until(lambda: flyte_sandbox.calls.count("ListExecutions") >= lists + 3, label="one question asks for all")
            assert children(worker.pid) == [], "the run worker waits alone"
            assert inputs_of(raw, name) == first, "a pool and a limit by tag let one at a time run"
            flyte_sandbox.faults.fail("ListExecutions", times=1000)
            until(lambda: says(instance, "is asked again until it answers"), label="people see that Flyte is away")
            flyte_sandbox.faults.clear()
            until(lambda: says(instance, "Flyte answers again"), label="people see that it is back")
            for number, run in first.items():
                raw.approve(run, value=number != 2)
            rest = until(lambda: found if len(found := inputs_of(raw, name)) == 6 else None, label="the others")
            again = until(lambda: run if (run := inputs_of(raw, name)[2]) != first[2] else None, label="the retry")
            for run in {*rest.values(), again} - set(first.values()):
                raw.approve(run)
            assert worker.wait(60) == 0, home.output()
        (record,) = instance.get_run_records()
        run_id = record.dagster_run.run_id
        assert record.dagster_run.status is dg.DagsterRunStatus.SUCCESS
        made = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
        assert len(made) == 7
        (retry,) = instance.all_logs(run_id, of_type=DagsterEventType.STEP_UP_FOR_RETRY)
        assert retry.dagster_event is not None
        assert retry.dagster_event.step_key == "retried"
        (started,) = instance.all_logs(run_id, of_type=DagsterEventType.STEP_WORKER_STARTED)
        assert started.dagster_event is not None
        assert started.dagster_event.step_key == "elsewhere", "only what is none of Flyte's has a process"
        printed, told = logs_of(instance, run_id, "speaks")
        assert printed == "speaks gives its inputs\nspeaks through a process\n"
        assert " - speaks - launched Flyte run" in told
        assert "pooled" not in told
        assert logs_of(instance, run_id, "elsewhere")[0] == "elsewhere was given 1\n"
        assert logs_of(instance, run_id, "pooled_0")[0] == ""
    assert "speaks gives its inputs" in home.output(), "the log of the run worker has it, too"
    assert flyte_sandbox.calls.count("CreateExecution") == 7
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


def test_a_process_begun_during_a_turn_does_not_write_into_its_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    turns, processes = Turns(Waits()), Children(1)
    with (
        (tmp_path / "out").open("wb") as out,
        (tmp_path / "err").open("wb") as err,
        Turn(turns) as turn,
        turn.captured([out, err]),
    ):
        processes.start("elsewhere", ["--version"], {}, turns.outputs)
        processes.close()
    turns.close()
    assert ((tmp_path / "out").read_text(), (tmp_path / "err").read_text()) == ("", "")
    assert "version" in capfd.readouterr().out


def ended_steps(instance: dg.DagsterInstance, run_id: str) -> set[str | None]:
    events = instance.all_logs(run_id, of_type=DagsterEventType.STEP_SUCCESS)
    return {event.dagster_event.step_key for event in events if event.dagster_event is not None}


def resume(home: Home, instance: dg.DagsterInstance) -> tuple[str, str]:
    """The run, and what a launcher that can resume would call."""
    (record,) = instance.get_run_records()
    run = record.dagster_run
    assert run.status is dg.DagsterRunStatus.STARTED
    arguments = ResumeRunArgs(
        job_origin=run.job_code_origin,
        run_id=run.run_id,
        instance_ref=instance.get_ref(),
        set_exit_code_on_failure=True,
    )
    return run.run_id, serialize_value(arguments)


@pytest.mark.parametrize(
    ("how", "crowd"),
    [
        (signal.SIGKILL, CROWD),
        *rows((signal.SIGTERM, CROWD)),
        pytest.param(signal.SIGKILL, 100, marks=[pytest.mark.long, pytest.mark.timeout(600)]),
    ],
)
def test_a_worker_that_died_and_is_resumed_attaches_to_all(
    *, flyte_sandbox: Sandbox, raw: RawFlyte, name: str, home: Home, how: signal.Signals, crowd: int
) -> None:
    """Killed; or evicted from a node where Dagster resumes runs."""
    starts = Path(home.environment["TEST_STARTS"])
    with (home.folder / "dagster.yaml").open("a") as file:
        file.write(RESUMABLE)
    with home.process("dagster", "job", "execute", "-m", "executor_defs", "-j", "crowded") as worker:
        until(lambda: len(runs_of(raw, name)) == crowd, seconds=180, label="all Flyte runs")
        runs = inputs_of(raw, name)
        until(lambda: starts.exists() and starts.read_text(), label="the other step is at work")
        until(lambda: flyte_sandbox.calls.count("ListExecutions"), label="they are waited for")
        raw.approve(runs[0])
        with home.instance() as instance:
            (record,) = instance.get_run_records()
            number = record.dagster_run.run_id
            until(
                lambda: "crowd_0" in ended_steps(instance, number),
                label="the first one ended, which is stored after that its asset was made",
            )
            (child,) = (int(pid) for pid in starts.read_text().split())
            worker.send_signal(how)
            worker.wait(60)
            until(lambda: not psutil.pid_exists(child), label="the process of its other step is gone, too")
            run_id, arguments = resume(home, instance)
            with home.process("dagster", "api", "resume_run", arguments) as resumed:
                until(lambda: len(starts.read_text().split()) == 2, label="the other step was begun anew")
                for number in range(1, crowd):
                    raw.approve(runs[number])
                assert resumed.wait(150) == 0, home.output()
            finished = instance.get_run_by_id(run_id)
            assert finished is not None
            assert finished.status is dg.DagsterRunStatus.SUCCESS
            made = instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    keys = [event.dagster_event.asset_key.to_user_string() for event in made if event.dagster_event is not None]  # type: ignore[union-attr]
    assert sorted(keys) == sorted(["sleeps", *(f"crowd_{number}" for number in range(crowd))])
    assert flyte_sandbox.calls.count("CreateExecution") == crowd
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


@pytest.mark.matrix
def test_a_worker_that_is_evicted_for_good_leaves_the_runs_and_ends_its_steps(
    flyte_sandbox: Sandbox, raw: RawFlyte, name: str, home: Home
) -> None:
    with home.process("dagster", "job", "execute", "-m", "executor_defs", "-j", "crowded") as worker:
        until(lambda: len(inputs_of(raw, name)) == CROWD, label="all Flyte runs")
        worker.terminate()
        assert worker.wait(60) != 0
    with home.instance() as instance:
        (record,) = instance.get_run_records()
        failed = instance.all_logs(record.dagster_run.run_id, of_type=DagsterEventType.STEP_FAILURE)
        assert len(failed) >= CROWD
        assert instance.get_latest_materialization_event(dg.AssetKey("crowd_0")) is None
    assert {run.closure.phase for run in runs_of(raw, name)} != {ABORTED}
    assert flyte_sandbox.calls.count("TerminateExecution") == 0


@pytest.mark.parametrize("crowd", [pytest.param(CROWD, marks=pytest.mark.matrix), HUNDRED])
def test_ctrl_c_on_the_command_aborts_each_once(
    *, flyte_sandbox: Sandbox, raw: RawFlyte, name: str, home: Home, crowd: int
) -> None:
    with home.terminal("dagster", "job", "execute", "-m", "executor_defs", "-j", "crowded") as (worker, press):
        until(lambda: len(runs_of(raw, name)) == crowd, seconds=180, label="all Flyte runs")
        press("\x03")
        assert worker.wait(60) != 0
    assert {run.closure.phase for run in runs_of(raw, name)} == {ABORTED}, home.output()
    assert flyte_sandbox.calls.count("CreateExecution") == flyte_sandbox.calls.count("TerminateExecution") == crowd
    assert "was stopped with Ctrl-C" in flyte_sandbox.calls.of("TerminateExecution")[0].request.cause


@pytest.mark.parametrize("crowd", [HUNDRED])
@pytest.mark.parametrize("job", ["crowded", "in_one_step"])
def test_a_dagster_run_that_a_person_cancels_aborts_each_of_a_hundred_once(
    *, flyte_sandbox: Sandbox, raw: RawFlyte, name: str, home: Home, job: str, crowd: int
) -> None:
    """As Dagster's own launchers end a run: its status first, then a signal to its worker. `test_dagster_crash.py` has fewer."""
    with home.process("dagster", "job", "execute", "-m", "executor_defs", "-j", job) as worker:
        until(lambda: len(runs_of(raw, name)) == crowd, seconds=180, label="all Flyte runs")
        with home.instance() as instance:
            (record,) = instance.get_run_records()
            instance.report_run_canceling(record.dagster_run)
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(60) != 0
            (record,) = instance.get_run_records()
    assert record.dagster_run.status is dg.DagsterRunStatus.CANCELED
    assert {run.closure.phase for run in runs_of(raw, name)} == {ABORTED}, home.output()
    assert flyte_sandbox.calls.count("CreateExecution") == flyte_sandbox.calls.count("TerminateExecution") == crowd
    assert "was cancelled" in flyte_sandbox.calls.of("TerminateExecution")[0].request.cause


@pytest.mark.matrix
def test_a_process_of_a_step_that_is_killed_fails_the_step(
    flyte_sandbox: Sandbox, raw: RawFlyte, name: str, home: Home
) -> None:
    starts = Path(home.environment["TEST_STARTS"])
    with home.process("dagster", "job", "execute", "-m", "executor_defs", "-j", "crowded") as worker:
        for run in until(lambda: found if len(found := inputs_of(raw, name)) == CROWD else None, label="all").values():
            raw.approve(run)
        until(lambda: starts.exists() and starts.read_text(), label="the other step is at work")
        psutil.Process(int(starts.read_text())).kill()
        assert worker.wait(60) != 0
    with home.instance() as instance:
        (record,) = instance.get_run_records()
        (failed,) = instance.all_logs(record.dagster_run.run_id, of_type=DagsterEventType.STEP_FAILURE)
        made = instance.all_logs(record.dagster_run.run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)
    assert failed.dagster_event is not None
    assert failed.dagster_event.step_key == "sleeps"
    assert "its process ended with -9" in str(failed.dagster_event.event_specific_data)
    assert len(made) == CROWD


@pytest.mark.parametrize("version", ["1.10.21", "1.14.0", "2.0.1"])
def test_a_dagster_that_it_was_never_seen_with_is_refused(version: str) -> None:
    said = refusal("flyte_executor", EXECUTOR, "dagster.multiprocess_executor", version)
    assert said is not None
    assert f"was seen in Dagster 1.11 to 1.13; this is {version}. Use dagster.multiprocess_executor here" in said
    assert "dagster._core.executor.step_delegating.StepDelegatingExecutor" in said


def test_what_is_not_there_is_named_and_what_is_there_is_not_refused() -> None:
    gone = Private("dagster._core.executor.step_delegating", "StepDelegatingExecutor.gone", "1.11", "1.13")
    said = refusal("flyte_executor", (gone,), "another")
    assert said is not None
    assert "step_delegating.StepDelegatingExecutor.gone, which is not there" in said
    assert refusal("flyte_executor", EXECUTOR, "another") is None
    assert all(_compat.private(each.name) is not None for each in EXECUTOR)


def test_private_names_of_dagster_are_in_one_file() -> None:
    package = Path(_compat.__file__).parent
    found = [path.name for path in package.rglob("*.py") if "dagster._" in path.read_text()]
    assert found == ["_compat.py"]
