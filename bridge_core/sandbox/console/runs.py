"""The list of runs, with its filters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flyteidl.admin import common_pb2, execution_pb2
from flyteidl.core import execution_pb2 as core_execution_pb2

from ..store.executions import TERMINAL
from ..validation.filters import Query
from ..validation.list_columns import EXECUTION
from .html import Content, Markup, link, tag
from .page import page
from .show import cause, phase, run_phase, section, table, time, took
from .urls import entity_path, list_path, run_path

if TYPE_CHECKING:
    from ..store.executions import Executions
    from .urls import Address

__all__ = ["launched", "runs_page", "runs_table"]

_ON_A_PAGE = 50
_WHY = 160
_PHASES = ("QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT", "SUCCEEDING", "FAILING", "ABORTING")
_SEARCHED = ("execution_name", "error_code", "abort_cause")
_ENTITY = "(SELECT {} FROM entities j WHERE j.id=max(executions.task_id, executions.launch_plan_id))"
_MODE = execution_pb2.ExecutionMetadata


def launched(execution: Any) -> Markup:
    """What a run is a run of."""
    target = execution.spec.launch_plan
    return link(target.name, entity_path(target))


def runs_table(executions: list[Any], *, scoped: bool) -> Markup:
    """Runs, newest first.

    Args:
        executions: The runs, with whole errors.
        scoped: Whether the page says which project and domain they are in.
    """
    rows: list[list[Content]] = []
    for run in executions:
        closure = run.closure
        why = cause(closure) or closure.abort_metadata.cause
        rows.append(
            [
                link(run.id.name, run_path(run.id), class_="id"),
                phase(run_phase(closure.phase)),
                launched(run),
                time(closure.created_at),
                tag("span", took(closure, ended=closure.phase in TERMINAL), class_="number"),
                tag("span", why[:_WHY] + ("…" if len(why) > _WHY else ""), class_="why"),
            ]
        )
        if not scoped:
            rows[-1].insert(3, f"{run.id.project}/{run.id.domain}")
    if scoped:
        return table("Runs", ["Run", "Phase", "Launched", "Created", "Took", "Why"], rows, wide=(3, 4, 5))
    return table("Runs", ["Run", "Phase", "Launched", "Project", "Created", "Took", "Why"], rows, wide=(3, 4, 5, 6))


def runs_page(address: Address, store: Executions, projects: list[Any]) -> bytes:
    """The page."""
    wanted, plan, text = address.asked("phase").upper(), address.asked("launch_plan"), address.asked("text")
    offset = address.number("from")
    newest = common_pb2.Sort(key="id", direction=common_pb2.Sort.DESCENDING)
    query = Query(EXECUTION, sort_by=newest, limit=_ON_A_PAGE, offset=offset)
    for column, value in (
        ("execution_project", address.project),
        ("execution_domain", address.domain),
        ("phase", wanted),
    ):
        if value:
            query.require(f"{column}=?", value)
    if plan:
        query.require(f"instr(lower({_ENTITY.format('j.name')}), lower(?))>0", plan)
    if text:
        searched = [*_SEARCHED, _ENTITY.format("j.name")]
        condition = " OR ".join(f"instr(lower({column}), lower(?))>0" for column in searched)
        query.require(f"({condition})", *[text] * len(searched))
    runs, found = store.page(query, whole=True)
    kept = {"phase": wanted, "launch_plan": plan, "text": text}
    here = (address.project, address.domain)
    newer = link(
        "← newer", list_path("", *here, **kept, **({"from": str(offset - _ON_A_PAGE)} if offset > _ON_A_PAGE else {}))
    )
    older = link("older →", list_path("", *here, **kept, **{"from": found.token}))
    scoped = bool(address.domain) or len(projects) == 1 == len({run.id.domain for run in runs})
    listing = runs_table(runs, scoped=scoped) if runs else tag("p", _nothing(bool(any(kept.values()))), class_="soft")
    return page(
        "Runs",
        _filters(address, kept, projects),
        section("Newest first", listing, name="runs", live=True),
        tag("p", newer if offset else None, older if found.token else None, class_="more"),
        project=address.project,
        domain=address.domain,
        here="",
        running=offset == 0,
    )


def _nothing(filtered: bool) -> Content:
    if filtered:
        return "No run matches."
    return "No run yet. Launch one, for instance: pyflyte run --remote --wait --poll-interval 1 FILE WORKFLOW"


def _filters(address: Address, kept: dict[str, str], projects: list[Any]) -> Markup:
    phases = [tag("option", "any", value="")]
    phases += [
        tag("option", one.replace("_", " ").lower(), value=one, selected=one == kept["phase"])
        for one in _PHASES
        if one in core_execution_pb2.WorkflowExecution.Phase.keys()  # noqa: SIM118  # an enum wrapper, no dict
    ]
    scopes = None
    if not address.project and len(projects) > 1:
        scopes = tag("p", "Projects: ", [[link(one.id, list_path("", one.id)), " "] for one in projects])
    form = tag(
        "form",
        tag("label", "Phase", tag("select", phases, name="phase")),
        tag("label", "Launch plan or task", tag("input", name="launch_plan", type="search", value=kept["launch_plan"])),
        tag("label", "Name, error or cause", tag("input", name="text", type="search", value=kept["text"])),
        tag("button", "Filter", type="submit"),
        link("clear", list_path("", address.project, address.domain)) if any(kept.values()) else None,
        class_="filters",
        method="get",
        action=list_path("", address.project, address.domain),
        role="search",
    )
    return tag("div", scopes, form)
