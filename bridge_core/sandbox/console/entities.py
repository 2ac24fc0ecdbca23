"""Workflows, tasks and launch plans: their names, their versions, one version; when schedules fire next."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flyteidl.admin import common_pb2, launch_plan_pb2
from flyteidl.core import identifier_pb2
from google.protobuf import json_format

from ..model.ids import GENERATED
from ..store.descriptions import Descriptions
from ..validation.filters import Query
from ..validation.list_columns import EXECUTION, LAUNCH_PLAN, NAMED, TASK, WORKFLOW
from ..validation.schedules import automation_of
from .graph import drawing, edges_of
from .html import Content, Markup, joined, link, tag
from .literals import type_text
from .names import readable
from .page import page
from .run import node_boxes
from .runs import runs_table
from .show import facts, section, table, time
from .urls import KINDS, entity_path, list_path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..engine.engine import Engine
    from .literals import Literals
    from .urls import Address

__all__ = ["entity_page", "names_page"]

_TYPES = {kind: number for number, kind in KINDS.items()}
_PLACES = {"workflow": "workflows", "task": "tasks", "launch_plan": "launchPlans"}
_LISTED = {identifier_pb2.WORKFLOW: WORKFLOW, identifier_pb2.TASK: TASK, identifier_pb2.LAUNCH_PLAN: LAUNCH_PLAN}
_TITLES = {"workflow": "Workflows", "task": "Tasks", "launch_plan": "Launch plans"}
_ON_A_PAGE = 100
_NEWEST_RUNS = 10


def names_page(address: Address, engine: Engine) -> bytes:
    """All names of one kind, or all versions of one name."""
    kind = address.kind
    listing = _versions(address, engine) if address.name else _names(address, engine)
    above = [link(_TITLES[kind], list_path(_PLACES[kind], address.project, address.domain))] if address.name else []
    return page(
        address.name or _TITLES[kind],
        listing,
        project=address.project,
        domain=address.domain,
        here=None if address.name else _PLACES[kind],
        above=above,
    )


def entity_page(address: Address, engine: Engine, show: Literals) -> bytes:
    """One version.

    Raises:
        Rejected: NOT_FOUND.
    """
    identifier = identifier_pb2.Identifier(
        resource_type=_TYPES[address.kind],
        project=address.project,
        domain=address.domain,
        name=address.name,
        version=address.version,
    )
    record = engine.entities.get(identifier)
    body = {"workflow": _workflow, "task": _task, "launch_plan": _launch_plan}[address.kind](record, engine, show)
    name = list_path(_PLACES[address.kind], address.project, address.domain)
    return page(
        address.name,
        _description(engine, record.id),
        *body,
        _runs(engine, identifier),
        project=address.project,
        domain=address.domain,
        above=[link(_TITLES[address.kind], name), tag("span", f"version {address.version}")],
    )


def _description(engine: Engine, identifier: Any) -> Markup | None:
    """What its author wrote about it."""
    found = Descriptions(engine.database).find(identifier)
    if found is None:
        return None
    # flytekit takes a docstring apart: its first line is short, the rest is long.
    return joined(
        *(tag("p", text, class_="written") for text in (found.short_description, found.long_description.value) if text)
    )


def _names(address: Address, engine: Engine) -> Markup:
    resource_type = _TYPES[address.kind]
    offset = address.number("from")
    query = Query(
        NAMED,
        limit=_ON_A_PAGE,
        offset=offset,
        sort_by=common_pb2.Sort(key="name", direction=common_pb2.Sort.ASCENDING),
    )
    query.require("substr(name,1,?)<>?", len(GENERATED), GENERATED)
    for column, value in (("project", address.project), ("domain", address.domain)):
        if value:
            query.require(f"{column}=?", value)
    found = engine.admin.names.ids(resource_type, query)
    fires = _next_fires(engine) if resource_type == identifier_pb2.LAUNCH_PLAN else {}
    rows: list[list[Content]] = []
    for row in found.rows:
        scope = (row["project"], row["domain"], row["name"])
        newest = engine.entities.newest(resource_type, *scope)
        versions = list_path(f"{_PLACES[address.kind]}/{_quoted(row['name'])}", row["project"], row["domain"])
        short = readable(row["name"])
        name = row["name"] if short == row["name"] else f"map of {short}"
        cells: list[Content] = [
            link(name, entity_path(newest.id) if newest is not None else versions),
            f"{row['project']}/{row['domain']}",
            link(newest.id.version, versions) if newest is not None else None,
        ]
        if resource_type == identifier_pb2.LAUNCH_PLAN:
            active = engine.entities.active(*scope)
            cells += [_schedule(active or newest), active.id.version if active is not None else None, fires.get(scope)]
        rows.append(cells)
    if not rows:
        return tag("p", "None is registered here.", class_="soft")
    head = ["Name", "Project", "Newest version"]
    wide: tuple[int, ...] = (1,)
    if resource_type == identifier_pb2.LAUNCH_PLAN:
        head += ["Schedule", "Active version", "Next fire"]
        wide = (1, 2, 4)
    older = list_path(_PLACES[address.kind], address.project, address.domain, **{"from": found.token})
    more = tag("p", link("more →", older), class_="more") if found.token else None
    return joined(table(_TITLES[address.kind], head, rows, wide=wide), more)


def _versions(address: Address, engine: Engine) -> Markup:
    newest = common_pb2.Sort(key="created_at", direction=common_pb2.Sort.DESCENDING)
    kind = _TYPES[address.kind]
    query = Query(_LISTED[kind], limit=_ON_A_PAGE, sort_by=newest)
    query.require("project=? AND domain=? AND name=?", address.project, address.domain, address.name)
    records, _page = engine.entities.page(kind, query)
    rows: list[list[Content]] = [
        [link(record.id.version, entity_path(record.id), class_="id"), _state(record), time(record.closure.created_at)]
        for record in records
    ]
    if not rows:
        return tag("p", "There is no such name.", class_="soft")
    return table("Versions", ["Version", "", "Registered"], rows)


def _state(record: Any) -> Content:
    if record.id.resource_type != identifier_pb2.LAUNCH_PLAN:
        return None
    return tag("b", "active") if record.closure.state == launch_plan_pb2.ACTIVE else None


def _workflow(record: Any, _engine: Engine, _show: Literals) -> list[Content]:
    workflow = record.closure.compiled_workflow.primary

    def url(node: Any) -> str:
        return entity_path(node.task_node.reference_id) if node.WhichOneof("target") == "task_node" else ""

    return [
        _registered(record),
        section("Graph", drawing(node_boxes(workflow, {}, url), edges_of(workflow)), name="graph"),
        _interface(workflow.template.interface),
    ]


def _task(record: Any, _engine: Engine, _show: Literals) -> list[Content]:
    template = record.closure.compiled_task.template
    container = template.container
    metadata = template.metadata
    cache = f"version {metadata.discovery_version}" if metadata.discoverable else None
    command = " ".join([*container.command, *container.args])
    env = sorted(pair.key for pair in container.env)
    return [
        _registered(
            record,
            ("Type", template.type),
            ("Image", container.image),
            ("Command", tag("code", command) if command else None),
            ("Environment", ", ".join(env)),
            ("Retries", str(metadata.retries.retries) if metadata.retries.retries else None),
            ("Timeout", f"{metadata.timeout.ToNanoseconds() / 1e9:g} s" if metadata.timeout.seconds else None),
            ("Cache", cache),
            ("Deprecated", metadata.deprecated_error_message),
        ),
        _interface(template.interface),
    ]


def _launch_plan(record: Any, engine: Engine, show: Literals) -> list[Content]:
    spec = record.spec
    active = record.closure.state == launch_plan_pb2.ACTIVE
    scope = (record.id.project, record.id.domain, record.id.name)
    kickoff = spec.entity_metadata.schedule.kickoff_time_input_arg
    labels = [f"{key}={value}" for key, value in sorted(spec.labels.values.items())]
    rows: list[list[Content]] = []
    for name, parameter in sorted(record.closure.expected_inputs.parameters.items()):
        default = show.value(parameter.default) if parameter.WhichOneof("behavior") == "default" else "required"
        rows.append([tag("code", name), type_text(parameter.var.type), default])
    return [
        _registered(
            record,
            ("Workflow", link(spec.workflow_id.name, entity_path(spec.workflow_id))),
            ("State", "active" if active else "inactive"),
            ("Schedule", _schedule(record)),
            ("Next fire", _next_fires(engine).get(scope) if active else None),
            ("Time goes to", tag("code", kickoff) if kickoff else None),
            ("At most", f"{spec.max_parallelism} nodes at once" if spec.max_parallelism else None),
            ("Labels", ", ".join(labels)),
        ),
        section(
            "Inputs",
            table("Inputs", ["Name", "Type", "Default"], rows) if rows else tag("p", "None.", class_="soft"),
            name="inputs",
        ),
        section("Fixed inputs", show.map("Fixed inputs", spec.fixed_inputs), name="fixed")
        if spec.fixed_inputs.literals
        else None,
    ]


def _registered(record: Any, *more: tuple[str, Content]) -> Markup:
    return facts(
        [
            ("Version", tag("span", record.id.version, class_="id")),
            *more,
            ("Registered", time(record.closure.created_at)),
        ]
    )


def _interface(interface: Any) -> Markup:
    return joined(
        section("Inputs", _variables("Inputs", interface.inputs.variables), name="inputs"),
        section("Outputs", _variables("Outputs", interface.outputs.variables), name="outputs"),
    )


def _variables(caption: str, variables: Mapping[str, Any]) -> Markup:
    if not variables:
        return tag("p", "None.", class_="soft")
    rows: list[list[Content]] = []
    for name in sorted(variables):
        text = variables[name].description
        # flytekit writes the name for want of a description.
        rows.append([tag("code", name), type_text(variables[name].type), text if text != name else None])
    return table(caption, ["Name", "Type", "Description" if any(row[2] for row in rows) else ""], rows)


def _schedule(plan: Any | None) -> Content:
    if plan is None:
        return None
    schedule = plan.spec.entity_metadata.schedule
    if schedule.WhichOneof("ScheduleExpression") is None:
        return None
    automation = automation_of(plan)
    if automation is None:
        return tag("code", json_format.MessageToJson(schedule, indent=None))
    text = schedule.cron_schedule.schedule or str(automation)
    return joined(tag("code", text), " ", tag("span", automation.describe(), class_="kind"))


def _next_fires(engine: Engine) -> dict[tuple[str, str, str], Content]:
    fires: dict[tuple[str, str, str], Content] = {}
    for identifier, moment in engine.scheduler.next_fires():
        text = "never" if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        fires[identifier.project, identifier.domain, identifier.name] = tag("time", text)
    return fires


def _runs(engine: Engine, identifier: Any) -> Markup | None:
    row = engine.entities.row(identifier)
    if row is None:
        return None
    column = {identifier_pb2.WORKFLOW: "workflow_id", identifier_pb2.TASK: "task_id"}.get(
        identifier.resource_type, "launch_plan_id"
    )
    newest = common_pb2.Sort(key="id", direction=common_pb2.Sort.DESCENDING)
    query = Query(EXECUTION, sort_by=newest, limit=_NEWEST_RUNS)
    query.require(f"{column}=?", row["id"])
    runs, _page = engine.executions.page(query, whole=True)
    listing = runs_table(runs, scoped=True) if runs else tag("p", "Never launched by itself.", class_="soft")
    return section("Newest runs of this version", listing, name="runs")


def _quoted(name: str) -> str:
    return quote(name, safe="")
