"""Two pages: the newest runs, and one run. The full console is a later piece of work."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from flyteidl.admin import common_pb2
from flyteidl.core import execution_pb2, identifier_pb2
from google.protobuf import json_format

from ..blobs.http import Route
from ..filters import EXECUTION, Query
from ..status import Rejected
from ..times import to_text

if TYPE_CHECKING:
    from ..blobs.http import Exchange
    from ..store.executions import Executions
    from ..store.nodes import Nodes

__all__ = ["Console", "run_path"]

_RUN = re.compile(r"/console/projects/([^/]+)/domains/([^/]+)/executions/([^/]+)")
_LISTED = 100
_LOG_LIMIT = 100_000
_RUN_PHASE = execution_pb2.WorkflowExecution.Phase
_NODE_PHASE = execution_pb2.NodeExecution.Phase
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1c1c28; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .3rem .7rem .3rem 0;
border-bottom: 1px solid #ddd; vertical-align: top; } pre { background: #f5f5f8; padding: .7rem; overflow: auto;
max-height: 30rem; white-space: pre-wrap; } .SUCCEEDED { color: #11733b; } .FAILED, .TIMED_OUT, .FAILING { color: #b3261e; }
.RUNNING, .QUEUED { color: #0b57a4; } .ABORTED, .ABORTING { color: #8a5300; } .error { border-left: 4px solid #b3261e; }
"""


def run_path(identifier: Any) -> str:
    """The path of a run's page, the same as in Flyte's console."""
    project, domain, name = (quote(part, safe="") for part in (identifier.project, identifier.domain, identifier.name))
    return f"/console/projects/{project}/domains/{domain}/executions/{name}"


class Console:
    """Renders pages from the store."""

    def __init__(self, executions: Executions, nodes: Nodes) -> None:
        self._executions = executions
        self._nodes = nodes

    @property
    def route(self) -> Route:
        """Everything that nobody else answers."""
        return Route(lambda _exchange: True, self._answer)

    def _answer(self, exchange: Exchange) -> None:
        page = self.page(exchange.target)
        if page is None:
            exchange.refuse(404, "no such page; runs are listed at /console")
        else:
            exchange.answer(200, page.encode(), "text/html; charset=utf-8")

    def page(self, url: str) -> str | None:
        """The page of a path, or None when there is none."""
        path = urlsplit(url).path.rstrip("/")
        if path in ("", "/console"):
            return self._list()
        match = _RUN.fullmatch(path)
        if match is None:
            return None
        project, domain, name = map(unquote, match.groups())
        identifier = identifier_pb2.WorkflowExecutionIdentifier(project=project, domain=domain, name=name)
        try:
            return self._run(identifier)
        except Rejected:
            return None

    def _list(self) -> str:
        newest = common_pb2.Sort(key="id", direction=common_pb2.Sort.DESCENDING)
        runs, _page = self._executions.page(Query(EXECUTION, sort_by=newest, limit=_LISTED))
        rows = [
            [
                f'<a href="{escape(run_path(run.id))}">{escape(run.id.name)}</a>',
                escape(f"{run.id.project}/{run.id.domain}"),
                escape(run.spec.launch_plan.name),
                _phase(_RUN_PHASE.Name(run.closure.phase)),
                _time(run.closure.created_at),
                _seconds(run.closure.duration),
            ]
            for run in runs
        ]
        head = ["Run", "Project", "Launched", "Phase", "Created", "Took"]
        note = f"<p>The newest {_LISTED} runs of this sandbox (one machine, not a cluster).</p>"
        return _html("Runs", note + _table(head, rows))

    def _run(self, identifier: Any) -> str:
        run = self._executions.get(identifier)
        closure = run.closure
        inputs, outputs = self._executions.data(identifier)
        facts = [
            ["Phase", _phase(_RUN_PHASE.Name(closure.phase))],
            ["Launched", escape(f"{run.spec.launch_plan.name} @ {run.spec.launch_plan.version}")],
            ["Created", _time(closure.created_at)],
            ["Started", _time(closure.started_at)],
            ["Updated", _time(closure.updated_at)],
            ["Took", _seconds(closure.duration)],
        ]
        if closure.abort_metadata.cause:
            facts.append(["Abort cause", escape(closure.abort_metadata.cause)])
        parts = ['<p><a href="/console">All runs</a></p>', _table([], facts)]
        if closure.WhichOneof("output_result") == "error":
            error = f"{closure.error.code}\n{closure.error.message}"
            parts.append(f'<h2>Error</h2><pre class="error">{escape(error)}</pre>')
        parts.append(f"<h2>Inputs</h2>{_literals(inputs)}")
        if outputs is not None:
            parts.append(f"<h2>Outputs</h2>{_literals(outputs)}")
        parts.append(f"<h2>Nodes</h2>{self._node_table(identifier)}")
        for node_id, attempt, phase, log in self._nodes.logs_of(identifier):
            parts.append(f"<h2>Log of {escape(node_id)}, attempt {attempt + 1}: {_phase(phase)}</h2>{_log(Path(log))}")
        return _html(f"Run {identifier.project}/{identifier.domain}/{identifier.name}", "".join(parts))

    def _node_table(self, identifier: Any) -> str:
        rows = []
        for node in self._nodes.all_of(identifier):
            closure = node.closure
            child = closure.workflow_node_metadata.executionId
            link = f'<a href="{escape(run_path(child))}">{escape(child.name)}</a>' if child.name else ""
            error = closure.error.message if closure.WhichOneof("output_result") == "error" else ""
            rows.append(
                [
                    escape(node.id.node_id),
                    _phase(_NODE_PHASE.Name(closure.phase)),
                    _time(closure.started_at),
                    _seconds(closure.duration),
                    link + escape(error[:200]),
                ]
            )
        return _table(["Node", "Phase", "Started", "Took", ""], rows)


def _html(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · Flyte sandbox</title>'
        f"<style>{_STYLE}</style></head><body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = ["".join(f"<th>{escape(name)}</th>" for name in head)] if head else []
    lines += ["".join(f"<td>{cell}</td>" for cell in row) for row in rows]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"


def _phase(name: str) -> str:
    return f'<b class="{escape(name)}">{escape(name)}</b>'


def _time(stamp: Any) -> str:
    return escape(to_text(stamp)[:19].replace("T", " ")) or "-"


def _seconds(duration: Any) -> str:
    return f"{duration.ToNanoseconds() / 1e9:.1f} s"


def _literals(literals: Any) -> str:
    if not literals.literals:
        return "<p>None.</p>"
    rows = [
        [escape(name), f"<pre>{escape(_text(literals.literals[name]))}</pre>"] for name in sorted(literals.literals)
    ]
    return _table([], rows)


def _text(literal: Any) -> str:
    """A literal for people: its JSON form, bytes left out when they are long."""
    text = json_format.MessageToJson(literal, preserving_proto_field_name=True)
    return text if len(text) <= _LOG_LIMIT else text[:_LOG_LIMIT] + "\n…"


def _log(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - _LOG_LIMIT))
            text = file.read().decode(errors="replace")
    except OSError:
        return "<p>The log is gone.</p>"
    return f"<pre>{escape(text)}</pre>" if text else "<p>Nothing was written.</p>"
