"""DAGs with one sensor each, which waits for a run that the test launches: by its label ``sensed``, or by its name."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG

from airflow_provider.sensors.flyte import FlyteRunSensor

LABELLED = {"entity": "tests.held", "query": {"labels": {"sensed": "n{{ dag_run.conf['n'] }}"}}}
NAMED = {"run": "{{ dag_run.conf['run'] }}"}


def sensing(dag_id, **options):
    with DAG(dag_id, schedule=None):
        FlyteRunSensor(task_id="run", **{"poke_interval": 1, "timeout": 120, "deferrable": False, **options})


sensing("sense_poke", **NAMED)
sensing("sense_reschedule", mode="reschedule", **LABELLED)
sensing("sense_deferred", deferrable=True, if_failed="wait", **LABELLED)
sensing("sense_deferred_run", deferrable=True, soft_fail=True, **NAMED)
sensing("sense_start", deferrable=True, start_from_trigger=True, **LABELLED)
sensing("sense_start_run", deferrable=True, start_from_trigger=True, **NAMED)
sensing("sense_late", deferrable=True, **{**LABELLED, "timeout": 5})
