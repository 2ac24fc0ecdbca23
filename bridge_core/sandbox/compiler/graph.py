"""A workflow while it is compiled: its nodes with their interfaces, and the edges between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model.ids import START_NODE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .library import Library

__all__ = ["Graph", "Vertex"]


class Vertex:
    """A node with what is found out about it.

    Args:
        message: The node; ids, promises and lists in it are completed in place.
    """

    def __init__(self, message: Any) -> None:
        self.message = message
        self.interface: Any | None = None
        self._arms: list[Vertex] | None = None
        self._item: Vertex | None = None

    @property
    def id(self) -> str:
        """The node's id."""
        return str(self.message.id)

    @property
    def arms(self) -> list[Vertex]:
        """The nodes that a branch chooses from."""
        if self._arms is None:
            self._arms = [Vertex(arm) for arm in _present(self.message.branch_node)]
        return self._arms

    @property
    def item(self) -> Vertex:
        """What an array runs for each item."""
        if self._item is None:
            self._item = Vertex(self.message.array_node.node)
        return self._item


class Graph:
    """Nodes and edges of one workflow.

    Args:
        template: The workflow.
        library: Tasks, launch plans and sub-workflows that nodes may refer to.
    """

    def __init__(self, template: Any, library: Library) -> None:
        self.template = template
        self.library = library
        self.compiled: dict[str, Any] = {}
        self.vertices: dict[str, Vertex] = {}
        self.upstream: dict[str, set[str]] = {}
        self.downstream: dict[str, set[str]] = {}

    def connect(self, above: str, below: str, *, down: bool = True) -> None:
        """An edge; ``down=False`` for arms of branches and failure nodes, which nothing starts but their owner."""
        self.upstream.setdefault(below, set()).add(above)
        if down:
            self.downstream.setdefault(above, set()).add(below)

    def unreached(self) -> set[str]:
        """Nodes that no way from the start leads to."""
        reached, waiting = {START_NODE}, [START_NODE]
        while waiting:
            for name in self.downstream.get(waiting.pop(), ()):
                if name not in reached:
                    reached.add(name)
                    waiting.append(name)
        return self.vertices.keys() - reached

    def cycle(self) -> list[str] | None:
        """A way from the start into a circle and once around it, or None."""
        done: set[str] = set()
        way = [START_NODE]
        below = [iter(sorted(self.downstream.get(START_NODE, ())))]
        while way:
            name = next(below[-1], None)
            if name is None:
                below.pop()
                done.add(way.pop())
            elif name in way:
                return [*way, name]
            elif name not in done:
                way.append(name)
                below.append(iter(sorted(self.downstream.get(name, ()))))
        return None

    def connections(self, into: Any) -> None:
        """Writes the edges into a ``ConnectionSet``."""
        into.SetInParent()
        _write(self.upstream, into.upstream)
        _write(self.downstream, into.downstream)


def _write(edges: Mapping[str, set[str]], into: Any) -> None:
    for name, others in sorted(edges.items()):
        into[name].ids.extend(sorted(others))


def _present(branch: Any) -> Iterator[Any]:
    block = branch.if_else
    yield from (case.then_node for case in [block.case, *block.other] if case.HasField("then_node"))
    if block.WhichOneof("default") == "else_node":
        yield block.else_node
