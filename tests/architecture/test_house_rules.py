"""The rules that no linter knows: file sizes, docstrings that say why, integrations that use the facade only."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path
    for package in ("bridge_core", "airflow_provider", "dagster_integration")
    for path in (ROOT / package).rglob("*.py")
)
HARD_LIMIT = 400
MOST_DOORS = 12


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_are_small_and_say_why_they_exist(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < HARD_LIMIT
    assert ast.get_docstring(ast.parse(text)), "a module docstring says why the file exists"


def test_the_root_of_the_core_shows_its_doors_and_little_else() -> None:
    doors = [path.name for path in SOURCES if path.parent == ROOT / "bridge_core"]
    assert len(doors) <= MOST_DOORS, f"{doors}: what is no door belongs in a room"


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if path.relative_to(ROOT).parts[0] != "bridge_core"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_integrations_import_only_the_facade(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            assert not node.module.startswith("bridge_core.") or node.module == "bridge_core.connector", (
                f"line {node.lineno}: import names from bridge_core itself"
            )
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("bridge_core.") for alias in node.names), f"line {node.lineno}"


def test_asyncio_stays_in_its_rooms() -> None:
    allowed = {
        "bridge_core/transport/aio.py",
        "bridge_core/waiting/renewal.py",
        "bridge_core/waiting/shared_client.py",
        "bridge_core/waiting/shared_poll.py",
        "bridge_core/waiting/waiters.py",
    }
    rooms = ("bridge_core/sandbox/", "bridge_core/connector/")
    for path in SOURCES:
        name = str(path.relative_to(ROOT))
        if name in allowed or not name.startswith("bridge_core/") or name.startswith(rooms):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.append(node.module)
            assert not any(item.split(".")[0] == "asyncio" for item in names), f"{name}:{getattr(node, 'lineno', 0)}"
