"""Ten thousand deferred runs on one triggerer, on PostgreSQL: each end is stored, tasks resume, waiting costs next to nothing.

Prints what it measured, in ten minutes on an idle machine. ``FLYTE_BRIDGE_TEST_MANY`` makes it smaller.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path

import pytest
from airflow_home import ROOT, PostgresHome
from airflow_many import Many
from airflow_stack import AirflowStack
from airflow_waiting import eventually
from support.ports import free_ports
from support.postgres import postgresql

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

COUNT = int(os.environ.get("FLYTE_BRIDGE_TEST_MANY", "10000"))
RESUMED = COUNT // 50
EACH = min(COUNT, 500)
"""Tasks of a DAG run: Airflow's triggerer reads the stored DAG for each trigger, and a list to map over is part of it."""
STEADY = 60.0


@pytest.fixture(scope="module")
def lookups(tmp_path_factory):
    """Which process looked the connection up, a line each time."""
    file = tmp_path_factory.mktemp("lookups") / "lines"
    file.touch()
    return file


@pytest.fixture(scope="module")
def home(sandbox, lookups, tmp_path_factory):
    port, worker, trigger = free_ports(3)
    settings = {
        "AIRFLOW__FLYTE__SWEEP_INTERVAL": 60,  # as it is by default: here all of it is measured
        "AIRFLOW__TRIGGERER__CAPACITY": COUNT + 100,
        "AIRFLOW__SECRETS__BACKEND": "counting_secrets.Counting",
        "FLYTE_BRIDGE_TEST_LOOKUPS": lookups,
        "FLYTE_BRIDGE_TEST_MANY": EACH,
        "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}",
    }
    with postgresql() as url:
        root, dags = tmp_path_factory.mktemp("scale"), tmp_path_factory.mktemp("dags")
        shutil.copy(Path(__file__).parent / "dags" / "flyte_stack_dags.py", dags)  # without those that watch assets
        ports = {"worker": worker, "trigger": trigger}
        home = PostgresHome(root, sandbox, dags=dags, port=port, ports=ports, settings=settings, url=url)
        del home.env["AIRFLOW_CONN_FLYTE_DEFAULT"]  # stored: a variable would be found without being asked for
        home.migrate()
        yield home
        home.close()


@pytest.fixture(scope="module")
def airflow(home, sandbox):
    with AirflowStack(home) as stack:
        stack.connect("flyte_default", sandbox)
        yield stack


def count(home, what):
    ((number,),) = home.query(f"select count(*) from {what}")
    return number


def asked(sandbox, since):
    """Names of the runs that were asked about since that many questions, and how many calls that took; old ones are forgotten."""
    calls = sandbox.calls.of("ListExecutions")[-max(1, sandbox.calls.count("ListExecutions") - since) :]
    return {name for call in calls for name in re.findall(r"[a-z][a-z0-9-]+", call.request.filters)}, len(calls)


def waiting_costs(airflow):
    """What the triggerer's processes take while nothing happens."""
    processes = airflow.members("triggerer")
    before = [sum(one.cpu_times()[:2]) for one in processes]
    time.sleep(STEADY)
    after = [sum(one.cpu_times()[:2]) for one in processes]
    return {
        "runs": COUNT,
        "cpu_percent_of_a_core": [round(100 * (b - a) / STEADY, 1) for a, b in zip(before, after, strict=True)],
        "rss_mb": [one.memory_info().rss // 2**20 for one in processes],
        "open_files": [one.num_fds() for one in processes],
    }


@pytest.fixture
def say(capsys):
    def say(figures):
        with capsys.disabled():
            print(json.dumps(figures), flush=True)

    return say


@pytest.fixture
def case(airflow, home, sandbox):
    return Many(airflow, home, sandbox, COUNT, dag_id="scale", each=EACH)


def test_ten_thousand_deferred_runs(case, flyte, lookups, say):
    airflow, home, sandbox = case.airflow, case.home, case.sandbox
    since = sandbox.calls.count("ListExecutions")
    case.defer()
    deferred = time.monotonic()
    eventually(lambda: set(case.names) <= asked(sandbox, since)[0], 600, explain=airflow.logs)
    waited_for = time.monotonic()

    time.sleep(15)  # until starting is over
    since = sandbox.calls.count("ListExecutions")
    figures = waiting_costs(airflow)
    names, questions = asked(sandbox, since)
    assert set(case.names) <= names, "all were asked about meanwhile"
    # Where triggers run; its parent is asked by it, and looks for the sweep once a minute.
    triggerer = {one.pid for one in airflow.members("triggerer")[1:]}
    looked_up = [line for line in lookups.read_text().splitlines() if int(line.split()[1]) in triggerer]
    figures |= {
        "all_waited_for_s_after_their_rows": round(waited_for - deferred),
        "questions_a_minute": round(60 * questions / STEADY),
        "lookups": len(looked_up),
    }
    say(figures)  # what comes now takes long
    assert len(looked_up) == 1, looked_up

    resumed = time.monotonic()
    airflow.call("PATCH", "/dags/scale", is_paused=False)
    for name in case.names[:RESUMED]:
        flyte.approve(name)
    wanted = "task_instance where dag_id = 'scale' and state = 'success'"
    eventually(lambda: count(home, wanted) == RESUMED, 1500, explain=airflow.logs)
    airflow.call("PATCH", "/dags/scale", is_paused=True)  # what ends now is stored, and goes no further
    figures["resumed"], figures["resumed_within_s"] = RESUMED, round(time.monotonic() - resumed)

    ending = time.monotonic()
    for name in case.names[RESUMED:]:
        flyte.approve(name)
    figures["ending_s"] = round(time.monotonic() - ending)
    eventually(lambda: count(home, "trigger") == 0, 900, explain=airflow.logs)
    figures["events_stored_s_after_that"] = round(time.monotonic() - ending - figures["ending_s"])
    stored = "task_instance where dag_id = 'scale' and state <> 'success' and next_kwargs::text like '%SUCCEEDED%'"
    assert count(home, stored) == COUNT - RESUMED
    assert not case.aborts()
    say(figures)


def test_what_as_many_triggers_cost_that_do_nothing(airflow, home, sandbox, tmp_path, say):
    """The floor: Airflow looks through all its triggers each second, whatever they are."""
    begun = tmp_path / "begun"
    begun.touch()
    case = Many(airflow, home, sandbox, COUNT, dag_id="scale", each=EACH, launched=False)
    home.env["FLYTE_BRIDGE_TEST_IDLE"] = str(begun)
    case.defer()
    eventually(lambda: begun.stat().st_size >= COUNT, 600, explain=airflow.logs)
    time.sleep(15)
    say({"idle": True, **waiting_costs(airflow)})
