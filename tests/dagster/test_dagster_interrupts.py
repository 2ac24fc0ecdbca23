"""Ctrl-C reaches a process more than once: however close together, the run is aborted, and once."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster_support import Home, runs_of, until
from flyteidl.core import execution_pb2
from support.flyte import INTEGER, RawFlyte

from dagster_integration._interrupts import Interrupts

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

HERE = Path(__file__).parent
ABORTED = execution_pb2.WorkflowExecution.ABORTED
CAMPAIGN = 50


def waits(sandbox: Sandbox) -> None:
    before = sandbox.calls.count("GetExecution")
    until(lambda: sandbox.calls.count("GetExecution") >= before + 3, label="somebody waits for the run")


GAPS = (0.0, 0.0002, 0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.03, 0.06, 0.1)  # seconds


def test_a_second_signal_does_not_end_the_abort_that_the_first_began(
    flyte_sandbox: Sandbox, raw: RawFlyte, name: str
) -> None:
    stop_again_and_again(flyte_sandbox, raw, name, *map(str, GAPS))


def test_a_signal_whose_error_python_drops_is_given_again(flyte_sandbox: Sandbox, raw: RawFlyte, name: str) -> None:
    stop_again_and_again(flyte_sandbox, raw, name, *["lost"] * 3)


@pytest.mark.parametrize("seconds", [0.0, 1.3])
def test_what_is_cleaned_up_after_a_signal_is_not_cut_short_by_the_same_signal(seconds: float) -> None:
    """A signal is given again after half a second, but not to code that ends because of it: it may wait for transfers."""
    assert threading.current_thread() is threading.main_thread()
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    cleaned = False
    with Interrupts() as interrupts:
        try:
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(30)
            finally:
                time.sleep(seconds)
                cleaned = True
        except dg.DagsterExecutionInterruptedError:
            interrupts.settle()
    assert cleaned
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_that_nobody_acted_on_is_handed_to_whoever_had_them_before() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    try:
        with Interrupts(), contextlib.suppress(dg.DagsterExecutionInterruptedError):
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        assert came == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)


def stop_again_and_again(sandbox: Sandbox, raw: RawFlyte, name: str, *gaps: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FLYTE", "DAGSTER"))}
    process = subprocess.Popen(
        [sys.executable, str(HERE / "interrupted.py"), name, sandbox.endpoint, *gaps],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        for number, gap in enumerate(gaps, start=1):
            sandbox.faults.delay("TerminateExecution", 0.15)
            until(lambda n=number: process.poll() is not None or len(runs_of(raw, name)) == n, label="the run")  # type: ignore[misc]
            waits(sandbox)
            process.stdin.write("now\n")
            process.stdin.flush()
            assert process.stdout.readline() == "stopped\n", gap
            assert runs_of(raw, name)[0].closure.phase == ABORTED, gap
            assert sandbox.calls.count("TerminateExecution") == number, gap
    finally:
        process.kill()
        process.communicate()
    assert sandbox.calls.count("CreateExecution") == len(gaps)


@pytest.mark.long
@pytest.mark.parametrize("number", range(CAMPAIGN))
def test_ctrl_c_fifty_times(flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path, number: int) -> None:
    """On a terminal, in the foreground, with and without a RetryPolicy, in one process and in many."""
    job = ("multiprocess", "multiprocess_plain", "multiprocess", "multiprocess_plain", "in_process")[number % 5]
    raw.register(name, {"n": INTEGER}, gate="approve")
    home = Home(tmp_path / "home", flyte_sandbox.endpoint, name)
    with home.terminal("dagster", "job", "execute", "-m", "flyte_defs", "-j", job) as (process, press):
        until(lambda: runs_of(raw, name), seconds=120, label="the run")
        waits(flyte_sandbox)
        press("\x03")
        assert process.wait(90) != 0
    (run,) = runs_of(raw, name)
    assert run.closure.phase == ABORTED, home.output()
    assert flyte_sandbox.calls.count("TerminateExecution") == 1
    assert flyte_sandbox.calls.count("CreateExecution") == 1
