"""The other verbs and Airflow's own ways to compose tasks, each once; run by `airflow dags test`."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, task, task_group

from airflow_provider.notifications.flyte import FlyteRunsNotifier
from airflow_provider.operators.flyte import (
    FlyteAbortOperator,
    FlyteDeployTriggerOperator,
    FlyteRunOperator,
    FlyteSignalOperator,
)
from airflow_provider.sensors.flyte import FlyteRunSensor
from bridge_core import Cron, Trigger

with DAG("verbs", schedule=None, default_args={"retries": 1, "retry_delay": timedelta(0)}):
    # A function gives the inputs.
    @task.flyte(entity="tests.quick")
    def decorated(n, dag_run=None):
        """Takes XComs and Airflow's context."""
        return {"n": n, "at": dag_run.dag_id}

    @task
    def number():
        """An XCom."""
        return 401

    @task
    def read(outputs, n):
        """What the run gave out."""
        return [outputs, n]

    given = decorated(number())
    read(given, given["n"])
    decorated.override(task_id="decorated_deferred", deferrable=True, sync_grace=0, first_event_floor=0)(402)
    decorated.override(task_id="decorated_mapped").expand(n=[403, 404])

    @task.flyte(entity="tests.quick")
    def no_mapping():
        """Refused."""
        return [1]

    no_mapping()

    # Launched by one task, answered by the next, waited for by the last.
    started = FlyteRunOperator(
        task_id="started", entity="tests.held", inputs={"n": 405, "at": "verbs"}, wait_for_completion=False
    )
    answered = FlyteSignalOperator(
        task_id="answered", run=started.output["flyte_run"], signal_id="go", value="{{ 'true' }}"
    )
    answered >> FlyteRunSensor(task_id="sensed", run=started.output["flyte_run"], poke_interval=0.2)
    FlyteSignalOperator(
        task_id="no_gate", run=started.output["flyte_run"], signal_id="nobody", gate_timeout=0.5, retries=0
    )

    # A run that lives as long as the work that needs it, although that fails.
    up = FlyteRunOperator(
        task_id="up", entity="tests.held", inputs={"n": 406, "at": "verbs"}, wait_for_completion=False
    ).as_setup()
    down = FlyteAbortOperator(task_id="down", run=up.output["flyte_run"], reason="{{ dag_run.dag_id }} is done with it")

    @task(retries=0)
    def work():
        """Fails."""
        raise ValueError("it failed")

    up >> work() >> down.as_teardown(setups=up)
    FlyteAbortOperator(task_id="nothing_to_abort", run="{{ ti.xcom_pull('nobody') }}", missing_ok=True)
    FlyteAbortOperator(task_id="nobody_to_abort", run="flytesnacks/development/nobody")

    # A task that fails and leaves its run behind ends it in its callback.
    @task(
        retries=0,
        on_failure_callback=FlyteRunsNotifier(run="{{ ti.xcom_pull('left', key='flyte_run') }}", reason="it failed"),
    )
    def broken():
        """Fails."""
        raise ValueError("it failed")

    left = FlyteRunOperator(
        task_id="left", entity="tests.held", inputs={"n": 410, "at": "verbs"}, wait_for_completion=False
    )
    left >> broken()

    # One run per item of a mapped group, named on its page.
    @task_group
    def group(n):
        """Two tasks each."""
        first = FlyteRunOperator(
            task_id="first",
            entity="tests.quick",
            inputs={"n": n, "at": "group"},
            map_index_template="number {{ task.inputs['n'] }}",
        )
        FlyteRunOperator(task_id="second", entity="tests.quick", inputs=first.output)

    group.expand(n=[407, 408])
    failed = FlyteRunOperator(task_id="failed", entity="tests.nowhere", inputs={})
    failed >> FlyteRunOperator(
        task_id="after_all", entity="tests.quick", inputs={"n": 409, "at": "verbs"}, trigger_rule="all_done"
    )

    # A schedule is handed to Flyte, changed, and stopped.
    yearly = {"name": "verbs.{{ dag.dag_id }}", "entity": "tests.quick", "cron": "0 3 1 1 *"}
    fires = FlyteDeployTriggerOperator(task_id="fires", trigger={**yearly, "inputs": {"n": 411, "at": "first"}})
    again = FlyteDeployTriggerOperator(task_id="fires_still", trigger={**yearly, "inputs": {"n": 411, "at": "first"}})
    stopped = Trigger("verbs.verbs", Cron("0 3 1 1 *"), inputs={"n": 411, "at": "second"}, entity="tests.quick")
    fires >> again >> FlyteDeployTriggerOperator(task_id="fires_no_more", trigger=stopped, active=False)
    FlyteDeployTriggerOperator(task_id="fires_never", trigger={**yearly, "inputs": {"n": "many", "at": "first"}})
