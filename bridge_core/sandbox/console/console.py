"""`Console`: finds the page that a URL asks for. It only reads; nothing here changes the sandbox."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyteidl.core import execution_pb2, identifier_pb2

from ..model.status import Rejected
from ..web.server import Route
from .entities import entity_page, names_page
from .html import link, tag
from .literals import Literals
from .logs import read_log
from .node import item_log, node_page
from .page import HEADERS, page
from .run import run_page
from .runs import runs_page
from .urls import parse

if TYPE_CHECKING:
    from ..blobs.signing import Signer
    from ..engine.engine import Engine
    from ..web.server import Exchange
    from .urls import Address

__all__ = ["Console"]

_ASSETS = {"console.css": "text/css; charset=utf-8", "console.js": "text/javascript; charset=utf-8"}
_Node = execution_pb2.NodeExecution
_GOING = ("RUNNING", "QUEUED", "INITIALIZING", "UNDEFINED")


class Console:
    """The pages of one sandbox.

    Args:
        engine: Whose runs and entities are shown.
        signer: Makes links to files.
    """

    def __init__(self, engine: Engine, signer: Signer) -> None:
        self._engine = engine
        self._literals = Literals(engine.layout, signer)

    @property
    def route(self) -> Route:
        """Everything that nobody else answers."""
        return Route(lambda _exchange: True, self._answer)

    def _answer(self, exchange: Exchange) -> None:
        address = parse(exchange.target)
        try:
            if address is not None and address.page == "asset" and address.name in _ASSETS:
                body = resources.files(__package__).joinpath("assets", address.name).read_bytes()
                exchange.answer(200, body, _ASSETS[address.name], {"Cache-Control": "no-cache"})
            elif address is not None and address.page == "log":
                self._log(exchange, address)
            else:
                html = None if address is None else self._page(address)
                _send(exchange, *((404, _missing(exchange.path)) if html is None else (200, html)))
        except Rejected as rejected:
            _send(exchange, 404, _missing(exchange.path, rejected.message))

    def _page(self, address: Address) -> bytes | None:
        if address.page == "runs":
            return runs_page(address, self._engine.executions, self._engine.admin.projects.all())
        if address.page == "run":
            return run_page(self._engine, self._literals, _run_id(address))
        if address.page == "node":
            return node_page(self._engine, self._literals, _node_id(address))
        if address.page == "names":
            return names_page(address, self._engine)
        if address.page == "entity":
            return entity_page(address, self._engine, self._literals)
        return None

    def _log(self, exchange: Exchange, address: Address) -> None:
        """A piece of a log; the script asks for the next one by its offset until it has ended."""
        identifier, attempt = _node_id(address), int(address.attempt)
        node = self._engine.nodes.get(identifier)
        path, going = self._log_path(node, attempt, address)
        if path is None:
            raise Rejected("NOT_FOUND", "there is no such log")
        whole = not address.asked("offset")
        try:
            if whole:
                data, offset = path.read_bytes(), 0
            else:
                data, offset = read_log(path, address.number("offset"))
        except OSError:
            raise Rejected("NOT_FOUND", "the log is gone") from None
        # Asked before it was read: what was written in between comes with the next question.
        headers = {**HEADERS, "X-Log-Offset": str(offset), "X-Log-Ended": "false" if going or data else "true"}
        exchange.answer(200, data, "text/plain; charset=utf-8", headers)

    def _log_path(self, node: Any, attempt: int, address: Address) -> tuple[Path | None, bool]:
        if address.asked("item"):
            path = item_log(self._engine, node.id, attempt, address.number("item"))
            return path, node.closure.phase in (_Node.RUNNING, _Node.QUEUED)
        for node_id, number, phase, path_text in self._engine.nodes.logs_of(node.id.execution_id):
            if node_id == node.id.node_id and number == attempt:
                return Path(path_text), phase in _GOING
        return None, False


def _run_id(address: Address) -> Any:
    return identifier_pb2.WorkflowExecutionIdentifier(project=address.project, domain=address.domain, name=address.name)


def _node_id(address: Address) -> Any:
    return identifier_pb2.NodeExecutionIdentifier(node_id=address.node, execution_id=_run_id(address))


def _missing(path: str, why: str = "") -> bytes:
    lines = [tag("p", f"There is no page {path[:300]} here."), tag("p", why, class_="soft") if why else None]
    return page("Not found", *lines, tag("p", link("All runs", "/console")))


def _send(exchange: Exchange, status: int, html: bytes) -> None:
    exchange.answer(status, html, "text/html; charset=utf-8", HEADERS)
