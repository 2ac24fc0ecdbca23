"""Airflow at Flyte's times: the timetable as Airflow's scheduler uses it, in a child process with an Airflow home."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def probed(home):
    return json.loads(home.forked(Path(__file__).with_name("timetable_probe.py").read_text()).splitlines()[-1])


def test_airflow_finds_it_through_the_provider(probed):
    assert probed["registered"]


def test_catching_up_follows_flyte_around_a_clock_change(probed):
    ticks = [
        "2024-03-29T01:30:00+00:00",
        "2024-03-30T01:30:00+00:00",
        "2024-04-01T00:30:00+00:00",
        "2024-04-02T00:30:00+00:00",
    ]
    assert probed["exact"] == [[tick, tick, tick] for tick in ticks]
    assert probed["intervals"] == [
        ["2024-03-28T01:30:00+00:00", ticks[0], ticks[0]],
        [ticks[0], ticks[1], ticks[1]],
        [ticks[1], ticks[2], ticks[2]],
    ]
    assert [item[0] for item in probed["latest"]] == ticks[:2]
    assert probed["on_start"][0][0] == "2024-03-29T00:00:00+00:00"


def test_intervals_count_from_the_start_date(probed):
    assert [item[0] for item in probed["rate"]] == [
        "2024-03-29T01:30:00+00:00",
        "2024-03-29T03:00:00+00:00",
        "2024-03-29T04:30:00+00:00",
    ]
    assert [item[0] for item in probed["every"]] == [
        "2024-03-30T12:00:00+00:00",
        "2024-04-01T00:00:00+00:00",
        "2024-04-02T12:00:00+00:00",
    ]


def test_without_catching_up(probed):
    assert probed["fresh"]
    assert probed["missed"] == [True, True]


def test_it_survives_serialisation(probed):
    assert probed["kinds"] == [True] * 6


def test_a_dag_from_a_trigger(probed):
    assert probed["dag"] == [
        "nightly",
        True,
        "at 02:30 every day (Europe/Berlin)",
        "CRON_TZ=Europe/Berlin 30 2 * * *",
        True,
        {"day": "{{ data_interval_end.isoformat() }}", "n": 3},
    ]


def test_a_manual_run_with_intervals_belongs_to_the_last_whole_one(probed):
    assert probed["manual"] == ["2024-03-27T01:30:00+00:00", "2024-03-28T01:30:00+00:00"]


def test_a_trigger_without_a_schedule_is_refused(probed):
    assert "schedule=None" in probed["refused"]
