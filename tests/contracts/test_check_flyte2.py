"""`check` on Flyte 2, where tasks and triggers are what is launched: what is good there is no problem, by server and by file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge_core import Client, Cron, InterfaceSnapshot, Trigger
from bridge_core.cli.main import main
from bridge_core.sandbox import Sandbox

GOOD = """
import dagster as dg
from dagster_integration import build_flyte_assets

plain = build_flyte_assets("env.fit", name="plain", inputs={"day": "d"})
task = build_flyte_assets("task:env.fit@latest", name="task", inputs={"day": "d"}, options={"queue": "gpu"})
active = build_flyte_assets("env.fit@active", name="active", inputs={"day": "d"})
trigger = build_flyte_assets("launch_plan:nightly", name="trigger")
"""
BROKEN = """
import dagster as dg
from dagster_integration import build_flyte_assets

typo = build_flyte_assets("env.fitt", name="typo", inputs={"day": "d"})  # there is no launch plan 'env.fitt'
kind = build_flyte_assets("workflow:env.fit", name="kind", inputs={"day": "d"})  # Flyte 2 has no workflows; name the task
value = build_flyte_assets("env.fit", name="value", inputs={"day": 3})  # inputs.day: expected string
version = build_flyte_assets("task:env.fit@v9", name="version", inputs={"day": "d"})  # has no version 'v9'
option = build_flyte_assets("env.fit", name="option", inputs={"day": "d"}, options={"tags": ["a"]})  # option 'tags'
given = build_flyte_assets("launch_plan:nightly", name="given", inputs={"dya": "d"})  # inputs.dya
"""


@pytest.fixture(scope="module")
def place() -> Iterator[list[str]]:
    """A task, and a trigger of it."""
    with Sandbox() as running:
        running.stub("env.fit", inputs={"day": str}, outputs={"o0": 0.5})
        with Client(running.config(flyte_version=2)) as flyte:
            flyte.deploy_trigger(
                Trigger("nightly", entity="task:env.fit", automation=Cron("0 3 * * *"), inputs={"day": "d"})
            )
        endpoint = str(running.flyte2_endpoint)
        yield ["--endpoint", endpoint, "--insecure", "--project", "flytesnacks", "--domain", "development"]


def problems(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> list[tuple[int, str]]:
    capsys.readouterr()
    main([*arguments, "--output", "json"])
    return [(item["line"], item["problem"]) for item in json.loads(capsys.readouterr().out)]


def test_good_and_broken(place: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "good.py").write_text(GOOD)
    (tmp_path / "broken.py").write_text(BROKEN)
    file = str(tmp_path / "interfaces.json")
    assert main(["snapshot", "flytesnacks/development", "-o", file, *place]) == 0
    found = InterfaceSnapshot.read(file)
    assert [ref.name for ref in found.list_entities("launch_plan")] == ["nightly"]
    assert found.get_entity("nightly").active
    expected = {
        number: line.partition("  # ")[2] for number, line in enumerate(BROKEN.splitlines(), 1) if "  # " in line
    }
    for against in (["--against", file], ["--against", "server", *place]):
        assert problems(["check", str(tmp_path / "good.py"), *against], capsys) == []
        told = problems(["check", str(tmp_path / "broken.py"), *against], capsys)
        assert [line for line, _ in told] == list(expected), told
        assert all(expected[line] in text for line, text in told), told
