"""What `airflow dags test` does beside a running Airflow whose triggerer is quick. Run by AirflowHome.script.

`dags test` writes that its task is deferred, and a moment later that it is queued, while it runs the trigger itself. Here the
moment lasts until the running triggerer has taken the trigger.
"""

from __future__ import annotations

import json
import sys
import time

from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.sdk.definitions import dag as definitions
from airflow.utils.session import create_session
from airflow.utils.state import TaskInstanceState

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before Airflow 3.2
    from airflow.models.dagbag import DagBag

run_inline = definitions._run_inline_trigger


def state(ti, value):
    with create_session() as session:
        session.get(TaskInstance, ti.id).state = TaskInstanceState(value)


def is_taken(ti):
    with create_session() as session:
        trigger = session.get(TaskInstance, ti.id).trigger_id
        row = session.get(Trigger, trigger)
        return row is not None and row.triggerer_id is not None


def run_later(trigger, ti):
    state(ti, "deferred")
    while not is_taken(ti):
        time.sleep(0.2)
    time.sleep(3)  # until the runner has it, too
    state(ti, "queued")
    return run_inline(trigger, ti)


definitions._run_inline_trigger = run_later
dag_id, conf = sys.argv[1:]
ended = DagBag().get_dag(dag_id).test(run_conf=json.loads(conf))
print("ended", ended.state)
