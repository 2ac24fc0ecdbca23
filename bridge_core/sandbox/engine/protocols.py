"""What nodes know of the graph and of the run they belong to, so that no kind of node imports either."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..model.outcome import Failure, Outcome
    from .context import EngineContext
    from .history import History
    from .parallelism import Parallelism

__all__ = ["Factory", "GraphScope", "RunScope", "Signalled", "Startable"]


class Startable(Protocol):
    """A node or a graph: begins, and ends by itself or when it is cancelled; whoever made it is told how."""

    def start(self) -> None:
        """Begins."""

    def cancel(self, reason: str) -> None:
        """Stops it; the end follows, at once or later."""

    def leave(self) -> None:
        """Forgets it: what runs goes on by itself, its records stay as they are, and nobody is told of its end."""


class Signalled(Protocol):
    """What waits for a signal."""

    def signalled(self) -> None:
        """The signal may have a value now."""


class RunScope(Protocol):
    """The run, as its nodes see it. Attributes as in `run.Run`."""

    id: Any
    key: str
    spec: Any
    workflow: Any
    tasks: dict[tuple[str, str, str, str], Any]
    workflows: dict[tuple[str, str, str, str], Any]
    gates: dict[str, list[Signalled]]
    resumed: bool
    history: History
    context: EngineContext
    factory: Factory
    parallelism: Parallelism

    def post(self, step: Callable[[], None]) -> None:
        """Lets a step happen on the loop."""

    def guard(self, step: Callable[[], None]) -> None:
        """Runs a step in one transaction."""


class GraphScope(Protocol):
    """The graph, as its nodes see it."""

    run: RunScope
    outputs: dict[str, Any]
    """LiteralMaps of the nodes that ended, by node id."""


class Factory(Protocol):
    """Makes what nodes have inside. Handed down from the engine."""

    def node(
        self,
        graph: GraphScope,
        node: Any,
        *,
        parent: str | None,
        attempt: int,
        within: Path | None,
        on_end: Callable[[Outcome], None],
        failure: Failure | None = None,
    ) -> Startable:
        """The state machine for a node, by its target; for the arguments see `node.NodeRun`."""

    def graph(
        self,
        run: RunScope,
        template: Any,
        inputs: Any,
        *,
        on_end: Callable[[Outcome], None],
        on_failing: Callable[[Failure], None] | None = None,
        parent: str | None = None,
        attempt: int = 0,
        within: Path | None = None,
        generated: bool = False,
    ) -> Startable:
        """A workflow to be executed; for the arguments see `graph.Graph`."""
