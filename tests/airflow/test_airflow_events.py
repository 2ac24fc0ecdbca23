"""Runs that end start DAGs: none is lost and none comes twice, whatever happens to the triggerer meanwhile."""

from __future__ import annotations

import json
import signal
from collections import Counter

import pytest
from airflow_case import numbers
from airflow_home import LINE
from airflow_waiting import eventually

from bridge_core import Client, LaunchRequest

NEEDS_ASSET_STATE = pytest.mark.skipif(LINE < (3, 3), reason="Airflow keeps states of assets since 3.3")


@pytest.fixture(scope="module")
def watched(airflow, flyte, sandbox):
    """Launches runs and ends them; the watch has begun before."""
    eventually(lambda: watch_of(airflow), 90, explain=airflow.logs)
    client = Client(sandbox.config())

    def end(count, *, well=True, entity="tests.watched"):
        refs = client.launch_many(
            [
                LaunchRequest(
                    f"launch_plan:flytesnacks/development/{entity}", inputs={"n": next(numbers), "at": "watched"}
                )
                for _ in range(count)
            ]
        )
        for ref in refs:
            flyte.approve(ref.name, value=well)
        client.wait_many(refs, timeout=100)
        return [ref.name for ref in refs]

    with client:
        yield end


def watch_of(airflow):
    if LINE < (3, 3):
        return airflow.home.query("select key from variable where key like 'flyte_watch_%'")
    ours = "asset_id = (select id from asset where name = 'watched')"  # an example watches, too
    rows = airflow.home.query(f"select value from asset_state_store where key like 'flyte_watch_%' and {ours}")
    return json.loads(rows[0][0]) if rows else None


def events(airflow):
    """Run -> how often it was an event."""
    rows = airflow.home.query("select extra from asset_event")
    told = [json.loads(extra) if isinstance(extra, str) else extra for (extra,) in rows]
    return Counter(extra["payload"]["run"]["name"] for extra in told if "payload" in extra)


def each_came_once(airflow, names):
    eventually(lambda: set(names) <= set(events(airflow)), 90, explain=lambda: f"{events(airflow)}\n{airflow.logs()}")
    found = events(airflow)
    if LINE < (3, 3):  # one may come twice after a crash: docs/versions.md
        return
    assert {name: found[name] for name in names} == dict.fromkeys(names, 1)


def test_each_run_that_ends_well_is_one_event(airflow, watched):
    good, bad, other = watched(3), watched(1, well=False), watched(1, entity="tests.held")
    each_came_once(airflow, good)
    again = watched(1)
    each_came_once(airflow, again)
    assert not set(events(airflow)) & {*bad, *other}


@pytest.mark.matrix  # on SQLite a scheduler that makes a DAG run meanwhile still takes the row that was queued anew
def test_dags_that_events_start_are_told_of_every_run_also_of_many_that_end_at_once(airflow, watched):
    names = watched(4)  # Airflow makes DAG runs of the first event alone when others follow before it has made one

    def told():
        runs = airflow.call("GET", "/dags/on_event/dagRuns?limit=100")["dag_runs"]
        return {
            name for run in runs if run["state"] == "success" for name in airflow.xcom("on_event", run["dag_run_id"])
        }

    eventually(lambda: set(names) <= told(), 90, explain=lambda: f"{set(names) - told()} missing\n{airflow.logs()}")


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_what_ends_while_the_triggerer_is_down_is_reported_when_it_is_back(airflow, watched, number):
    before = watched(2)
    with airflow.without("triggerer", number):
        meanwhile = watched(2)
    after = watched(2)
    each_came_once(airflow, [*before, *meanwhile, *after])


@NEEDS_ASSET_STATE
def test_what_was_reported_is_stored_with_the_event(airflow, watched):
    names = watched(5)
    each_came_once(airflow, names)
    assert {f"flytesnacks/development/{name}" for name in names} <= set(watch_of(airflow)["seen"])
    log = (airflow.home.root / "component-logs" / "triggerer").read_text()
    assert "is the plugin" not in log, "by Airflow's side, not by the trigger afterwards"


@pytest.mark.matrix
def test_a_watch_that_moves_to_another_triggerer_reports_each_end_once(airflow, watched):
    before = watched(2)
    with airflow.another_triggerer():
        with airflow.frozen("triggerer"):  # longer than the 5 s after which this Airflow takes it for dead
            meanwhile = watched(2)
            each_came_once(airflow, [*before, *meanwhile])
        after = watched(2)  # the first one is back
        each_came_once(airflow, [*before, *meanwhile, *after])


@pytest.mark.long
def test_triggerers_that_are_killed_while_events_are_stored(airflow, watched):
    names = []
    for _ in range(12):
        ended = watched(6)
        names += ended
        eventually(lambda ended=ended: set(ended) & set(events(airflow)), 60)  # some of them
        with airflow.without("triggerer", signal.SIGKILL):
            pass
    each_came_once(airflow, names)
