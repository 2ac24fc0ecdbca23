"""The embedded Flyte 2 answers as the open-source backend 2.0.43 did: its recording, call by call, over gRPC and Connect.

Status code, message, and every field of the answer of a unary call; of streams the code, since how many messages come is chance.
`expected-flyte2.toml` lists what is meant to differ, each with its reason. Anything else fails, and so does a rule that nothing
needs any more.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from flyte2_replay import Clock, Difference, Result, replay

from bridge_core.sandbox import Sandbox

MOST_CODES = 0.02
EQUAL = 340  # of the answers whose fields are compared; how much of a short pod is seen is chance
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def result() -> Result:
    clock = Clock()
    with Sandbox(clock=clock) as sandbox:
        return replay(sandbox, clock)


@pytest.fixture(scope="module")
def rules() -> list[dict[str, Any]]:
    found = tomllib.loads((HERE / "recorded" / "expected-flyte2.toml").read_text())["rule"]
    assert all(rule["reason"] for rule in found)
    return found


def test_no_difference_is_unexpected(result: Result, rules: list[dict[str, Any]]) -> None:
    unexpected = [one for one in result.differences if not any(_covers(rule, one) for rule in rules)]
    assert not unexpected, "\n".join(
        f"{one.case} ({one.method}, {one.protocol}) {one.field}:\n  recorded {one.recorded!r}\n  answered {one.answered!r}"
        for one in unexpected[:20]
    )


def test_every_rule_is_needed(result: Result, rules: list[dict[str, Any]]) -> None:
    idle = [rule["name"] for rule in rules if not any(_covers(rule, one) for one in result.differences)]
    assert not idle


def test_few_status_codes_differ(result: Result) -> None:
    assert result.cases > 700
    assert result.codes <= MOST_CODES * result.cases


def test_the_figures_of_the_docs_are_these(result: Result, rules: list[dict[str, Any]]) -> None:
    text = (HERE.parents[1] / "docs" / "conformance.md").read_text()
    assert f"the {len(rules)} rules of" in text
    assert f"fields of {result.fields} answers" in text
    assert result.equal >= EQUAL, f"{result.equal} of {result.fields}"


def _covers(rule: dict[str, Any], one: Difference) -> bool:
    """Whether a rule is about a difference: its field, and where it says so its case and method."""
    if one.field not in rule["fields"] or one.case not in rule.get("cases", [one.case]):
        return False
    return one.method in rule.get("methods", [one.method])
