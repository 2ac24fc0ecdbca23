"""``flyte://v1/…`` URLs of inputs, outputs and decks (flyteadmin ``pkg/common/flyte_url.go``)."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from flyteidl.admin import common_pb2
from flyteidl.core import identifier_pb2

from ...model.status import Rejected

__all__ = ["FlyteUrl", "parse_flyte_url", "urls_of_node", "urls_of_task"]

_NAME = "[a-zA-Z0-9_-]+"
_FORM = re.compile(
    rf"flyte://v1/(?P<project>{_NAME})/(?P<domain>{_NAME})/(?P<execution>{_NAME})/(?P<node>{_NAME})"
    rf"(?:/(?P<attempt>[0-9]{{1,9}}))?/(?P<kind>[iod])(?:/(?P<literal>{_NAME}))?"
)


class FlyteUrl(NamedTuple):
    """What a URL names."""

    node: Any
    attempt: int | None
    kind: str
    literal: str


def parse_flyte_url(text: str) -> FlyteUrl:
    """Takes a URL apart.

    Raises:
        Rejected: INVALID_ARGUMENT when it is none.
    """
    before = "failed to validate resolve artifact request. Error: "
    if not text:
        raise Rejected("INVALID_ARGUMENT", f"{before}source is required. Provided empty string")
    if not text.startswith("flyte://"):
        raise Rejected("INVALID_ARGUMENT", f"{before}request does not start with the correct prefix")
    match = _FORM.fullmatch(text)
    if match is None or (match["kind"] == "d" and match["literal"]):
        raise Rejected("INVALID_ARGUMENT", f"failed to parse artifact url Error: failed to parse [{text}]")
    node = identifier_pb2.NodeExecutionIdentifier(node_id=match["node"])
    node.execution_id.project = match["project"]
    node.execution_id.domain = match["domain"]
    node.execution_id.name = match["execution"]
    attempt = None if match["attempt"] is None else int(match["attempt"])
    return FlyteUrl(node, attempt, match["kind"], match["literal"] or "")


def urls_of_node(node: Any, *, deck: bool) -> Any:
    """The URLs of a node execution."""
    return _urls(_stem(node), deck=deck)


def urls_of_task(task: Any, *, deck: bool) -> Any:
    """The URLs of a task execution."""
    return _urls(f"{_stem(task.node_execution_id)}/{task.retry_attempt}", deck=deck)


def _stem(node: Any) -> str:
    run = node.execution_id
    return f"flyte://v1/{run.project}/{run.domain}/{run.name}/{node.node_id}"


def _urls(stem: str, *, deck: bool) -> Any:
    return common_pb2.FlyteURLs(inputs=f"{stem}/i", outputs=f"{stem}/o", deck=f"{stem}/d" if deck else "")
