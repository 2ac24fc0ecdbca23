"""The same through the connector service of this library, whose connectors create each job once."""

from __future__ import annotations

import json
import time

import pytest

from bridge_core.sandbox.connectors.registry import Connectors
from bridge_core.sandbox.engine.deletions import JobDeleter
from bridge_core.sandbox.engine.loop import Loop
from bridge_core.sandbox.store.database import Database
from bridge_core.sandbox.store.jobs import Job, Jobs

from .protos import PHASE
from .test_connectors import (  # noqa: F401 - fixtures and tests, run once more with another service
    Connector,
    connected,
    launch,
    server,
    task_of,
    test_a_connector_for_one_test,
    test_a_connector_may_go_and_come_back,
    test_a_connector_that_refuses_a_task_fails_it,
    test_a_failed_job_is_not_tried_again_and_a_retryable_one_is,
    test_a_job_from_its_creation_to_its_outputs,
    test_a_job_that_cannot_be_asked_for_ends_its_attempt_and_is_not_doubled,
    test_a_job_that_is_not_let_go_is_asked_for_again_as_long_as_its_connector_answers,
    test_a_job_that_takes_too_long_is_deleted,
    test_aborting_a_run_deletes_its_job,
    test_both_killed_between_creation_and_answer_there_is_one_job,
    test_connector_tasks_in_workflows_and_not_in_arrays,
    test_killed_before_the_first_answer_the_same_job_is_asked_for_again,
    test_killed_while_it_aborts_the_job_is_deleted_after_the_restart,
    test_outputs_that_the_job_wrote_itself,
    test_stopped_while_a_job_is_created_it_is_not_created_twice,
    test_sync_connectors_answer_at_once,
    test_types_that_no_connector_knows,
    test_what_has_a_container_and_no_connector_is_a_process,
)
from .test_processes import wait_until


@pytest.fixture
def connector(tmp_path):
    running = Connector(tmp_path / "jobs", service="flyte-bridge").start()
    yield running
    running.kill()


def test_a_service_killed_after_it_made_a_job_and_before_it_said_so_makes_no_second_one(fresh, connect, tmp_path):
    running = Connector(tmp_path / "jobs", service="flyte-bridge").start()
    try:
        wire = connect(fresh(connectors=[running.endpoint]))
        (running.directory / "slow").touch()
        run = launch(wire, task_of("job", retries=1))
        wait_until(lambda: running.calls("create"))
        running.kill()
        (running.directory / "slow").unlink()
        running.start()
        wait_until(lambda: running.calls("get"))
        running.end(0)
        assert wire.wait(run).closure.phase == PHASE.SUCCEEDED
        assert wire.outputs(run) == {"o0": 6}
        assert running.calls("create") == ["0"]
    finally:
        running.kill()


def test_who_hangs_while_it_deletes_is_asked_again_and_others_are_answered(connector, fresh, connect):
    wire = connect(fresh(connectors=[connector.endpoint]))
    run = launch(wire, task_of("job"))
    wait_until(lambda: connector.calls("get"))
    (connector.directory / "hang").touch()
    wire.terminate(run)
    wait_until(lambda: connector.calls("hang"))
    other = launch(wire, task_of("filed"))
    wait_until(lambda: "1" in connector.calls("get"))
    connector.end(1)
    assert wire.wait(other).closure.phase == PHASE.SUCCEEDED
    wait_until(lambda: len(connector.calls("hang")) == 2, 40)
    (connector.directory / "hang").unlink()
    assert wire.wait(run).closure.phase == PHASE.ABORTED
    assert set(connector.calls("delete")) == {"0"}


def test_a_job_that_the_next_attempt_takes_over_is_deleted_no_more_for_the_one_before(connector, tmp_path):
    database, loop = Database(tmp_path / "jobs.db"), Loop("deletions")
    connectors, jobs = Connectors([connector.endpoint]), Jobs(database)
    deletions = JobDeleter(connectors, jobs, loop)

    def job(attempt, number):
        meta = json.dumps({"number": number, "n": 3, "prefix": ""}).encode()
        return Job("p/d/run", "n0", attempt, "job", 0, "", meta)

    loop.start()
    try:
        (connector.directory / "stuck").touch()
        for owed in (job(0, 0), job(1, 1)):
            jobs.add(owed)
            loop.post(lambda owed=owed: deletions.delete(owed, lambda: None))
        wait_until(lambda: set(connector.calls("keep")) == {"0", "1"})
        taken = job(2, 0)
        loop.post(lambda: (deletions.taken_over(taken), jobs.add(taken)))
        (connector.directory / "stuck").unlink()
        wait_until(lambda: connector.calls("delete"))
        time.sleep(2.5)  # the other one would have been asked for by now
        assert connector.calls("delete") == ["1"]
        assert jobs.of("p/d/run") == [taken]
    finally:
        loop.stop()
        connectors.close()
        database.close()
