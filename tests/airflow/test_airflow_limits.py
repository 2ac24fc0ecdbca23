"""``execution_timeout`` may pass at any moment of a launch. Whatever was on its way then, no run is left behind."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow_home import PYTHON
from airflow_waiting import eventually
from flyteidl.core import execution_pb2
from support.flyte import FILE, INTEGER

from airflow_provider._shared.task_key import TaskKey
from bridge_core import Client, EntityRef, LaunchRequest, Provenance

numbers = itertools.count(7001)
name_of = execution_pb2.WorkflowExecution.Phase.Name


@pytest.fixture(scope="module")
def one_try(home, sandbox, flyte, tmp_path_factory):
    """Runs the operator under Airflow's timer in a process that imported Airflow once."""
    flyte.register("tests.filed", {"n": INTEGER, "f": FILE}, gate="approve")
    process = subprocess.Popen(
        [PYTHON, str(Path(__file__).with_name("probe_timeout.py"))],
        env={**home.env, "AIRFLOW__FLYTE__INSTANCE_ID": "timed"},
        cwd=tmp_path_factory.mktemp("timed"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def answer():
        while line := process.stdout.readline():
            if line.startswith('{"outcome"'):  # Airflow logs to the same place
                return json.loads(line)["outcome"]
        raise AssertionError("the process ended")

    def run(**arguments):
        process.stdin.write(json.dumps(arguments) + "\n")
        process.stdin.flush()
        return answer()

    assert answer() == "ready"  # what it asked Flyte until then uses up no fault of a test
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
    # The sweep of a running triggerer lists runs too, and must not use up what is meant for this try.
    mine = (lambda request: Provenance.ORIGIN_LABEL in request.filters) if moment == "ListExecutions" else None
    sandbox.faults.delay(moment, 3.0, when=mine)
    assert one_try(n=n, publish=0) == "timed out"
    sandbox.faults.assert_consumed()
    eventually(lambda: runs(sandbox, flyte, n) == ["ABORTED"] * MOMENTS[moment])


def test_while_airflow_stores_the_link(one_try, sandbox, flyte):
    n = next(numbers)
    assert one_try(n=n, publish=3) == "timed out"
    eventually(lambda: runs(sandbox, flyte, n) == ["ABORTED"])  # ABORTING before


@pytest.fixture
def legacy(sandbox, flyte, tmp_path):
    """Launches what a release without identities launched for the probe's task of this number."""

    def launch(n, *, ends):
        names = {"dag_id": "d", "run_id": "r", "task_id": f"t{n}", "map_index": -1, "max_tries": 0}
        name = TaskKey(SimpleNamespace(**names), retries=0).legacy_name(0)
        file = tmp_path / "f"
        file.write_text("x")
        entity = EntityRef.launch_plan("tests.filed", project="flytesnacks", domain="development")
        with Client(sandbox.config()) as client:
            ref = client.launch(LaunchRequest(entity, inputs={"n": n, "f": str(file)}, name=name))
            if ends:
                flyte.approve(name)
                client.wait(ref)

    return launch


def test_a_run_of_an_earlier_release_that_lives_is_attached_to(one_try, sandbox, flyte, legacy):
    n = next(numbers)
    legacy(n, ends=False)
    assert one_try(n=n, publish=0, try_number=2) == "timed out"
    eventually(lambda: runs(sandbox, flyte, n) == ["ABORTED"])  # ABORTING before


@pytest.mark.parametrize("ends", [True, False])
def test_one_that_ended_or_is_older_than_the_dag_run_is_somebody_elses(one_try, sandbox, flyte, legacy, ends):
    n = next(numbers)
    legacy(n, ends=ends)
    assert one_try(n=n, publish=0, try_number=2, age=60 if ends else -60) == "timed out"
    eventually(lambda: sorted(runs(sandbox, flyte, n)) == ["ABORTED", "SUCCEEDED" if ends else "RUNNING"])


def test_while_waiting(one_try, sandbox, flyte):
    n = next(numbers)
    assert one_try(n=n, publish=0) == "timed out"
    eventually(lambda: runs(sandbox, flyte, n) == ["ABORTED"])  # ABORTING before
