"""Phases, snapshots and outputs as values: what raises, what a message says, what pickles."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge_core import (
    EntityRef,
    InvalidRequest,
    LaunchRequest,
    RunAborted,
    RunEnded,
    RunError,
    RunFailed,
    RunOptions,
    RunOutputs,
    RunPhase,
    RunRef,
    RunSnapshot,
    RunTimedOut,
)

REF = RunRef("p", "d", "n")
START = datetime(2026, 1, 1, tzinfo=UTC)


def snapshot(phase: RunPhase, **more: object) -> RunSnapshot:
    return RunSnapshot(ref=REF, phase=phase, console_url="http://c/n", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("phase", list(RunPhase))
def test_only_a_bad_end_raises(phase: RunPhase) -> None:
    expected = {RunPhase.FAILED: RunFailed, RunPhase.ABORTED: RunAborted, RunPhase.TIMED_OUT: RunTimedOut}.get(phase)
    snap = snapshot(phase)
    if expected is None:
        assert snap.raise_for_phase() is snap
    else:
        with pytest.raises(expected) as caught:
            snap.raise_for_phase()
        assert caught.value.snapshot is snap
        assert pickle.loads(pickle.dumps(caught.value)).snapshot == snap
    assert phase.is_success is (phase in (RunPhase.SUCCEEDED, RunPhase.RECOVERED))
    assert phase.is_terminal is (phase.is_success or expected is not None)


def test_a_failed_run_tells_what_when_why_and_where() -> None:
    trace = "Trace:\n\n    File x, line 1\n\nMessage:\n\n    ValueError: negative lr\n"
    snap = snapshot(
        RunPhase.FAILED,
        started_at=START,
        ended_at=START + timedelta(seconds=252),
        error=RunError(code="USER:ValueError", message=trace, kind="USER", node="train"),
    )
    text = "run p/d/n FAILED after 4 m 12 s in node train: ValueError: negative lr. Console: http://c/n"
    assert snap.describe() == text
    with pytest.raises(RunEnded, match="negative lr"):
        snap.raise_for_phase()
    assert (
        snapshot(RunPhase.ABORTED, abort_reason="by bob").describe() == "run p/d/n ABORTED: by bob. Console: http://c/n"
    )
    assert snapshot(RunPhase.RUNNING).describe() == "run p/d/n RUNNING. Console: http://c/n"


@pytest.mark.parametrize(
    ("message", "summary"), [("", "E1"), ("boom", "boom"), ("a\n  b  \n", "b"), ("Message:\n\n", "E1")]
)
def test_error_summary_is_never_empty(message: str, summary: str) -> None:
    assert RunError(code="E1", message=message).summary == summary


def test_outputs_are_a_plain_picklable_mapping() -> None:
    outs = RunOutputs({"o0": 3, "o1": [1]}, metadata={"o0": {"k": "v"}}, hashes={"o1": "h"})
    copy = pickle.loads(pickle.dumps(outs))
    assert copy == outs == {"o0": 3, "o1": [1]}
    assert (copy.metadata("o0"), copy.metadata("o1"), copy.hash("o1"), copy.hash("o0")) == ({"k": "v"}, {}, "h", None)
    with pytest.raises(KeyError, match="no output 'x'; this run has o0, o1"):
        outs["x"]
    with pytest.raises(KeyError):
        outs.hash("x")


def test_options_round_trip_and_name_what_they_do_not_know() -> None:
    options = RunOptions.from_mapping({"envs": {"A": "1"}, "tags": ["t"], "interruptible": False})
    assert options == RunOptions(env_vars={"A": "1"}, tags=("t",), interruptible=False)
    assert RunOptions.from_mapping(options.to_mapping()) == options
    with pytest.raises(InvalidRequest, match="unknown run option 'label'"):
        RunOptions.from_mapping({"label": "x"})


def test_a_request_takes_its_entity_by_position_and_the_rest_by_name() -> None:
    request = LaunchRequest(EntityRef.launch_plan("w"), inputs={"n": 1}, name="a")
    assert pickle.loads(pickle.dumps(request)) == request
    with pytest.raises(TypeError):
        LaunchRequest(EntityRef.launch_plan("w"), {"n": 1})  # type: ignore[misc]


def test_a_snapshot_that_was_not_read_yet_is_like_one_that_was() -> None:
    error = RunError(code="ValueError", message="negative lr", kind="USER", node="train")
    whole = snapshot(RunPhase.FAILED, error=error)
    read = []

    def reading() -> RunSnapshot:
        read.append(1)
        return whole

    def unread() -> RunSnapshot:
        return RunSnapshot.unread(whole.ref, whole.phase, reading)

    looked_at = unread()
    assert (looked_at.ref, looked_at.phase) == (whole.ref, whole.phase)
    assert not read
    assert looked_at.error is whole.error
    assert looked_at.console_url == whole.console_url
    assert len(read) == 1
    assert unread() == whole
    assert hash(unread()) == hash(whole)
    assert repr(unread()) == repr(whole)
    assert pickle.loads(pickle.dumps(unread())) == whole
    assert replace(unread(), abort_reason="x") == replace(whole, abort_reason="x")
    assert copy.copy(unread()) == copy.deepcopy(unread()) == whole
    with pytest.raises(RunFailed):
        unread().raise_for_phase()
    with pytest.raises(AttributeError, match="no attribute 'erorr'"):
        getattr(unread(), "erorr")  # noqa: B009


def test_an_error_says_when_and_where_it_was_raised() -> None:
    """``ExecutionError.timestamp`` and ``worker``, which flytekit writes since 1.15; the real engine passes them on."""
    from datetime import UTC, datetime

    from flyteidl.admin import execution_pb2, node_execution_pb2

    from bridge_core.backends.flyte1.convert import snapshot
    from bridge_core.backends.flyte1.node_values import node

    when = datetime(2026, 11, 20, 3, 4, 5, tzinfo=UTC)
    run, inside = execution_pb2.Execution(), node_execution_pb2.NodeExecution()
    for closure in (run.closure, inside.closure):
        closure.error.code, closure.error.message, closure.error.worker = "E", "m", "worker-1"
        closure.error.timestamp.FromDatetime(when)
    run.id.project, run.id.domain, run.id.name = "p", "d", "n"
    run.spec.launch_plan.name = "pkg.wf"
    for error in (snapshot(run, "").error, node(inside).error):
        assert error is not None
        assert (error.occurred_at, error.worker) == (when, "worker-1")
    run.closure.error.ClearField("timestamp")
    silent = snapshot(run, "").error
    assert silent is not None
    assert silent.occurred_at is None
