"""DAG runs as Flyte tasks: a real Airflow, and the embedded Flyte that asks through the real service."""

from __future__ import annotations

import threading
import time
from urllib.parse import urlsplit

import pytest

from airflow_provider.connectors.airflow import AirflowDagConnector, AirflowDagRun
from bridge_core import (
    Client,
    ConnectorTask,
    InvalidRequest,
    LaunchRequest,
    NotFound,
    RunFailed,
    RunPhase,
    Unauthenticated,
    Unavailable,
)
from bridge_core.connector import ConnectorServer, TaskPhase, run_connector_task
from bridge_core.testing import check_connector

pytestmark = pytest.mark.long  # a whole stack of its own, minutes long


@pytest.fixture
def connector(airflow, monkeypatch):
    monkeypatch.setenv("_FSEC_AIRFLOW_TOKEN", airflow.token())
    made = AirflowDagConnector(f"http://127.0.0.1:{airflow.home.port}", auth="token")
    yield made
    made.close()


def task(*, custom=None, **outputs):
    return ConnectorTask(
        name="tests.connected",
        task_type="airflow_dag",
        custom={"dag_id": "connected", **(custom or {})},
        inputs={"day": str, "n": int},
        outputs=outputs,
    )


def runs(airflow):
    return airflow.call("GET", "/dags/connected/dagRuns?limit=100")["dag_runs"]


def test_inputs_are_the_conf_and_outputs_are_xcoms(airflow, connector):
    asked = task(custom={"conf": {"extra": 3}, "outputs": {"rows": "count"}}, rows=int, day=str)
    found = run_connector_task(asked, {"day": "2026-11-28", "n": 4}, connector=connector, progress=False)
    assert found == {"rows": 43, "day": "2026-11-28"}


def test_the_rules_of_connectors(airflow, connector):
    check_connector(
        connector,
        task(custom={"outputs": {"rows": "count"}}, rows=int),
        {"day": "x", "n": 0},
        count=lambda: len(runs(airflow)),
        finish=lambda meta: (airflow.home.root / f"{meta.dag_run_id}.go").touch(),
        unknown=AirflowDagRun("connected", "flyte__nobody"),
        timeout=100,
    )


def test_a_failure_says_where_and_may_be_tried_again(airflow, connector):
    with pytest.raises(RunFailed, match=r"RETRYABLE_FAILED: DAG run flyte__.* of connected failed in count"):
        run_connector_task(task(), {"day": "x", "n": -1}, connector=connector, progress=False)


def test_an_output_that_no_task_pushed_is_a_failure(airflow, connector):
    with pytest.raises(RunFailed, match="without output 'other': wanted an XCom 'other', and no task pushed one"):
        run_connector_task(task(other=int), {"day": "x", "n": 1}, connector=connector, progress=False)


def test_settings_that_cannot_be(airflow, connector, monkeypatch):
    for custom, error, text in (
        ({"dag_id": "nowhere"}, NotFound, "has no DAG 'nowhere'"),
        ({"dag_id": ""}, InvalidRequest, "must name the DAG"),
        ({"dagid": "x"}, InvalidRequest, "dagid, which airflow_dag does not know"),
        ({"outputs": {"rows": "count"}}, InvalidRequest, "names rows, which the task does not declare"),
    ):
        with pytest.raises(error, match=text):
            run_connector_task(task(custom=custom), {"day": "x", "n": 1}, connector=connector, progress=False)
    monkeypatch.setenv("_FSEC_AIRFLOW_TOKEN", "stale-token")
    with pytest.raises(Unauthenticated, match="refused GET"):
        connector.get(AirflowDagRun("connected", "x"))
    away = AirflowDagConnector("http://127.0.0.1:9", auth="token")
    with pytest.raises(Unavailable, match="could not be asked"):
        away.get(AirflowDagRun("connected", "x"))
    away.close()


def test_a_paused_dag_says_so(airflow, connector):
    airflow.call("PATCH", "/dags/connected", is_paused=True)
    try:
        failure: list[BaseException] = []

        def run():
            try:
                run_connector_task(task(), {"day": "x", "n": 1}, connector=connector, progress=False, timeout=3)
            except RunFailed as error:
                failure.append(error)
            except Exception as error:  # noqa: BLE001 - looked at below
                failure.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert "and was deleted" in str(failure[0])
        assert "is paused in Airflow" in failure[0].resource.message
    finally:
        airflow.call("PATCH", "/dags/connected", is_paused=False)


@pytest.mark.parametrize("flyte_version", [1, 2])
def test_from_flyte_with_outputs_and_an_abort(airflow, connector, sandbox, flyte_version):
    asked = task(custom={"outputs": {"rows": "count"}}, rows=int)
    config = sandbox.config(flyte_version=flyte_version)
    with ConnectorServer(connectors=[connector], grace=1.0) as server, Client(config) as flyte:
        sandbox.connectors.add(server.endpoint)
        try:
            (entity,) = flyte.register([asked]).entities
            ref = flyte.launch(LaunchRequest(entity.ref, inputs={"day": "x", "n": 3}))
            flyte.wait(ref, timeout=100).raise_for_phase()
            assert flyte.outputs(ref)["rows"] == 30
            (link,) = flyte.logs(ref)
            assert urlsplit(link.uri).path.startswith("/dags/connected/runs/flyte__")
            before = {run["dag_run_id"] for run in runs(airflow)}
            held = flyte.launch(LaunchRequest(entity.ref, inputs={"day": "x", "n": 0}))
            (run_id,) = until(lambda: [r["dag_run_id"] for r in runs(airflow) if r["dag_run_id"] not in before])
            until(lambda: airflow.call("GET", f"/dags/connected/dagRuns/{run_id}")["state"] == "running")
            flyte.abort(held, reason="enough")
            path = f"/dags/connected/dagRuns/{run_id}"
            until(
                lambda: airflow.call("GET", path)["state"] == "failed",
                lambda: (
                    f"{airflow.call('GET', path)} {airflow.call('GET', f'{path}/taskInstances')} {server.metrics()}"
                ),
            )
            assert flyte.wait(held).phase is RunPhase.ABORTED
            assert connector.get(AirflowDagRun("connected", run_id)).phase is TaskPhase.ABORTED
        finally:
            sandbox.connectors.clear()


def until(what, told=lambda: "", seconds=60):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"not in time {told()}"
        time.sleep(0.2)
    return found
