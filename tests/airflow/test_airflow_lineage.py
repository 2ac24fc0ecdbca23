"""What Airflow's OpenLineage provider sends while tasks run for real: events of a task say which files its run read and made."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from airflow_home import AirflowHome, is_installed
from airflow_stack import AirflowStack
from airflow_waiting import eventually
from support.flyte import FILE, INTEGER
from support.parts import lacking
from support.ports import free_ports

pytestmark = pytest.mark.full  # Airflow's OpenLineage provider
DAGS = """
from airflow.sdk import DAG
from airflow_provider.operators.flyte import FlyteRunOperator
INPUTS = {"n": "{{ dag_run.conf['n'] | int }}", "f": {"flyte_ref": "file", "uri": "s3://raw/rows.csv"}}
for name in ("lineage_waits", "lineage_defers"):
    with DAG(name, schedule=None, render_template_as_native_obj=True) as dag:
        FlyteRunOperator(
            task_id="run", entity="tests.lineage", inputs=INPUTS, deferrable=name == "lineage_defers", sync_grace=0
        )
    globals()[name] = dag
"""
NAMES = frozenset({"lineage_waits", "lineage_defers"})


@pytest.fixture(scope="module")
def events(sandbox, flyte, tmp_path_factory):
    """Runs one DAG to its end in an Airflow that writes its events into a file; gives those of its task."""
    if not is_installed("apache-airflow-providers-openlineage"):
        lacking("apache-airflow-providers-openlineage (pip install --group full)")
    flyte.register("tests.lineage", {"n": INTEGER, "f": FILE})
    root = tmp_path_factory.mktemp("lineage")
    (root / "dags").mkdir()
    (root / "dags" / "lineage_dags.py").write_text(DAGS)
    sent = root / "events"
    port, worker, trigger = free_ports(3)
    transport = json.dumps({"type": "file", "log_file_path": str(sent), "append": True})
    home = AirflowHome(
        root,
        sandbox,
        dags=root / "dags",
        port=port,
        ports={"worker": worker, "trigger": trigger},
        settings={"AIRFLOW__OPENLINEAGE__TRANSPORT": transport, "AIRFLOW__OPENLINEAGE__NAMESPACE": "ours"},
    )
    home.migrate()

    def told(dag_id):
        said = [json.loads(line) for line in sent.read_text().splitlines()] if Path(sent).exists() else []
        return [one for one in said if one["job"]["name"] == f"{dag_id}.run"]

    with AirflowStack(home, dags=NAMES) as airflow:

        def run(dag_id):
            airflow.trigger(dag_id, "once", 7)
            airflow.wait(dag_id, "once", "success")
            eventually(lambda: "COMPLETE" in [one["eventType"] for one in told(dag_id)], explain=airflow.logs)
            return (
                told(dag_id),
                airflow.xcom(dag_id, "once", "flyte_run"),
                airflow.xcom(dag_id, "once", "flyte_console_url"),
            )

        yield run


@pytest.mark.parametrize("dag_id", sorted(NAMES))
def test_the_events_of_a_task_name_its_run_and_the_files_of_it(events, flyte, dag_id):
    told, run, console = events(dag_id)
    assert {one["job"]["namespace"] for one in told} == {"ours"}
    assert told[0]["eventType"] == "START"
    (end,) = [one for one in told if one["eventType"] == "COMPLETE"]
    for side in ("inputs", "outputs"):
        assert [(one["namespace"], one["name"]) for one in end[side]] == [("s3://raw", "rows.csv")]
    query = end["run"]["facets"]["externalQuery"]
    assert (query["externalQueryId"], query["source"]) == (
        "/".join((run["project"], run["domain"], run["name"])),
        console,
    )
    (execution,) = [one for one in flyte.executions() if one.id.name == run["name"]]
    variables = {pair.key: pair.value for pair in execution.spec.envs.values}
    # What the run's own tasks send belongs to this event's run.
    assert variables["OPENLINEAGE_PARENT_ID"] == f"ours/{dag_id}.run/{end['run']['runId']}"
