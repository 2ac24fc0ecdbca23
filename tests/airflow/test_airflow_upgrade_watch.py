"""Sensors, and watches for runs that end, begun under one release and gone on with under the other: ``make test-upgrade``."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from airflow_case import Case, numbers
from airflow_releases import running
from airflow_waiting import eventually

from bridge_core import Client, LaunchRequest

DAG_FILE = """
from airflow.sdk import DAG, Asset, AssetWatcher, task
from airflow_provider.sensors.flyte import FlyteRunSensor
from airflow_provider.triggers.flyte import FlyteRunEventTrigger

with DAG("sense", schedule=None):
    FlyteRunSensor(task_id="run", run="{{ dag_run.conf['run'] }}", poke_interval=1, timeout=600, deferrable=True)

watcher = AssetWatcher(name="ended", trigger=FlyteRunEventTrigger(entity="tests.watched", poll_interval=1))
watched = Asset("watched", watchers=[watcher])

with DAG("on_event", schedule=[watched]):

    @task(task_id="run")
    def names(triggering_asset_events=None):
        return [event.extra["payload"]["run"]["name"] for event in triggering_asset_events[watched]]

    names()
"""

pytestmark = [pytest.mark.upgrade, pytest.mark.timeout(600)]


@pytest.fixture(params=["upgrade", "rollback"])
def releases(request, sandbox, tmp_path):
    dag_ids = {"sense", "on_event"}
    with running(request.param, tmp_path, sandbox, dag_file=DAG_FILE, dag_ids=dag_ids, newest=True) as found:
        yield found


@pytest.fixture
def launch(sandbox):
    with Client(sandbox.config()) as client:
        yield lambda entity: client.launch(
            LaunchRequest(
                f"launch_plan:flytesnacks/development/{entity}", inputs={"n": next(numbers), "at": "two releases"}
            )
        )


def reported(airflow):
    """Run -> how often it was an event of the asset."""
    rows = airflow.home.query("select extra from asset_event")
    told = [json.loads(extra) if isinstance(extra, str) else extra for (extra,) in rows]
    return Counter(extra["payload"]["run"]["name"] for extra in told if "payload" in extra)


def test_no_end_is_lost_or_told_twice_and_a_sensor_goes_on(releases, launch, sandbox, flyte):
    airflow = releases.airflow

    def end(count):
        refs = [launch("tests.watched") for _ in range(count)]
        for ref in refs:
            flyte.approve(ref.name)
        return [ref.name for ref in refs]

    def all_reported(names):
        eventually(lambda: set(names) <= set(reported(airflow)), 90, explain=airflow.logs)

    kept = "select value from asset_state_store where key like 'flyte_watch_%'"
    eventually(lambda: airflow.home.query(kept), 90, explain=airflow.logs)  # the watch has begun
    held = launch("tests.held")
    sensing = Case(airflow, sandbox, flyte, "sense", run=str(held))
    sensing.wait("deferred")
    before = end(3)
    all_reported(before)
    releases.turn_over()
    after = end(3)
    all_reported(after)
    flyte.approve(held.name)
    sensing.wait("success", timeout=240, try_number=1)
    assert sensing.xcom("flyte_run") == held.to_dict()
    assert {name: reported(airflow)[name] for name in (*before, *after)} == dict.fromkeys((*before, *after), 1)
    assert not [call for call in sandbox.calls.of("TerminateExecution") if call.request.id.name == held.name]
