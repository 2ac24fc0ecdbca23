"""Airflow on Flyte 2, over both transports: what the operators do, in one DAG of a real Airflow."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support.ports import free_ports

sys.path.insert(0, str(Path(__file__).parents[1] / "airflow"))
from airflow_home import AirflowHome

from bridge_core import Client, RunPhase, RunQuery, RunRef
from bridge_core.sandbox import Sandbox

pytestmark = pytest.mark.matrix  # an Airflow of its own, for what every wire is the same to

DAGS = Path(__file__).parent / "dags"
TASK = "pkg.airflow"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as running:
        # Longer than a look after the launch: a run that has ended by then needs no trigger.
        running.stub(TASK, inputs={"n": int, "word": str}, outputs={"rows": 7}, duration=2.0)
        running.stub(f"slow.{TASK}", inputs={"n": int, "word": str}, outputs={"rows": 7}, duration=120.0)
        running.stub(f"bad.{TASK}", inputs={"n": int}, outputs={"rows": 7}, fail_times=99, message="boom!")
        yield running


@pytest.fixture(scope="module")
def home(sandbox, tmp_path_factory):
    root = tmp_path_factory.mktemp("airflow2")
    port, worker, trigger = free_ports(3)
    made = AirflowHome(root, sandbox, dags=DAGS, port=port, ports={"worker": worker, "trigger": trigger})
    made.env |= {"FLYTE2_TASK": TASK, "FLYTE2_PROJECT": str(Path(__file__).parent / "project")}
    made.migrate()
    return made


@pytest.fixture(scope="module", params=["grpc", "connect"])
def transport(request):
    return request.param


@pytest.fixture(scope="module")
def dags_test(home, sandbox, transport):
    """Runs one DAG to its end; gives what Airflow printed."""
    host, _, port = sandbox.flyte2_endpoint.partition(":")
    extra = {
        "insecure": True, "project": "flytesnacks", "domain": "development", "flyte_version": 2, "transport": transport,
        "console_endpoint": sandbox.console_url,
    }  # fmt: skip
    connection = {"conn_type": "flyte", "host": host, "port": int(port), "extra": extra}

    def run(dag, *, fails=False):
        return home.airflow(
            "dags", "test", dag, f"2026-03-0{1 if transport == 'grpc' else 2}",
            env={
                "AIRFLOW_CONN_FLYTE_DEFAULT": json.dumps(connection),
                "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
                "AIRFLOW__FLYTE__SYNC_GRACE": "0",
                "AIRFLOW__FLYTE__FIRST_EVENT_FLOOR": "0.5",
            },
            fails=fails,
        )  # fmt: skip

    return run


@pytest.fixture(scope="module")
def tested(dags_test):
    """What the DAG printed; one of its tasks is meant to fail."""
    return dags_test("flyte2", fails=True)


def states(home, dag="flyte2"):
    rows = home.query(f"select task_id, state, run_id from task_instance where dag_id = '{dag}'")
    newest = max(run for _, _, run in rows)
    return {task: state for task, state, run in rows if run == newest}


def test_each_way_to_wait_ends_well_and_the_failed_run_fails_its_task(tested, home):
    assert states(home) == {
        "worker": "success", "deferred": "success", "begun": "success", "bad": "failed",
    }, tested[-4000:]  # fmt: skip
    assert "boom!" in tested
    assert "DEFERRED" in tested


def test_outputs_are_xcoms(tested, home):
    assert home.xcom("flyte2", "worker") == {"rows": 7}
    assert home.xcom("flyte2", "deferred") == {"rows": 7}


def test_each_task_launched_one_run_that_says_who_launched_it(tested, home, sandbox, transport):
    run = home.xcom("flyte2", "worker", "flyte_run")
    with Client(sandbox.config(flyte_version=2, transport=transport)) as client:
        snapshot = client.describe("/".join((run["project"], run["domain"], run["name"])))
        assert snapshot.phase is RunPhase.SUCCEEDED
        assert snapshot.provenance.source == "airflow"
        assert (snapshot.provenance.job, snapshot.provenance.task) == ("flyte2", "worker")
        labels = {snapshot.provenance.ORIGIN_LABEL: snapshot.provenance.origin}
        assert len(list(client.list_runs(query=RunQuery(labels=labels)))) == 1
        assert client.inputs(snapshot.ref)["word"] == snapshot.provenance.run
    assert run["name"] in home.xcom("flyte2", "worker", "flyte_console_url")


def test_every_other_verb(dags_test, home, sandbox, transport):
    printed = dags_test("flyte2_verbs")
    found = states(home, "flyte2_verbs")
    assert set(found.values()) == {"success"}, printed[-4000:]
    assert len(found) == 10
    with Client(sandbox.config(flyte_version=2, transport=transport)) as client:
        gated = RunRef.from_dict(home.xcom("flyte2_verbs", "gated", "flyte_run"))
        assert client.outputs(gated) == {"o0": 5}
        assert client.describe(gated).entity.version == home.xcom("flyte2_verbs", "register", "version")
        slow = RunRef.from_dict(home.xcom("flyte2_verbs", "slow", "flyte_run"))
        assert client.wait(slow, timeout=30).phase is RunPhase.ABORTED
        fires, no_more = (home.xcom("flyte2_verbs", task) for task in ("fires", "fires_no_more"))
        (trigger,) = [item for item in client.list_triggers() if item.name == fires["name"]]
    assert (fires["active"], no_more["active"], trigger.active) == (True, False, False)
    assert home.xcom("flyte2_verbs", "decorated") == {"rows": 7}
