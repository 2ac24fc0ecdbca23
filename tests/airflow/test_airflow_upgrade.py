"""A task that one release deferred, or whose worker died, under Airflow processes of the other release: ``make test-upgrade``."""

from __future__ import annotations

import pytest
from airflow_case import Case
from airflow_releases import running

# What both releases can read: an operator as it was from the first.
DAG_FILE = """
from datetime import timedelta
from airflow.sdk import DAG
from airflow_provider.operators.flyte import FlyteRunOperator
INPUTS = {"n": "{{ dag_run.conf['n'] | int }}", "at": "at {{ macros.datetime.now() }}"}
for name, deferrable in (("deferred", True), ("waiting", False), ("grace", True)):
    with DAG(name, schedule=None, render_template_as_native_obj=True) as dag:
        FlyteRunOperator(
            task_id="run", entity="tests.held", inputs=INPUTS, deferrable=deferrable, sync_grace=0, retries=3,
            retry_delay=timedelta(seconds=1),
        )
    globals()[name] = dag
"""

pytestmark = [pytest.mark.upgrade, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", params=["upgrade", "rollback"])
def releases(request, sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    with running(request.param, folder, sandbox, dag_file=DAG_FILE, dag_ids={"deferred", "waiting", "grace"}) as found:
        yield found


def test_what_one_deferred_or_waited_for_the_other_finishes(releases, sandbox, flyte):
    airflow = releases.airflow
    deferred, waiting, ended = (Case(airflow, sandbox, flyte, dag_id) for dag_id in ("deferred", "waiting", "grace"))
    deferred.wait("deferred")
    before = {case: case.launched() for case in (deferred, waiting, ended)}
    flyte.approve(before[ended][0])
    ended.wait("success")
    releases.turn_over()
    for case in (deferred, waiting):
        flyte.approve(before[case][0])
        case.wait("success", timeout=240)
        assert case.creates() == 1
        assert case.xcom()["n"] == case.n
        assert case.xcom("flyte_run")["name"] == before[case][0]
    # Its identity is in Airflow's state store: cleared, it is a new launch under any release.
    airflow.clear("grace", ended.run_id)
    flyte.approve(ended.launched(2)[1])
    ended.wait("success")
    new = Case(airflow, sandbox, flyte, "deferred")  # and goes on with work of its own
    new.wait("deferred")
    flyte.approve(new.launched()[0])
    new.wait("success")
    assert [case.creates() for case in (deferred, waiting, ended, new)] == [1, 1, 2, 1]
    assert not any(case.aborts() for case in (deferred, waiting, ended, new))
