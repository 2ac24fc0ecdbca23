"""Draws the rooms of the house and who enters whom, from the imports themselves, into `architecture.md` (`make picture`).

A room is a folder of `bridge_core`, or one of the modules at its root; the two integrations are rooms too. Imports for type
checkers count. An arrow that follows from two others is left out: what is drawn is the transitive reduction, which exists
and is unique because there are no circles (`make check`).
"""

from __future__ import annotations

import sys
from pathlib import Path

import grimp

PACKAGES = ("bridge_core", "airflow_provider", "dagster_integration")
BEGIN, END = "<!-- made by `make picture` -->\n", "<!-- end -->\n"
PAGE = Path(__file__).parent / "architecture.md"


def rooms() -> dict[str, set[str]]:
    """Room -> rooms that its modules import."""
    graph = grimp.build_graph(*PACKAGES)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        here = _room(module)
        targets = {_room(other) for other in graph.find_modules_directly_imported_by(module)}
        found.setdefault(here, set()).update(targets - {here})
    return found


def _room(module: str) -> str:
    parts = module.split(".")
    if parts[0] != "bridge_core":
        return parts[0]
    return parts[1] if len(parts) > 1 else "bridge_core (facade)"


def reduced(edges: dict[str, set[str]]) -> dict[str, set[str]]:
    """The same order with as few arrows as possible."""
    below: dict[str, set[str]] = {}

    def reach(room: str) -> set[str]:
        if room not in below:
            below[room] = (
                set().union(*(({other} | reach(other)) for other in edges.get(room, ()))) if edges.get(room) else set()
            )
        return below[room]

    return {
        room: {other for other in targets if not any(other in reach(between) for between in targets - {other})}
        for room, targets in edges.items()
    }


def mermaid() -> str:
    """The drawing, in Mermaid's language, which code hosts show as a picture."""
    edges = {room: targets for room, targets in rooms().items() if not room.startswith("bridge_core (")}
    # The facade imports lazily: whoever uses it may use every public name, so arrows through it say nothing.
    facade = "bridge_core (facade)"
    for targets in edges.values():
        if facade in targets:
            targets.discard(facade)
            targets.add("client")
    lines = ["```mermaid", "flowchart TD"]
    for room, targets in sorted(reduced(edges).items()):
        lines += [f"    {room} --> {other}" for other in sorted(targets)]
    return "\n".join([*lines, "```", ""])


def page(text: str) -> str:
    """The page with the drawing of today."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{PAGE.name} lacks the marks {BEGIN.strip()} and {END.strip()}")
    return head + begin + mermaid() + end + tail


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
    sys.stdout.write(mermaid())
