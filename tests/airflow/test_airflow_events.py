"""Runs that end start DAGs: none is lost and none comes twice, whatever happens to the triggerer meanwhile."""

from __future__ import annotations

import json
import signal
from collections import Counter

import pytest
from airflow_case import numbers
from airflow_waiting import eventually

from bridge_core import Client, LaunchRequest


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
    rows = airflow.home.query("select value from asset_state_store where key like 'flyte_watch_%'")
    return json.loads(rows[0][0]) if rows else None


def events(airflow):
    """Run -> how often it was an event."""
    rows = airflow.home.query("select extra from asset_event")
    told = [json.loads(extra) if isinstance(extra, str) else extra for (extra,) in rows]
    return Counter(extra["payload"]["run"]["name"] for extra in told if "payload" in extra)


def each_came_once(airflow, names):
    eventually(lambda: set(names) <= set(events(airflow)), 90, explain=lambda: f"{events(airflow)}\n{airflow.logs()}")
    found = events(airflow)
    assert {name: found[name] for name in names} == dict.fromkeys(names, 1)


def test_each_run_that_ends_well_is_one_event(airflow, watched):
    good, bad, other = watched(3), watched(1, well=False), watched(1, entity="tests.held")
    each_came_once(airflow, good)
    again = watched(1)
    each_came_once(airflow, again)
    assert not set(events(airflow)) & {*bad, *other}


def test_a_dag_that_the_event_starts_is_told_which_run(airflow, watched):
    (name,) = watched(1)

    def told():
        runs = airflow.call("GET", "/dags/on_event/dagRuns")["dag_runs"]
        return [
            run for run in runs if run["state"] == "success" and name in airflow.xcom("on_event", run["dag_run_id"])
        ]

    eventually(told, 90, explain=airflow.logs)


@pytest.mark.parametrize("number", [signal.SIGKILL, pytest.param(signal.SIGTERM, marks=pytest.mark.long)])
def test_what_ends_while_the_triggerer_is_down_is_reported_when_it_is_back(airflow, watched, number):
    before = watched(2)
    with airflow.without("triggerer", number):
        meanwhile = watched(2)
    after = watched(2)
    each_came_once(airflow, [*before, *meanwhile, *after])


def test_what_was_reported_is_stored_with_the_event(airflow, watched):
    names = watched(5)
    each_came_once(airflow, names)
    assert {f"flytesnacks/development/{name}" for name in names} <= set(watch_of(airflow)["seen"])
    log = (airflow.home.root / "component-logs" / "triggerer").read_text()
    assert "is the plugin" not in log, "by Airflow's side, not by the trigger afterwards"


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
