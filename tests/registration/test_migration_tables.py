"""docs/migration.md knows every registration call of the installed flytekit and flyte, and every parameter: no more, no fewer."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bridge_core import Client

PAGE = (Path(__file__).parents[2] / "docs" / "migration.md").read_text()
TABLES = PAGE.partition("\n## Registration\n")[2].partition("\n## ")[0]
THEIRS = "\n".join(line.split("|")[1] for line in TABLES.splitlines() if line.startswith("|"))

PROBE = """
import inspect, json, re
from flytekit.configuration import FastSerializationSettings, Image, ImageConfig, SerializationSettings
from flytekit.remote import FlyteRemote
import flyte

def parameters(call):
    kinds = {inspect.Parameter.VAR_POSITIONAL: "*"}
    return [kinds.get(p.kind, "") + p.name for p in inspect.signature(call).parameters.values() if p.name not in ("self", "cls")]

found = {}
for name, member in inspect.getmembers(FlyteRemote, inspect.isfunction):
    if not name.startswith("_") and re.search("register|package|upload|activate|deploy|serializ", name):
        found[name] = parameters(member)
for kind in (FastSerializationSettings, Image, ImageConfig, SerializationSettings):
    found[kind.__name__] = parameters(kind)
    if kind in (ImageConfig, SerializationSettings):
        for name, raw in vars(kind).items():
            # what dataclasses_json brings is no call of theirs
            if not name.startswith("_") and getattr(inspect.unwrap(getattr(kind, name)), "__module__", "").startswith(
                "flytekit"
            ) and not inspect.isclass(raw) and callable(getattr(kind, name)):
                found[f"{kind.__name__}.{name}"] = parameters(getattr(kind, name))
for name in ("deploy", "build_images"):
    found[f"flyte.{name}"] = parameters(getattr(flyte, name))
print("FOUND" + json.dumps(found))
"""


@pytest.fixture(scope="module")
def theirs() -> dict[str, list[str]]:
    """Call -> parameters, of what is installed."""
    import json

    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PROBE], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = json.loads(done.stdout.partition("FOUND")[2])
    return found


def test_every_parameter_of_theirs_is_in_a_table_and_nothing_else_is(theirs: dict[str, list[str]]) -> None:
    shown = set(re.findall(r"`([\w.]+\((?:\*?\w+=)?\))`", THEIRS))
    wanted = {f"{call}({name}=)" for call, names in theirs.items() for name in names}
    wanted |= {f"{call}()" for call, names in theirs.items() if not names}
    assert sorted(wanted - shown) == [], "the installed SDK has what the tables lack"
    assert sorted(shown - wanted) == [], "the tables have what the installed SDK lacks"


def test_the_probe_sees_the_calls_that_it_is_about(theirs: dict[str, list[str]]) -> None:
    for call in ("register_workflow", "register_script", "fast_register_workflow", "SerializationSettings.for_image",
                 "ImageConfig.auto", "ImageConfig.validate_image", "flyte.deploy"):  # fmt: skip
        assert theirs[call], call


def test_arguments_of_ours_in_the_tables_exist() -> None:
    own = set(inspect.signature(Client.register).parameters)
    cells = [line.split("|")[2] for line in TABLES.splitlines() if line.startswith("|") and "upload_file" not in line]
    named = {name for cell in cells for name in re.findall(r"(\w+)=", re.sub(r'"[^"]*"', "", cell))} - {"requests"}
    assert named
    assert named - own == set()
