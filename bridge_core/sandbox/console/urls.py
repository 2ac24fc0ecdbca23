"""The URLs of pages: those of Flyte's own console, so that links made for it open here, and a few below them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from flyteidl.core import identifier_pb2

__all__ = ["KINDS", "Address", "asset_path", "entity_path", "list_path", "log_path", "node_path", "parse", "run_path"]

KINDS = {
    identifier_pb2.WORKFLOW: "workflow",
    identifier_pb2.TASK: "task",
    identifier_pb2.LAUNCH_PLAN: "launch_plan",
}
"""Resource type -> how it is called in paths."""

_LISTS = {
    "workflows": "workflow",
    "tasks": "task",
    "launchPlans": "launch_plan",
    "launch_plans": "launch_plan",
    "launchplans": "launch_plan",
}
_PART = r"([^/]+)"
_IN = rf"(?:/projects/{_PART}(?:/domains/{_PART})?)?"
_RUN = rf"/projects/{_PART}/domains/{_PART}/executions/{_PART}"
_PATTERNS = (
    ("asset", re.compile(rf"/assets/{_PART}"), ("name",)),
    ("run", re.compile(rf"{_RUN}(?:/(?:nodes|graph|timeline))?"), ("project", "domain", "name")),
    ("node", re.compile(rf"{_RUN}/nodes/{_PART}"), ("project", "domain", "name", "node")),
    ("log", re.compile(rf"{_RUN}/nodes/{_PART}/log/(\d{{1,9}})"), ("project", "domain", "name", "node", "attempt")),
    ("runs", re.compile(rf"{_IN}(?:/executions)?"), ("project", "domain")),
    ("names", re.compile(rf"{_IN}/({'|'.join(_LISTS)})"), ("project", "domain", "kind")),
    (
        "names",
        re.compile(
            rf"/projects/{_PART}/domains/{_PART}/(workflow|task|launch_plan|{'|'.join(_LISTS)})/{_PART}(?:/versions?)?"
        ),
        ("project", "domain", "kind", "name"),
    ),
    (
        "entity",
        re.compile(
            rf"/projects/{_PART}/domains/{_PART}/(workflow|task|launch_plan|{'|'.join(_LISTS)})/{_PART}/versions?/{_PART}"
        ),
        ("project", "domain", "kind", "name", "version"),
    ),
)


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed URL."""

    page: str
    """``runs``, ``run``, ``node``, ``log``, ``names``, ``entity`` or ``asset``."""
    project: str = ""
    domain: str = ""
    kind: str = ""
    """A value of `KINDS`."""
    name: str = ""
    """Of a run, an entity or an asset."""
    version: str = ""
    node: str = ""
    attempt: str = ""
    query: tuple[tuple[str, str], ...] = ()

    def asked(self, key: str) -> str:
        """A value of the query, or the empty text."""
        return dict(self.query).get(key, "").strip()

    def number(self, key: str) -> int:
        """A whole number of the query, 0 when it is none."""
        value = self.asked(key)
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 16 else 0  # noqa: PLR2004


def parse(url: str) -> Address | None:
    """What a URL asks for; None for nothing of ours."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if path and path != "/console" and not path.startswith("/console/"):
        return None
    rest = path.removeprefix("/console")
    query = tuple((key, values[0]) for key, values in parse_qs(parts.query).items())
    for page, pattern, names in _PATTERNS:
        match = pattern.fullmatch(rest)
        if match is not None:
            found = {name: unquote(value or "") for name, value in zip(names, match.groups(), strict=True)}
            if "kind" in found:
                found["kind"] = _LISTS.get(found["kind"], found["kind"])
            return Address(page, query=query, **found)
    return None


def run_path(identifier: Any) -> str:
    """A run's page."""
    return f"{_scope(identifier.project, identifier.domain)}/executions/{_quoted(identifier.name)}"


def node_path(identifier: Any) -> str:
    """A node's page."""
    return f"{run_path(identifier.execution_id)}/nodes/{_quoted(identifier.node_id)}"


def log_path(identifier: Any, attempt: int, item: int | None = None) -> str:
    """The log of an attempt of a node, or of an item of an array node, as text."""
    query = "" if item is None else f"?item={item}"
    return f"{node_path(identifier)}/log/{attempt}{query}"


def entity_path(identifier: Any) -> str:
    """The page of a version of a workflow, task or launch plan."""
    kind = KINDS[identifier.resource_type]
    scope = _scope(identifier.project, identifier.domain)
    return f"{scope}/{kind}/{_quoted(identifier.name)}/version/{_quoted(identifier.version)}"


def list_path(what: str = "", project: str = "", domain: str = "", /, **query: str) -> str:
    """A list: of runs (``""``), ``workflows``, ``tasks`` or ``launchPlans``, everywhere or in a project."""
    path = _scope(project, domain) if project else "/console"
    path += f"/{what}" if what else "/executions" if domain else ""
    given = {key: value for key, value in query.items() if value}
    return f"{path}?{urlencode(given)}" if given else path


def asset_path(name: str) -> str:
    """A stylesheet or script."""
    return f"/console/assets/{name}"


def _scope(project: str, domain: str) -> str:
    path = f"/console/projects/{_quoted(project)}"
    return f"{path}/domains/{_quoted(domain)}" if domain else path


def _quoted(part: str) -> str:
    return quote(part, safe="")
