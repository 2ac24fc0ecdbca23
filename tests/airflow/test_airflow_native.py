"""Templates rendered as native objects: what is a text in the DAG stays one, and what Airflow made of it is named."""

from __future__ import annotations

import pytest
from airflow_case import launched_at
from airflow_home import PATIENCE

pytestmark = pytest.mark.timeout(180 * PATIENCE)


@pytest.fixture(scope="module")
def native_log(home):
    return home.tested("native", fails=True)


def test_a_text_of_the_dag_stays_a_text_under_native_rendering(native_log, home, sandbox):
    rows = dict(home.query("select task_id, state from task_instance where dag_id = 'native'"))
    assert rows["literal"] == "success"
    (request,) = launched_at(sandbox, "01.10")
    assert request.spec.launch_plan.version == "1.10"
    assert request.spec.labels.values["release"] == "1.10"
    assert request.inputs.literals["n"].scalar.primitive.integer == 7


@pytest.mark.parametrize(
    ("task", "what"),
    [
        ("version", "version must be a text, got 1.1 (float)"),
        ("label", "labels['release'] must map text to text, got 1.1"),
        ("input", "inputs.at:"),
    ],
)
def test_a_template_that_airflow_read_as_python_says_so(native_log, home, task, what):
    rows = dict(home.query("select task_id, state from task_instance where dag_id = 'native'"))
    assert rows[task] == "failed"
    assert what in native_log
    assert "render_template_as_native_obj=True" in native_log
    assert "{{ … | tojson }}" in native_log
