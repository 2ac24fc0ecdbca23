"""``execution_timeout`` may pass at any moment of a launch. Whatever was on its way then, no run is left behind."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from airflow_waiting import eventually
from flyteidl.core import execution_pb2
from support.flyte import FILE, INTEGER

numbers = itertools.count(7001)
name_of = execution_pb2.WorkflowExecution.Phase.Name


@pytest.fixture(scope="module")
def one_try(home, sandbox, flyte, tmp_path_factory):
    """Runs the operator under Airflow's timer in a process that imported Airflow once."""
    flyte.register("tests.filed", {"n": INTEGER, "f": FILE}, gate="approve")
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("probe_timeout.py"))],
        env={**home.env, "AIRFLOW__FLYTE__INSTANCE_ID": "timed"},
        cwd=tmp_path_factory.mktemp("timed"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(**arguments):
        process.stdin.write(json.dumps(arguments) + "\n")
        process.stdin.flush()
        while line := process.stdout.readline():
            if line.startswith('{"outcome"'):  # Airflow logs to the same place
                return json.loads(line)["outcome"]
        raise AssertionError("the process ended")

    yield run
    process.stdin.close()
    process.wait(20)
    process.stdout.close()


def runs(sandbox, flyte, n):
    """Phases of the runs that were launched with this number."""
    names = {
        call.request.name
        for call in sandbox.calls.of("CreateExecution")
        if call.request.inputs.literals["n"].scalar.primitive.integer == n
    }
    return [name_of(run.closure.phase) for run in flyte.executions() if run.id.name in names]


MOMENTS = {
    "ListExecutions": 0,  # looking for runs of an earlier life
    "GetExecution": 0,  # whether the run is there already
    "CreateUploadLocation": 0,
    "CreateExecution": 1,  # sent, and not answered: it comes while we give up
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_while_flyte_does_not_answer(one_try, sandbox, flyte, moment):
    n = next(numbers)
    sandbox.faults.delay(moment, 3.0)
    assert one_try(n=n, publish=0) == "timed out"
    sandbox.faults.assert_consumed()
    eventually(lambda: runs(sandbox, flyte, n) == ["ABORTED"] * MOMENTS[moment])


def test_while_airflow_stores_the_link(one_try, sandbox, flyte):
    n = next(numbers)
    assert one_try(n=n, publish=3) == "timed out"
    assert runs(sandbox, flyte, n) == ["ABORTED"]


def test_while_waiting(one_try, sandbox, flyte):
    n = next(numbers)
    assert one_try(n=n, publish=0) == "timed out"
    assert runs(sandbox, flyte, n) == ["ABORTED"]
