"""The pages of Flyte 2's runs, at the paths of its own console (``/v2/domain/…``): the list, a run with its actions, logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote, unquote

from flyteidl.core import literals_pb2
from flyteidl2.common import identifier_pb2, phase_pb2
from flyteidl2.workflow import run_definition_pb2

from ..flyte2.store.actions import ROOT, is_terminal
from ..model.times import now, seconds_between
from ..web.server import Route
from .html import Content, Markup, joined, link, tag
from .page import HEADERS, page
from .show import duration, facts, phase, section, table, time

if TYPE_CHECKING:
    from ..blobs.signing import Signer
    from ..flyte2.engine.engine import Flyte2Engine
    from ..flyte2.store.actions import StoredAction
    from ..model.layout import Layout
    from ..web.server import Exchange
    from .literals import Literals

__all__ = ["Flyte2Pages", "log_path", "run_path"]

_BASE = "/v2"
_NEWEST = 100
_LINK_SECONDS = 3600.0
_RUN_PARTS = 7  # "", v2, domain, D, project, P, runs, NAME without the first
_PHASES = phase_pb2.ActionPhase.DESCRIPTOR.values_by_number
_TRACE = run_definition_pb2.ACTION_TYPE_TRACE


class Flyte2Pages:
    """The pages.

    Args:
        engine: Whose runs are shown.
        layout: Where files lie.
        signer: Makes links to reports.
        literals: Shows values.
    """

    def __init__(self, engine: Flyte2Engine, layout: Layout, signer: Signer, literals: Literals) -> None:
        self._actions = engine.context.actions
        self._places = engine.context.places
        self._layout = layout
        self._signer = signer
        self._literals = literals

    @property
    def route(self) -> Route:
        """Everything below ``/v2``."""
        return Route(lambda exchange: exchange.path == _BASE or exchange.path.startswith(f"{_BASE}/"), self._answer)

    def _answer(self, exchange: Exchange) -> None:
        parts = [unquote(part) for part in exchange.path.strip("/").split("/")]
        if parts == ["v2"]:
            _send(exchange, 200, self._list())
            return
        found: list[StoredAction] = []
        if len(parts) == _RUN_PARTS and (parts[1], parts[3], parts[5]) == ("domain", "project", "runs"):
            run = identifier_pb2.RunIdentifier(project=parts[4], domain=parts[2], name=parts[6])
            found = self._actions.of_run(run)
        if not found:
            missing = tag("p", f"There is no page {exchange.path[:300]} here.")
            _send(exchange, 404, page("Not found", missing, tag("p", link("All runs of Flyte 2", _BASE))))
            return
        wanted = {name: values[0] for name, values in parse_qs(exchange.query).items()}
        if "log" in wanted:
            self._log(exchange, found, wanted)
        else:
            _send(exchange, 200, self._run(found))

    def _list(self) -> bytes:
        rows: list[list[Content]] = []
        for one in self._actions.newest("name=?", (ROOT,), _NEWEST):
            run, metadata = one.details.id.run, one.details.metadata
            rows.append(
                [
                    link(run.name, run_path(run), class_="id"),
                    _phase(one),
                    metadata.task.id.name,
                    f"{run.project}/{run.domain}",
                    time(one.details.status.start_time),
                    _took(one),
                    tag("span", _why(one)[:160], class_="why"),
                ]
            )
        head = ["Run", "Phase", "Task", "Project", "Created", "Took", "Why"]
        nothing = tag("p", "No run yet. Start one, for instance: flyte run FILE TASK", class_="soft")
        listing = table("Runs", head, rows, wide=(3, 4, 5, 6)) if rows else nothing
        return page("Runs of Flyte 2", section("Newest first", listing, name="runs", live=True), running=True)

    def _run(self, found: list[StoredAction]) -> bytes:
        root = next((one for one in found if one.details.id.name == ROOT), found[0])
        run = root.details.id.run
        rows = [self._row(one, depth) for depth, one in _tree(found)]
        why = _why(root)
        going = not all(is_terminal(one.details.status.phase) for one in found)
        return page(
            run.name,
            section(
                "Run",
                facts(
                    [
                        ("Phase", _phase(root)),
                        ("Task", root.details.metadata.task.id.name),
                        ("Version", root.details.metadata.task.id.version),
                        ("Project", f"{run.project}/{run.domain}"),
                        ("Created", time(root.details.status.start_time)),
                        ("Took", _took(root)),
                    ]
                ),
                tag("pre", why) if why else None,
                name="run",
                live=True,
            ),
            section(
                "Actions",
                table("Actions", ["Action", "Phase", "Group", "Took", "Tries", "Cache", ""], rows),
                name="actions",
                live=True,
            ),
            section("Inputs", self._values("Inputs", root.spec.input_uri), name="inputs"),
            section("Outputs", self._values("Outputs", _outputs_uri(root)), name="outputs", live=True),
            above=[link("Runs of Flyte 2", _BASE)],
            running=going,
        )

    def _row(self, one: StoredAction, depth: int) -> list[Content]:
        details = one.details
        metadata = details.metadata
        kind = metadata.WhichOneof("spec")
        name = metadata.task.short_name or metadata.funtion_name or details.id.name
        shown = joined(
            "\u2003" * depth, tag("span", name, title=details.id.name), "" if kind == "task" else f" ({kind})"
        )
        cache = run_cache(details.status.cache_status)
        links: list[Content] = []
        if details.attempts and metadata.action_type != _TRACE:
            target = log_path(details.id, len(details.attempts))
            links = [link("log", target), " ", self._report(details.attempts[-1])]
        return [shown, _phase(one), metadata.group, _took(one), len(details.attempts) or "", cache, links]

    def _report(self, attempt: Any) -> Markup | None:
        path = self._places.path(attempt.outputs.report_uri)
        native = str(path) if self._layout.bucket is None else attempt.outputs.report_uri
        url_path = self._layout.url_path(native) if attempt.outputs.report_uri and path.is_file() else None
        return None if url_path is None else link("report", self._signer.url("GET", url_path, seconds=_LINK_SECONDS))

    def _values(self, caption: str, uri: str) -> Content:
        data = self._places.read(uri) if uri else None
        if data is None:
            return tag("p", "None.", class_="soft")
        # Entries of both generations have the same numbers.
        return self._literals.map(caption, literals_pb2.LiteralMap.FromString(data))

    def _log(self, exchange: Exchange, found: list[StoredAction], wanted: dict[str, str]) -> None:
        number = wanted.get("attempt", "1")
        for one in found:
            for attempt in one.details.attempts:
                if one.details.id.name == wanted["log"] and str(attempt.attempt) == number:
                    path = self._places.path(attempt.outputs.output_uri).with_name("task.log")
                    data = path.read_bytes() if path.is_file() else b""
                    exchange.answer(200, data, "text/plain; charset=utf-8", HEADERS)
                    return
        exchange.refuse(404, "there is no such log")


def run_path(run: Any) -> str:
    """The page of a run, as Flyte 2's clients make its URL."""
    parts = ("domain", run.domain, "project", run.project, "runs", run.name)
    return "/".join([_BASE, *(quote(part, safe="") for part in parts)])


def log_path(action_id: Any, attempt: int) -> str:
    """The log of an attempt."""
    return f"{run_path(action_id.run)}?log={quote(action_id.name)}&attempt={attempt}"


def run_cache(status: int) -> str:
    """What the cache did, in a word."""
    return {2: "populated", 3: "hit"}.get(status, "")


def _tree(found: list[StoredAction]) -> list[tuple[int, StoredAction]]:
    """Actions below those that enqueued them, with their depth."""
    below: dict[str, list[StoredAction]] = {}
    for one in found:
        below.setdefault(one.details.metadata.parent, []).append(one)
    rows: list[tuple[int, StoredAction]] = []

    def walk(parent: str, depth: int) -> None:
        for one in below.pop(parent, ()):
            rows.append((depth, one))
            walk(one.details.id.name, depth + 1)

    walk("", 0)
    return rows


def _phase(one: StoredAction) -> Markup:
    number = one.details.status.phase
    return phase(_PHASES[number].name.removeprefix("ACTION_PHASE_") if number in _PHASES else str(number))


def _took(one: StoredAction) -> Markup:
    status = one.details.status
    end = status.end_time if status.HasField("end_time") else now()
    return tag("span", duration(seconds_between(status.start_time, end)), class_="number")


def _why(one: StoredAction) -> str:
    return str(one.details.error_info.message or one.details.abort_info.reason)


def _outputs_uri(one: StoredAction) -> str:
    succeeded = one.details.status.phase == phase_pb2.ACTION_PHASE_SUCCEEDED and one.details.attempts
    return str(one.details.attempts[-1].outputs.output_uri) if succeeded else ""


def _send(exchange: Exchange, status: int, html: bytes) -> None:
    exchange.answer(status, html, "text/html; charset=utf-8", HEADERS)
