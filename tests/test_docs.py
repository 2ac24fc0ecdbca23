"""The pages under docs/ are complete, and commands that they show are read by the real parser; code: test_page_code.py."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
import sys
import textwrap

import pytest
from support.pages import PAGES, README, ROOT, blocks

import bridge_core
from bridge_core import BridgeError, FailureKind
from bridge_core.cli.exit_codes import exit_code
from bridge_core.cli.main import _parser

ERRORS = [
    name
    for name in bridge_core.__all__
    if inspect.isclass(kind := getattr(bridge_core, name)) and issubclass(kind, BridgeError)
]


def rows(page: str) -> list[list[str]]:
    """Cells of all table rows of a page."""
    lines = [line.replace(r"\|", "/") for line in PAGES[page].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_readme_leads_to_every_page() -> None:
    assert [name for name in PAGES if f"docs/{name}" not in README] == []


def test_links_between_pages_lead_somewhere() -> None:
    for name, text in {**PAGES, "../README.md": README}.items():
        for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#?([^)]*)\)", text):
            path = (ROOT / "docs" / name).parent / target
            assert path.exists(), f"{name}: {target}"
            heads = re.findall(r"^#+ (.*)$", path.read_text(), re.MULTILINE) if anchor else []
            known = [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads]
            assert not anchor or anchor in known, f"{name}: {target}#{anchor}"


def test_every_kind_of_failure_is_on_its_page() -> None:
    shown = {name for cells in rows("explain.md") for name in re.findall(r"`([A-Z_]+)`", cells[0])}
    assert shown == {kind.name for kind in FailureKind}


def test_every_parameter_of_the_operator_is_on_its_page() -> None:
    code = """
        import inspect
        from airflow_provider._connection.config import EXTRA_KEYS
        from airflow_provider.operators.flyte import FlyteRunOperator
        own = inspect.signature(FlyteRunOperator.__init__).parameters
        print(*(name for name in own if name not in ("self", "kwargs")))
        print(*FlyteRunOperator.template_fields)
        print(*EXTRA_KEYS)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=100)
    parameters, templated, extra = (line.split() for line in done.stdout.splitlines()[-3:])
    shown = [name for cells in rows("airflow.md") for name in re.findall(r"`(\w+)`", cells[0])]
    assert set(parameters) - set(shown) == set()
    assert set(shown[:7]) == set(templated)
    assert [key for key in extra if f"`{key}`" not in PAGES["airflow_connection.md"]] == []


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("airflow_sensors.md", ["sensors.flyte.FlyteRunSensor", "triggers.flyte.FlyteRunEventTrigger"]),
        ("airflow_verbs.md", [f"operators.flyte.Flyte{verb}Operator" for verb in ("Signal", "Abort", "DeployTrigger")]),
    ],
)
def test_every_parameter_of_the_other_classes_is_on_its_page(page: str, names: list[str]) -> None:
    code = f"""
        import inspect
        from importlib import import_module
        for module, _, name in (path.rpartition(".") for path in {names!r}):
            print(*inspect.signature(getattr(import_module("airflow_provider." + module), name).__init__).parameters)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    shown = {name for cells in rows(page) for name in re.findall(r"`(\w+)`", cells[0])}
    assert set(done.stdout.split()) - {"self", "kwargs"} - shown == set()


def test_every_field_and_argument_of_dagster_is_on_its_page() -> None:
    from dagster_integration import FlyteResource, __all__, build_flyte_assets

    arguments = [name for name in inspect.signature(build_flyte_assets).parameters if name not in ("entity", "asset")]
    for name in (*FlyteResource.model_fields, *arguments, *__all__):
        assert f"`{name}`" in PAGES["dagster.md"] or name in "".join(blocks(PAGES["dagster.md"], "python")), name


def test_every_error_is_on_its_page_once() -> None:
    table = PAGES["errors.md"].partition("## ")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == sorted(set(ERRORS) - {"BridgeError"})


def test_exit_codes_are_those_of_the_page() -> None:
    shown = {int(cells[0]) for cells in rows("cli.md") if cells[0].isdecimal()}
    used = {exit_code(getattr(bridge_core, name)("x")) for name in ERRORS}
    assert used <= shown
    assert shown == {0, 1, 2, 3, 4, 5, 6, 130, 141}


COMMANDS = [
    line.split(" #")[0].split("||")[0].partition("flyte-bridge ")[2].strip()
    for text in (*PAGES.values(), README)
    for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    for line in block.splitlines()
    if re.match(r"(\$ |\S+ \* .*)?flyte-bridge ", line)
]


@pytest.mark.parametrize("command", [one for whole in COMMANDS for one in [whole.split(" | ")[0]]])
def test_commands_on_pages_are_understood(command: str) -> None:
    words = shlex.split(command)
    arguments, rest = _parser(words).parse_known_args(words)
    assert not rest
    assert arguments.run.__name__ != "usage"
