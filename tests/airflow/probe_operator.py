"""Run by test_airflow_pieces.py where Airflow may be imported: the ends that a running Airflow reaches only by accident."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

from airflow.triggers.base import TriggerEvent

from airflow_provider._compat import IS_AIRFLOW_2
from airflow_provider.hooks.flyte import FlyteHook
from airflow_provider.operators.flyte import FlyteRunOperator
from airflow_provider.triggers.flyte import FlyteRunTrigger
from bridge_core import EntityRef, LaunchRequest, RunPhase

OUT = {}
PUSHED = {}
TIME_IS_UP = "Trigger/execution timeout" if IS_AIRFLOW_2 else "Trigger timeout"
TESTED = ("flyte_default", "flyte_closed", "flyte_typo", "flyte_no_project", "flyte_no_domain")


def outcome(function, *arguments):
    try:
        return ["returned", function(*arguments)]
    except Exception as error:  # noqa: BLE001  # which one is what the test wants to know
        return [type(error).__name__, str(error)]


def event(ref, phase, code=None, message="the message"):
    return {"version": 1, "run": ref.to_dict(), "phase": phase, "code": code, "message": message}


def push(key, value):
    PUSHED[key] = value


def traced(context, data, run):
    """Spans of a task that is told to trace its run: name -> name of the parent."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    spans, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    trace.set_tracer_provider(provider)
    with trace.get_tracer("test").start_as_current_span("the task's"):
        for switch in (False, True):
            FlyteRunOperator(task_id="t", entity="tests.quick", trace_nodes=switch).execute_complete(
                context, data, run.to_dict()
            )
    told = [span for span in spans.get_finished_spans() if not span.name.startswith("flyteidl")]
    names = {span.context.span_id: span.name for span in told}
    return sorted([span.name, names.get(span.parent and span.parent.span_id)] for span in told)


def main():
    with FlyteHook().get_client() as flyte:
        quick = flyte.launch(LaunchRequest(EntityRef.launch_plan("tests.quick"), inputs={"n": 7, "at": "x"}))
        held = flyte.launch(LaunchRequest(EntityRef.launch_plan("tests.held"), inputs={"n": 8, "at": "x"}))
        other = flyte.launch(LaunchRequest(EntityRef.launch_plan("tests.held"), inputs={"n": 9, "at": "x"}))
        broken, unasked = (flyte.launch(EntityRef.task("tests.broken")) for _ in range(2))
        flyte.wait_many([quick, broken, unasked])
        ti = SimpleNamespace(
            dag_id="d",
            run_id="r",
            task_id="t",
            map_index=-1,
            max_tries=0,
            try_number=1,
            xcom_pull=lambda **_: held.to_dict(),
            xcom_push=push,
        )
        context = {"ti": ti}
        operator = FlyteRunOperator(task_id="t", entity="tests.held", timeout=5)

        def complete(data, run=quick):
            return outcome(operator.execute_complete, context, data, run.to_dict())

        OUT["succeeded"] = complete(event(quick, "SUCCEEDED"))
        OUT["pushed"] = dict(PUSHED)
        OUT["failed"] = complete(event(quick, "FAILED"))
        OUT["explained"] = complete(event(broken, "FAILED"), broken)
        OUT["explanation"] = flyte.explain(broken).text
        OUT["sentence"] = flyte.describe(broken).describe()
        Path(os.environ["REFUSE_NODES_OF"]).write_text(unasked.name)
        OUT["unasked"] = complete(event(unasked, "FAILED"), unasked)
        OUT["unasked_sentence"] = flyte.describe(unasked).describe()
        OUT["traced"] = traced(context, event(quick, "SUCCEEDED"), quick)
        OUT["aborted"] = complete(event(quick, "ABORTED"))
        OUT["could_not_ask"] = complete(event(quick, "UNKNOWN", "Unauthenticated"))
        OUT["none"] = complete(None)
        OUT["other_release"] = complete({**event(quick, "SUCCEEDED"), "version": 9})
        OUT["other_run"] = complete(event(held, "SUCCEEDED"))
        OUT["too_late"] = complete(event(other, "RUNNING", "WaitTimeout"), other)
        OUT["too_late_phase"] = flyte.wait(other, timeout=5).phase.value
        OUT["backstop"] = outcome(operator.resume_execution, "__fail__", {"error": TIME_IS_UP}, context)
        OUT["backstop_phase"] = flyte.wait(held, timeout=5).phase.value
        assert RunPhase(OUT["backstop_phase"])
    trigger = FlyteRunTrigger(
        run=quick.to_dict(), deadline=1.5, not_before=1.0, poll_interval=2.0, cancel_on_kill=False
    )
    path, arguments = trigger.serialize()
    OUT["trigger"] = [path, json.loads(json.dumps(arguments)), FlyteRunTrigger(**arguments).serialize()[1] == arguments]
    OUT["trigger_event"] = str(TriggerEvent({"a": 1}))  # type: ignore[no-untyped-call]
    OUT["tests"] = {name: FlyteHook(name).test_connection() for name in TESTED}
    OUT["form"] = form()
    json.dump(OUT, sys.stdout)


def form():
    """What the connection form and the links are made from."""
    from airflow.providers_manager import ProvidersManager

    before = set(sys.modules)
    manager = ProvidersManager()
    links = [link for link in manager.extra_links_class_names if "flyte" in link.lower()]
    if (
        "flyte" not in manager.field_behaviours and not IS_AIRFLOW_2
    ):  # before Airflow 3.2: the API server makes the form from old widgets
        return {**old_form(), "links": links, "wtforms": False}
    if IS_AIRFLOW_2:  # the form is made of the hook's widgets, as the manager reads them
        widgets = {name: one.field for name, one in manager.connection_form_widgets.items() if "__flyte__" in name}
        return {
            "fields": sorted(widgets),
            "untouched": {name: field.kwargs.get("default") for name, field in widgets.items()},
            "hidden": manager.field_behaviours["flyte"]["hidden_fields"],
            "hook": manager.hooks["flyte"].hook_name,
            "links": links,
            "wtforms": False,
        }
    fields = sorted(name for name in manager.connection_form_widgets if name.startswith("extra__flyte__"))
    return {
        "fields": fields,
        "untouched": {name: manager.connection_form_widgets[name].field["value"] for name in fields},
        "hidden": manager.field_behaviours["flyte"]["hidden_fields"],
        "hook": manager.hooks["flyte"].hook_name,
        "links": links,
        "wtforms": "wtforms" in set(sys.modules) - before,
    }


def old_form():
    """As the API server reads it, with stand-ins of its own for packages that are not installed."""
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService
    from airflow.providers_manager import ProvidersManager
    from airflow.utils.singleton import Singleton

    Singleton._instances.pop(ProvidersManager)  # it has read the hooks without them
    (meta,) = [one for one in HookMetaService.hook_meta_data() if one.connection_type == "flyte"]
    fields = {f"extra__flyte__{name}": field for name, field in meta.extra_fields.items()}
    return {
        "fields": sorted(fields),
        "untouched": {name: field["value"] for name, field in fields.items()},
        "hidden": ["schema"] if meta.standard_fields.url_schema.hidden else [],
        "hook": meta.hook_name,
    }


main()
