"""What is there on every line of Dagster, and what a line that lacks something says. The rest of the suite runs on each, too."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import dagster as dg
import pytest

import dagster_integration

ROOT = Path(__file__).parents[2]
LINES = sorted(path.stem for path in (ROOT / "tests" / "dagster" / "lines").glob("*.txt"))
HAS_STATE = hasattr(dg, "StateBackedComponent")


def test_every_name_that_is_listed_can_be_had() -> None:
    listed = dir(dagster_integration)
    assert [name for name in listed if getattr(dagster_integration, name) is None] == []
    missing = set() if HAS_STATE else {"FlyteProjectComponent"}
    assert set(dagster_integration.__all__) - set(listed) == missing


def test_every_public_name_of_dagsters_that_is_used_is_there() -> None:
    own = {"_compat.py"} | (set() if HAS_STATE else {"component.py"})  # they look first, or say what they lack
    missing = [
        f"{path.name}:{node.lineno} dg.{node.attr}"
        for path in sorted(Path(dagster_integration.__file__).parent.rglob("*.py"))
        if path.name not in own
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "dg"
        if not hasattr(dg, node.attr)
    ]
    assert missing == []


@pytest.mark.skipif(HAS_STATE, reason="this Dagster has it")
def test_what_a_line_lacks_is_named() -> None:
    with pytest.raises(ImportError, match=r"needs Dagster 1\.12 or newer, because of dagster\.StateBackedComponent"):
        _ = dagster_integration.FlyteProjectComponent


def test_the_lines_that_are_tested_are_those_that_are_promised() -> None:
    (bound,) = re.findall(r'^dagster = \["dagster>=([\d.]+),<2', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    (pinned,) = re.findall(r"^dagster==([\d.]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    lines = [".".join(version.split(".")[:2]) for version in [*LINES, pinned]]
    assert bound == lines[0]
    promised = re.search(r"\| Dagster \| ([^|]+) \|", (ROOT / "docs" / "versions.md").read_text())
    assert promised is not None
    assert promised[1].split(", ") == lines
