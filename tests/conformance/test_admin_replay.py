"""The embedded Flyte answers as a real FlyteAdmin 1.16.8 did: its recording, call by call, against an admin without an engine.

`expected.toml` lists what is meant to differ, by the name of the field or rule, each with its reason. Anything else fails, and
so does a rule that nothing needs any more.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from admin_replay import Difference, Result, replay

from bridge_core.sandbox import Sandbox

MOST_CODES = 12
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def result() -> Result:
    with Sandbox(engine=False) as sandbox:
        return replay(sandbox)


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    found = tomllib.loads((HERE / "recorded" / "expected.toml").read_text())["rule"]
    assert all(rule["reason"] for rule in found)
    return found


def test_no_difference_is_unexpected(result: Result, rules: list[dict[str, Any]]) -> None:
    unexpected = [one for one in result.differences if not any(_covers(rule, one) for rule in rules)]
    assert not unexpected, "\n".join(
        f"{one.case} ({one.method}) {one.field}:\n  recorded {one.recorded!r}\n  answered {one.answered!r}"
        for one in unexpected[:20]
    )


def test_every_rule_is_needed(result: Result, rules: list[dict[str, Any]]) -> None:
    idle = [rule["name"] for rule in rules if not any(_covers(rule, one) for one in result.differences)]
    assert not idle


def test_few_status_codes_differ(result: Result) -> None:
    assert result.codes <= MOST_CODES


def test_the_figures_of_the_docs_are_these(result: Result, rules: list[dict[str, Any]]) -> None:
    text = (HERE.parents[1] / "docs" / "conformance.md").read_text()
    kinds = Counter(one.kind for one in result.differences)
    assert f"{result.cases} calls, {result.equal} answered equally" in text
    assert f"{kinds['code']} status codes" in text
    assert f"{len(rules)} rules" in text


def _covers(rule: dict[str, Any], one: Difference) -> bool:
    """Whether a rule is about a difference: its field, and where it says so its method and what was answered."""
    if one.field not in rule["fields"]:
        return False
    if one.method not in rule.get("methods", [one.method]):
        return False
    return str(rule.get("recorded", "")) in str(one.recorded) and str(rule.get("answered", "")) in str(one.answered)
