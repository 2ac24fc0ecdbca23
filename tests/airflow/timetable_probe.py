"""Run by test_airflow_timetable.py in a process of its own, with Airflow's code and an Airflow home."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pendulum
from airflow import plugins_manager
from airflow.serialization import serialized_objects
from airflow.timetables.base import DataInterval, TimeRestriction

from airflow_provider.timetables.flyte import FlyteTriggerTimetable, dag_from_trigger
from bridge_core import Cron, FixedRate, InvalidRequest, Trigger, TriggerTime

NIGHTLY = Cron("30 2 * * *", timezone="Europe/Berlin")
START = pendulum.datetime(2024, 3, 29, tz="UTC")
out = {}


def registered():
    if hasattr(plugins_manager, "get_timetables_plugins"):
        return plugins_manager.get_timetables_plugins()
    plugins_manager.initialize_timetables_plugins()  # before Airflow 3.2
    return plugins_manager.timetable_classes


out["registered"] = "airflow_provider.timetables.flyte.FlyteTriggerTimetable" in registered()


def follow(timetable, count, *, catchup=True, earliest=START, latest=None, last=None):
    ticks = []
    for _ in range(count):
        info = timetable.next_dagrun_info(
            last_automated_data_interval=last, restriction=TimeRestriction(earliest, latest, catchup)
        )
        if info is None:
            break
        last = info.data_interval
        ticks.append([item.isoformat() for item in (info.data_interval.start, info.data_interval.end, info.run_after)])
    return ticks


# 31 March has no 02:30 in Berlin.
out["exact"] = follow(FlyteTriggerTimetable(NIGHTLY), 4)
out["intervals"] = follow(FlyteTriggerTimetable(NIGHTLY, data_intervals=True), 3)
out["latest"] = follow(FlyteTriggerTimetable(NIGHTLY), 9, latest=START.add(days=2))
out["rate"] = follow(FlyteTriggerTimetable(FixedRate(90)), 3)
out["every"] = follow(FlyteTriggerTimetable(Cron("@every 36h")), 3)
on_start = FlyteTriggerTimetable(Cron("0 0 * * *"))
out["on_start"] = follow(on_start, 1)
now = datetime.now(UTC)
(fresh,) = follow(FlyteTriggerTimetable(Cron("@hourly")), 1, catchup=False)
out["fresh"] = now < datetime.fromisoformat(fresh[0]) <= now + timedelta(hours=1, minutes=1)
old = DataInterval.exact(START)
missed = follow(FlyteTriggerTimetable(Cron("@hourly")), 2, catchup=False, last=old)
out["missed"] = [
    now - timedelta(hours=1, minutes=1) < datetime.fromisoformat(missed[0][0]) <= now + timedelta(minutes=1),
    datetime.fromisoformat(missed[1][0]) - datetime.fromisoformat(missed[0][0]) == timedelta(hours=1),
]
out["kinds"] = []
for schedule in (NIGHTLY, FixedRate(15, start_time=datetime(2026, 1, 1, tzinfo=UTC)), Cron("@every 5m")):
    for intervals in (False, True):
        timetable = FlyteTriggerTimetable(schedule, data_intervals=intervals)
        again = FlyteTriggerTimetable.deserialize(json.loads(json.dumps(timetable.serialize())))
        out["kinds"].append(again == timetable and again.description == schedule.describe())

trigger = Trigger(
    "nightly", entity="pkg.report", automation=NIGHTLY, inputs={"day": TriggerTime, "n": 3}, labels={"a": "b"}
)
dag = dag_from_trigger(trigger, start_date=START, catchup=True)
names = ("DagSerialization", "SerializedDAG")  # the second before Airflow 3.2
serialization = next(getattr(serialized_objects, name) for name in names if hasattr(serialized_objects, name))
stored = serialization.from_dict(json.loads(json.dumps(serialization.to_dict(dag))))
out["dag"] = [
    stored.dag_id,
    stored.timetable == FlyteTriggerTimetable(NIGHTLY),
    stored.timetable.description,
    stored.timetable.summary,
    stored.catchup,
    dag.get_task("run").inputs,
]
manual = FlyteTriggerTimetable(NIGHTLY, data_intervals=True).infer_manual_data_interval(run_after=START)
out["manual"] = [manual.start.isoformat(), manual.end.isoformat()]
try:
    FlyteTriggerTimetable(Trigger("t", entity="pkg.wf"))
except InvalidRequest as error:
    out["refused"] = str(error)
print(json.dumps(out))
