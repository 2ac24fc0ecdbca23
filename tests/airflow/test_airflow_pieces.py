"""Pieces of the provider that need Airflow's code but no running Airflow; each in a child process, most in a fork of one."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from airflow_home import LINE, is_installed
from support.parts import lacking
from support.ports import free_ports

HEAVY = ("grpc", "google.protobuf", "flyteidl", "flyteidl2", "flytekit", "wtforms")


def test_parsing_a_dag_imports_nothing_heavy(home):
    code = """
import sys
import airflow.providers.common.compat.sdk
from airflow.providers.common.compat.sdk import DAG
DAG("warm")
from airflow.triggers.base import BaseTrigger
before = set(sys.modules)
import airflow_provider.links
import airflow_provider.operators.flyte
import airflow_provider.triggers.flyte
import airflow_provider.hooks.flyte
import airflow_provider.sensors.flyte
import airflow_provider.decorators.flyte
import airflow_provider.notifications.flyte
from bridge_core import EntityRef, RunOptions
with DAG("d"):
    airflow_provider.operators.flyte.FlyteRunOperator(
        task_id="t", entity=EntityRef.launch_plan("a.b"), options=RunOptions(labels={"a": "b"}), deferrable=True
    )
    airflow_provider.sensors.flyte.FlyteRunSensor(task_id="s", entity="a.b", deferrable=True, start_from_trigger=True)
    airflow_provider.operators.flyte.FlyteAbortOperator(task_id="a", run="p/d/n")
    airflow_provider.decorators.flyte.flyte_task(lambda: {}, entity="a.b", task_id="f")()
from airflow_provider._compat import IS_AIRFLOW_2
IS_AIRFLOW_2 or airflow_provider.triggers.flyte.FlyteRunEventTrigger(entity="a.b").serialize()
airflow_provider.notifications.flyte.FlyteRunsNotifier()
print(*sorted(set(sys.modules) - before), sep="\\n")
"""
    added = home.python(code).split()
    assert "airflow_provider.operators.flyte" in added
    assert not [name for name in added if any(name == heavy or name.startswith(f"{heavy}.") for heavy in HEAVY)]
    assert not {name.partition(".")[0] for name in added} & {
        "fsspec",
        "tenacity",
        "croniter",
        "pendulum",
        "yaml",
        "pandas",
    }


def test_provider_info_is_what_airflow_wants(home):
    code = """
import json, jsonschema, pathlib, airflow
from airflow_provider import get_provider_info
schema = json.loads((pathlib.Path(airflow.__file__).parent / "provider_info.schema.json").read_text())
jsonschema.validate(get_provider_info(), schema)
print(sorted(set(get_provider_info()) - set(schema["properties"])))
"""
    # Airflow 2 passes over what it does not know.
    unknown = [] if LINE >= (3,) else ["asset-uris", "hooks", "integrations", "operators", "sensors"]
    assert home.forked(code).splitlines()[-1] == str(unknown)


@pytest.fixture(scope="module")
def probed(home, sandbox, tmp_path_factory):
    refused = tmp_path_factory.mktemp("refused") / "run"
    refused.touch()
    sandbox.faults.fail(
        "ListNodeExecutions",
        code="PERMISSION_DENIED",
        times=1000,
        when=lambda request: request.workflow_execution_id.name == refused.read_text(),
    )
    (closed,) = free_ports(1)

    def placed(**place):
        return json.dumps({"conn_type": "flyte", "host": sandbox.endpoint, "extra": {"insecure": True, **place}})

    connections = {
        "AIRFLOW_CONN_FLYTE_NO_PROJECT": placed(project="flytesnaks", domain="development"),
        "AIRFLOW_CONN_FLYTE_NO_DOMAIN": placed(project="flytesnacks", domain="prodution"),
        "AIRFLOW_CONN_FLYTE_CLOSED": json.dumps({"conn_type": "flyte", "host": "127.0.0.1", "port": closed}),
        "REFUSE_NODES_OF": str(refused),
        "AIRFLOW_CONN_FLYTE_TYPO": json.dumps({"conn_type": "flyte", "extra": {"insecur": True}}),
    }
    probe = Path(__file__).with_name("probe_operator.py").read_text()
    try:
        return json.loads(home.forked(probe, env=connections).splitlines()[-1])
    finally:
        sandbox.faults.clear()


def test_the_exception_is_the_explanation(probed):
    kind, text = probed["explained"]
    assert kind == "AirflowException"
    first, *rest = text.splitlines()
    assert first.startswith(probed["sentence"])
    assert first.endswith(")"), "whose fault it is, and so whether a retry can help, stays on the first line"
    assert rest == probed["explanation"].splitlines()[1:]
    assert any(line.strip().startswith("advice: ") for line in rest)


def test_the_nodes_of_a_run_are_spans_under_the_tasks_where_the_operator_is_told_to(probed):
    (node, its_parent), (run, parent), (task, nobody) = probed["traced"]
    assert (task, nobody) == ("the task's", None)
    assert run.startswith("flyte run ")
    assert (node, its_parent, parent) == ("flyte node n0", run, task)


def test_a_flyte_that_does_not_say_why_changes_nothing_about_the_failure(probed):
    kind, text = probed["unasked"]
    assert kind == "AirflowException"
    assert text.splitlines()[0].startswith(probed["unasked_sentence"])
    assert "not known: which node failed: " in text


def test_events_become_results_or_failures(probed):
    assert probed["succeeded"] == ["returned", {"n": 7, "at": "x"}]
    assert probed["pushed"] == {"n": 7, "at": "x"}
    assert probed["failed"] == ["AirflowException", "the message"]
    assert probed["aborted"][0] == "AirflowFailException"
    assert probed["could_not_ask"] == ["AirflowException", "the message A retry attaches to the run."]


@pytest.mark.parametrize(
    ("case", "message"),
    [("none", "must be a mapping, got None"), ("other_release", "different releases"), ("other_run", "is about run")],
)
def test_events_that_are_not_trusted_fail_and_name_the_run(probed, case, message):
    kind, text = probed[case]
    assert kind == "AirflowException"
    assert text.startswith("run flytesnacks/development/")
    assert message in text


def test_deadline_and_airflows_own_backstop_abort_the_run(probed):
    for case in ("too_late", "backstop"):
        kind, text = probed[case]
        assert kind == "AirflowException"
        assert "its timeout of 5 s passed; it was aborted. Console: http" in text
        assert probed[f"{case}_phase"] == "ABORTED"


def test_trigger_arguments_are_plain_json(probed):
    path, arguments, same = probed["trigger"]
    assert path == "airflow_provider.triggers.flyte.FlyteRunTrigger"
    assert (arguments["deadline"], arguments["not_before"], arguments["poll_interval"]) == (1.5, 1.0, 2.0)
    assert same
    given = {"run", "deadline", "not_before", "poll_interval", "cancel_on_kill"}
    assert set(arguments) == {*given, "flyte_conn_id"}, (
        "what is not given is not stored: an older release may not know it"
    )
    assert "bridge_core" not in json.dumps(arguments)  # what is stored names no file that may move


def test_testing_a_connection(probed, sandbox):
    assert probed["tests"]["flyte_default"] == [True, f"Flyte answers at {sandbox.endpoint} (flytesnacks/development)"]
    works, message = probed["tests"]["flyte_closed"]
    assert not works
    assert message.startswith("cannot reach Flyte at 127.0.0.1:")
    assert "\n" not in message
    assert len(message) <= 400
    endpoint = sandbox.endpoint
    assert probed["tests"]["flyte_no_project"] == [
        False,
        f"Flyte answers at {endpoint}, and has no project 'flytesnaks'; it has flytesnacks",
    ]
    works, message = probed["tests"]["flyte_no_domain"]
    assert not works
    assert message.startswith(f"Flyte answers at {endpoint}, and has no domain 'prodution'; it has development")
    works, message = probed["tests"]["flyte_typo"]
    assert not works
    assert "did you mean 'insecure'?" in message


def test_connection_form_comes_from_metadata(probed):
    form = probed["form"]
    assert "extra__flyte__insecure" in form["fields"]
    assert form["hook"] == "Flyte"
    assert form["links"] == ["airflow_provider.links.FlyteConsoleLink", "airflow_provider.links.FlyteLogLink"]
    assert form["hidden"] == ["schema"]
    assert form["untouched"] == dict.fromkeys(form["untouched"]), "what nobody touched is not given"
    assert not form["wtforms"]


@pytest.mark.parametrize(
    ("floor", "heartbeat", "expected"), [("", "1", [3.0, 8.0]), ("", "10", [3.0, 13.0]), ("0.5", "10", [3.0, 0.5])]
)
def test_grace_and_floor_come_from_the_configuration(home, floor, heartbeat, expected):
    interval = "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL" if LINE >= (3,) else "AIRFLOW__SCHEDULER__JOB_HEARTBEAT_SEC"
    env = {"AIRFLOW__FLYTE__FIRST_EVENT_FLOOR": floor, interval: heartbeat}
    code = "from airflow_provider._compat import *; print([sync_grace(), first_event_floor()])"
    assert json.loads(home.forked(code, env=env)) == expected


def test_a_trace_is_handed_on(home):
    code = """
import json
from opentelemetry.sdk.trace import TracerProvider
from airflow_provider._worker.trace import trace_variables, traced
from bridge_core import RunOptions
assert trace_variables(None) == {} and traced(RunOptions(), None) == RunOptions()
with TracerProvider().get_tracer("t").start_as_current_span("task") as span:
    options = traced(RunOptions(env_vars={"LEVEL": "debug"}), None)
    own = traced(RunOptions(env_vars={"TRACEPARENT": "mine"}), None)
print(json.dumps([f"{span.get_span_context().trace_id:032x}", options.env_vars, own.env_vars]))
"""
    trace_id, handed_on, own = json.loads(home.forked(code).splitlines()[-1])
    assert handed_on["LEVEL"] == "debug"
    assert handed_on["TRACEPARENT"].split("-")[1] == trace_id
    assert own == {"TRACEPARENT": "mine"}


@pytest.mark.skipif(LINE == (3, 2), reason="opened by tasks alone there, for providers: docs/versions.md")
def test_metrics_go_where_airflows_go(home):
    code = """
from airflow_provider._shared.metrics import count, gauge
count("launched")
count("aborted", 2)
gauge("waiting", 7)
"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(20)
        env = {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(statsd.getsockname()[1]),
        }
        home.python(code, env=env)  # it knows where they go from its import on
        wanted = {"airflow.flyte.launched:1|c", "airflow.flyte.aborted:2|c", "airflow.flyte.waiting:7|g"}
        while wanted:  # Airflow sends some of its own; the time-out of the socket ends this
            wanted.discard(statsd.recv(1000).decode())


@pytest.mark.skipif(LINE < (3,), reason="assets are of Airflow 3")
@pytest.mark.parametrize(
    ("uri", "wanted"),
    [
        ("flyte://ml/production/pkg.train/", "flyte://ml/production/pkg.train"),
        ("flyte://ml/production", "ValueError"),
        ("flyte://ml/production/x?a=b", "ValueError"),
    ],
)
def test_uris_of_assets(home, uri, wanted):
    code = """
import sys
from airflow.sdk import Asset
try:
    print(Asset("a", uri=sys.argv[1]).uri)
except ValueError as error:
    print("ValueError", error)
"""
    assert home.forked(code, uri).splitlines()[-1].startswith(wanted)


@pytest.mark.skipif(LINE < (3,), reason="Airflow 2 makes its form from the widgets alone")
def test_the_form_as_airflows_ui_asks_for_it(home):
    """From the metadata; on lines that do not read them, from the hook."""
    code = """
import json
from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
(found,) = [meta for meta in HookMetaService.hook_meta_data() if meta.connection_type == "flyte"]
shown = {name: field for name, field in found.extra_fields.items()}
print(json.dumps([sorted(shown), shown["token"]["schema"]["format"], [name for name in shown if shown[name]["value"]]]))
"""
    fields, secret, touched = json.loads(home.forked(code).splitlines()[-1])
    assert {"auth_mode", "command", "insecure", "allowed_projects"} <= set(fields)
    assert secret == "password"
    assert not touched, "what nobody touched is not given"


def test_what_a_sensor_tells_its_trigger_is_plain_json(home):
    code = """
import json
from datetime import UTC, datetime
from airflow.providers.common.compat.sdk import DAG
from airflow_provider.operators.flyte import FlyteRunOperator
from airflow_provider.sensors.flyte import FlyteRunSensor
from airflow_provider.triggers.sensor import FlyteRunSensorTrigger
from bridge_core import EntityRef, RunPhase, RunQuery

query = RunQuery(phases=(RunPhase.FAILED,), labels={"a": "b"}, created_after=datetime(2026, 1, 1, tzinfo=UTC))
with DAG("d"):
    sensor = FlyteRunSensor(
        task_id="s", entity=EntityRef.workflow("a.b"), query=query, deferrable=True, start_from_trigger=True
    )
    arguments = json.loads(json.dumps(sensor.start_trigger_args.trigger_kwargs))
    trigger = FlyteRunSensorTrigger(**arguments)
    assert trigger.serialize()[1]["query"]["phases"] == ["FAILED"], arguments
    run = FlyteRunOperator(task_id="r", entity="a.b")
    try:
        FlyteRunSensor(task_id="x", run=run.output["flyte_run"], deferrable=True, start_from_trigger=True)
    except ValueError as error:
        print(error)
"""
    assert "begins where no XComArg can be read; write a template" in home.forked(code)


@pytest.mark.full  # Airflow's OpenLineage provider
def test_openlineage_is_told_what_went_in_and_came_out(home):
    code = """
import json
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from airflow_provider.operators.flyte import FlyteRunOperator
from bridge_core import RunRef
task = FlyteRunOperator(task_id="t", entity="pkg.train", inputs={"rows": {"flyte_ref": "file", "uri": "s3://b/rows.csv"}})
task.run_ref, task.console_url = RunRef("ml", "production", "r1"), "https://flyte/r1"
task.outputs_kept = {"o0": {"flyte_ref": "frame", "uri": "gs://b/o0"}, "n": 1}
told = DefaultExtractor(task).extract_on_complete(None)
query = told.run_facets["externalQuery"]
names = [[(one.namespace, one.name) for one in half] for half in (told.inputs, told.outputs)]
print(json.dumps([*names, query.externalQueryId, query.source]))
"""
    if not is_installed("apache-airflow-providers-openlineage"):
        lacking("apache-airflow-providers-openlineage (pip install --group full)")
    inputs, outputs, run, source = json.loads(home.forked(code).splitlines()[-1])
    assert inputs == [["s3://b", "rows.csv"]]
    assert outputs == [["gs://b", "o0"]]
    assert (run, source) == ("ml/production/r1", "https://flyte/r1")
