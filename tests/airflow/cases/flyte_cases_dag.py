"""One task per way to fail or succeed that needs no scheduler; independent of each other, run by `airflow dags test`."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator
from bridge_core import EntityRef, RunOptions

GOOD = {"n": 1, "at": "here"}

with DAG("cases", schedule=None, default_args={"retries": 1, "retry_delay": timedelta(0)}):
    # Refused: nothing is launched, nothing is retried.
    FlyteRunOperator(task_id="unknown_entity", entity="tests.nowhere", inputs=GOOD)
    FlyteRunOperator(task_id="malformed_entity", entity="launchplan:tests.quick", inputs=GOOD)
    FlyteRunOperator(task_id="two_versions", entity="tests.quick@v1", version="v2", inputs=GOOD)
    FlyteRunOperator(task_id="unknown_input", entity="tests.quick", inputs={**GOOD, "m": 1})
    FlyteRunOperator(task_id="missing_input", entity="tests.quick", inputs={"n": 1})
    FlyteRunOperator(task_id="wrong_type", entity="tests.quick", inputs={"n": "one", "at": "here"})
    FlyteRunOperator(task_id="inputs_are_text", entity="tests.quick", inputs="{{ dag_run.conf }}")
    FlyteRunOperator(task_id="bad_patience", entity="tests.quick", inputs=GOOD, timeout="2h")
    FlyteRunOperator(task_id="bad_interval", entity="tests.quick", inputs=GOOD, poll_interval=-1)
    FlyteRunOperator(task_id="unknown_option", entity="tests.quick", inputs=GOOD, options={"lables": {}})
    FlyteRunOperator(task_id="unsupported_option", entity="tests.quick", inputs=GOOD, options={"queue": "fast"})
    FlyteRunOperator(task_id="unknown_key", entity="tests.quick", inputs=GOOD, flyte_conn_id="flyte_typo")
    FlyteRunOperator(task_id="malformed_yaml", entity="tests.quick", inputs=GOOD, flyte_conn_id="flyte_yaml")
    FlyteRunOperator(task_id="placeless", entity="tests.quick", inputs=GOOD, flyte_conn_id="flyte_placeless")
    FlyteRunOperator(
        task_id="nothing_pushed", entity="tests.quick", inputs={"n": "{{ ti.xcom_pull('nobody') }}", "at": None}
    )
    FlyteRunOperator(task_id="text_of_a_dict", entity="tests.quick", inputs={"n": "{{ {'a': 1} }}", "at": "here"})
    FlyteRunOperator(task_id="no_connection", entity="tests.quick", inputs=GOOD, flyte_conn_id="flyte_nowhere")
    FlyteRunOperator(task_id="bad_outputs", entity="tests.quick", inputs=GOOD, outputs="n")
    FlyteRunOperator(task_id="number_for_version", entity="tests.quick", inputs=GOOD, version=1.10)
    # Retried: it may pass.
    FlyteRunOperator(task_id="unreachable", entity="tests.quick", inputs=GOOD, flyte_conn_id="flyte_closed")
    # Ended by Airflow: the run is aborted; once per try.
    FlyteRunOperator(
        task_id="execution_timeout",
        entity="tests.held",
        inputs={"n": 101, "at": "here"},
        execution_timeout=timedelta(seconds=1),
    )
    FlyteRunOperator(task_id="timeout", entity="tests.held", inputs={"n": 102, "at": "here"}, timeout=1, retries=0)
    # Fine.
    FlyteRunOperator.partial(task_id="mapped", entity="tests.quick").expand(
        inputs=[{"n": 201, "at": "a"}, {"n": 202, "at": "b"}]
    )
    FlyteRunOperator(
        task_id="not_waiting", entity="tests.held", inputs={"n": 203, "at": "here"}, wait_for_completion=False
    )
    FlyteRunOperator(
        task_id="references",
        entity=EntityRef.launch_plan("tests.quick"),
        inputs=GOOD,
        options=RunOptions(labels={"a": "b"}),
    )
    # What JSON has no form for goes from task to task as it is.
    untyped = FlyteRunOperator(task_id="untyped", entity="tests.untyped", inputs={"at": "untyped"})
    FlyteRunOperator(task_id="untyped_on", entity="tests.untyped", inputs=untyped.output)
    FlyteRunOperator(
        task_id="no_outputs", entity="tests.quick", inputs={"n": 1, "at": "no outputs"}, do_xcom_push=False
    )
    FlyteRunOperator(task_id="one_output", entity="tests.quick", inputs=GOOD, outputs=["n"])
    # More than an XCom should hold twice, and more than one may hold at all.
    big = FlyteRunOperator(task_id="big", entity="tests.quick", inputs={"n": 1, "at": "x" * 300_000})
    FlyteRunOperator(task_id="big_on", entity="tests.quick", inputs=big.output)
    huge = FlyteRunOperator(task_id="huge", entity="tests.quick", inputs={"n": 1, "at": "x" * 2_000_000})
    FlyteRunOperator(task_id="huge_on", entity="tests.quick", inputs={"n": 1, "at": huge.output["at"]})
    FlyteRunOperator(task_id="workflow", entity="workflow:tests.quick@latest", inputs=GOOD, project="flytesnacks")
