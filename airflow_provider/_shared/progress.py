"""What people want to read in a task's log while its run goes on: which node does what, at which attempt, and where its log is.

Each line once. Nodes are asked about with two calls a round and one for each of few nodes, never with one per node of the run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from bridge_core import BridgeError

if TYPE_CHECKING:
    from bridge_core import AsyncClient, Client, LogLink, NodeSnapshot, RunRef

__all__ = ["FIRST", "LOG_KEY", "Progress", "pauses"]

FIRST = 30.0
"""Seconds after which a worker tells for the first time; None of the operator."""
LOG_KEY = "flyte_log_url"
"""XCom behind the link *Flyte log*."""
_LONGEST = 300.0
_NODES = 5
"""Whose logs are asked for in one round."""
_LINES = 200
_TOLD = frozenset({"RUNNING", "DYNAMIC_RUNNING", "FAILING", "FAILED", "TIMED_OUT", "ABORTED", "RECOVERED", "SUCCEEDED"})
_LOGGED = frozenset({"RUNNING", "FAILING", "FAILED", "TIMED_OUT"})


class Progress:
    """Remembers what was said about one run.

    Args:
        ref: The run.
    """

    def __init__(self, ref: RunRef) -> None:
        self._ref = ref
        self._told: set[str] = set()
        self.log_url: str | None = None
        """Where the log is of what runs, or failed, as last heard."""

    def tell(self, client: Client) -> list[str]:
        """Lines that are news now; none when Flyte does not say."""
        try:
            tree = client.nodes(self._ref)
            logs = [log for node in _logged(tree) for log in client.logs(self._ref, node=node)]
        except BridgeError:
            return []
        return self.news(tree, logs)

    async def atell(self, client: AsyncClient) -> list[str]:
        """`tell` on an event loop."""
        try:
            tree = await client.nodes(self._ref)
            logs = [log for node in _logged(tree) for log in await client.logs(self._ref, node=node)]
        except BridgeError:
            return []
        return self.news(tree, logs)

    def news(self, tree: Iterable[NodeSnapshot], logs: Iterable[LogLink]) -> list[str]:
        """Lines about these that were not said before."""
        lines = [_line(node) for top in tree for node in top.walk() if not node.children and node.phase in _TOLD]
        logs = list(logs)
        lines += [_log_line(log) for log in logs]
        if logs:
            first = [log for log in logs if log.node == logs[0].node]
            self.log_url = max(first, key=lambda log: log.attempt).uri
        fresh = [line for line in dict.fromkeys(lines) if line not in self._told]
        room = max(0, _LINES - len(self._told))
        self._told.update(fresh[:room])
        if len(fresh) > room > 0:
            return [*fresh[:room], "… and more nodes: see the console"]
        return fresh[:room]


def pauses(first: float) -> Iterable[float]:
    """Seconds between two rounds: runs that take long have less to tell."""
    pause = first
    while True:
        yield pause
        pause = min(2 * pause, max(first, _LONGEST))


def _log_line(log: LogLink) -> str:
    """Where to read it."""
    item = "" if log.item is None else f", item {log.item}"
    return f"log of node {log.node}, attempt {log.attempt + 1}{item}: {log.uri}"


def _line(node: NodeSnapshot) -> str:
    why = f": {node.error.summary}" if node.error is not None else ""
    return f"node {node.id} is {node.phase}{why}"


def _logged(tree: Iterable[NodeSnapshot]) -> list[str]:
    nodes = [node for top in tree for node in top.walk() if not node.children and node.phase in _LOGGED]
    nodes.sort(key=lambda node: node.phase == "RUNNING")  # what failed comes first
    return [node.id for node in nodes[:_NODES]]
