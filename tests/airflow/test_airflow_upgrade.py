"""A task that one release deferred, or whose worker died, under Airflow processes of the other release: ``make test-upgrade``."""

from __future__ import annotations

import os
import signal

import pytest
from airflow_case import Case
from airflow_home import AirflowHome
from airflow_stack import COMPONENTS, AirflowStack
from support.ports import free_ports
from support.releases import both

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
def stack(request, sandbox, tmp_path_factory):
    """A running Airflow of the first release, and the second release."""
    first, second = both() if request.param == "upgrade" else both()[::-1]
    port, worker, trigger = free_ports(3)
    dags = tmp_path_factory.mktemp("dags")
    (dags / "both_releases.py").write_text(DAG_FILE)
    home = AirflowHome(
        tmp_path_factory.mktemp(request.param),
        sandbox,
        dags=dags,
        port=port,
        ports={"worker": worker, "trigger": trigger},
    )
    tests = home.env["PYTHONPATH"]
    home.env["PYTHONPATH"] = os.pathsep.join((str(first.path), tests))
    home.migrate()
    where = home.python("import airflow_provider; print(airflow_provider.__file__)")
    assert where.startswith(str(first.path))
    with AirflowStack(home) as running:
        yield running, os.pathsep.join((str(second.path), tests))


def test_what_one_deferred_or_waited_for_the_other_finishes(stack, sandbox, flyte):
    airflow, path = stack
    deferred, waiting = (Case(airflow, sandbox, flyte, dag_id) for dag_id in ("deferred", "waiting"))
    deferred.wait("deferred")
    for case in (deferred, waiting):
        case.launched()
    for name in ("triggerer", "scheduler", "dag-processor", "api-server"):
        with airflow.without(name, signal.SIGKILL, env={"PYTHONPATH": path}):
            pass
    assert set(COMPONENTS) == {"triggerer", "scheduler", "dag-processor", "api-server"}
    for case in (deferred, waiting):
        flyte.approve(case.launched()[0])
        case.wait("success", timeout=240)
        assert case.creates() == 1
        assert not case.aborts()
        assert case.xcom()["n"] == case.n
    new = Case(airflow, sandbox, flyte, "deferred")  # and goes on with work of its own
    new.wait("deferred")
    flyte.approve(new.launched()[0])
    new.wait("success")
    assert new.creates() == 1
