"""Templates rendered as native objects: Airflow reads what they give as Python."""

from __future__ import annotations

from airflow.sdk import DAG

from airflow_provider.operators.flyte import FlyteRunOperator

GOOD = {"n": 1, "at": "here"}

with DAG("native", schedule=None, render_template_as_native_obj=True):
    FlyteRunOperator(
        task_id="literal",
        entity="tests.released",
        version="1.10",
        inputs={"n": "{{ 3 + 4 }}", "at": "01.10"},
        options={"labels": {"release": "1.10"}},
    )
    FlyteRunOperator(task_id="version", entity="tests.released", version="{{ '1.10' }}", inputs=GOOD)
    FlyteRunOperator(
        task_id="label", entity="tests.released", inputs=GOOD, options={"labels": {"release": "{{ '1.10' }}"}}
    )
    FlyteRunOperator(task_id="input", entity="tests.released", inputs={"n": 1, "at": "{{ '1.10' }}"})
