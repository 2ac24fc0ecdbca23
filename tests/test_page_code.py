"""The Python and YAML that the pages under docs/ show is executed as it stands there."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.pages import PAGES, ROOT, blocks

from bridge_core import Client, Config, InterfaceSnapshot
from bridge_core.cli.main import main

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def at_the_sandbox(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a page's reader has in the environment."""
    for name, value in {
        "FLYTE_PLATFORM_URL": sandbox.endpoint,
        "FLYTE_PLATFORM_INSECURE": "true",
        "FLYTE_LOCAL_PROJECT": "flytesnacks",
        "FLYTE_LOCAL_DOMAIN": "development",
    }.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    "page",
    [
        "airflow.md",
        "airflow_sensors.md",
        "airflow_verbs.md",
        "dagster.md",
        "dagster_assets.md",
        "dagster_executor.md",
        "dagster_catalog.md",
        "dagster_observing.md",
        "dagster_partitions.md",
        "dagster_pipes.md",
        "schedules.md",
    ],
)
def test_what_an_orchestrators_page_shows_can_be_built(page: str, tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text("\n".join(blocks(PAGES[page], "python")))
    interfaces_of("ml", "production", {"day": "STRING"}).write(tmp_path / "interfaces.json")
    command = [sys.executable, "-W", "ignore", "page.py"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr


def interfaces_of(project: str, domain: str, inputs: dict[str, str]) -> InterfaceSnapshot:
    """A snapshot with one launch plan, ``pkg.train``."""
    parameters = {name: {"var": {"type": {"simple": kind}}, "required": True} for name, kind in inputs.items()}
    plan = {"kind": "launch_plan", "name": "pkg.train", "versions": ["v1"]}
    interface = {"inputs": parameters, "fixed": {}, "outputs": {"o0": {"simple": "FLOAT"}}}
    data = {"format": 1, "project": project, "domain": domain, "flyte_version": 1}
    return InterfaceSnapshot.from_dict({**data, "entities": [{**plan, "interfaces": {"v1": interface}}]})


def test_what_the_page_on_launching_shows_runs(flyte_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    flyte_sandbox.stub("pkg.report", inputs={"day": str}, outputs={"rows": 7})
    at_the_sandbox(flyte_sandbox, monkeypatch)
    code = "\n".join(blocks(PAGES["launching.md"], "python"))
    names: dict[str, object] = {}
    exec(compile(code, "docs/launching.md", "exec"), names)
    assert names["ended"] == "well"
    assert flyte_sandbox.calls.count("CreateExecution") == 1 + 3, "two launches under one name, and a batch of three"


def test_what_the_page_on_explaining_shows_runs(flyte_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    flyte_sandbox.stub("pkg.brittle", inputs={"day": str}, outputs={"rows": 7}, fail_times=1)
    at_the_sandbox(flyte_sandbox, monkeypatch)
    (code,) = blocks(PAGES["explain.md"], "python")
    exec(compile(code, "docs/explain.md", "exec"), {})


def test_what_the_page_on_planning_shows_runs(flyte_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    flyte_sandbox.stub("pkg.planned", inputs={"day": str}, outputs={"rows": 7})
    at_the_sandbox(flyte_sandbox, monkeypatch)
    (code,) = blocks(PAGES["plan.md"], "python")
    exec(compile(code, "docs/plan.md", "exec"), {})


def test_what_the_page_on_origins_shows_runs(flyte_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    flyte_sandbox.stub("pkg.asked", inputs={"day": str}, outputs={"rows": 7})
    at_the_sandbox(flyte_sandbox, monkeypatch)
    (code,) = blocks(PAGES["origin.md"], "python")
    exec(compile(code, "docs/origin.md", "exec"), {})


def test_what_the_page_on_traces_shows_runs(flyte_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    flyte_sandbox.stub("pkg.traced", inputs={"day": str}, outputs={"rows": 7})
    at_the_sandbox(flyte_sandbox, monkeypatch)
    (code,) = blocks(PAGES["trace.md"], "python")
    exec(compile(code, "docs/trace.md", "exec"), {})


def test_what_the_page_on_checking_shows_runs(
    flyte_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    flyte_sandbox.stub("pkg.checked", inputs={"day": str}, outputs={"rows": 7})
    at_the_sandbox(flyte_sandbox, monkeypatch)
    monkeypatch.chdir(tmp_path)
    (code,) = blocks(PAGES["check.md"], "python")
    exec(compile(code, "docs/check.md", "exec"), {})


def test_what_the_page_on_types_shows_runs(flyte_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    flyte_sandbox.stub("pkg.halve", inputs={"share": str}, outputs={"share": "1/4"})
    at_the_sandbox(flyte_sandbox, monkeypatch)
    (code,) = blocks(PAGES["types.md"], "python")
    exec(compile(code, "docs/types.md", "exec"), {})


FLOWS = """
from flytekit import task, workflow

@task
def fit(day: str) -> str:
    return day

@workflow
def wf(day: str) -> str:
    return fit(day=day)
"""


def test_what_the_page_on_registration_shows_runs(
    flyte_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the reader's code, and an interpreter that has their SDK."""
    flyte_sandbox.stub("shop.report", inputs={"day": datetime, "top": int}, outputs={})
    at_the_sandbox(flyte_sandbox, monkeypatch)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "__init__.py").touch()
    (tmp_path / "flows" / "train.py").write_text(FLOWS)
    (tmp_path / "README.md").write_text("data")
    python = tmp_path / ".venv-flyte" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for number, code in enumerate(blocks(PAGES["registration.md"], "python")):
        exec(compile(code, f"docs/registration.md, block {number}", "exec"), {})
    told = capsys.readouterr().out
    assert "created workflow:flytesnacks/development/flows.train.wf@" in told
    with Client(flyte_sandbox.config()) as flyte:
        assert flyte.get_entity("shop.nightly").active
    (plans,) = blocks(PAGES["registration.md"], "yaml")
    (tmp_path / "plans.yaml").write_text(plans)
    assert main(["register", "plans.yaml"]) == 0


@pytest.mark.parametrize("page", ["configuration.md", "flyte2.md"])
def test_configuration_files_of_pages_are_read(page: str, tmp_path: Path) -> None:
    (text,) = blocks(PAGES[page], "yaml")
    (tmp_path / "config.yaml").write_text(text)
    config = Config.auto(tmp_path / "config.yaml")
    assert config.endpoint.endswith(".example.com:443")
    assert config.flyte_version == (2 if page == "flyte2.md" else "auto")


def test_the_component_of_its_page_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = blocks(PAGES["dagster_component.md"], "yaml")
    (tmp_path / "defs.yaml").write_text(text)
    kinds = {"day": "STRING", "epochs": "INTEGER"}
    interfaces_of("ml", "production", kinds).write(tmp_path / "interfaces.json")
    assert main(["check", str(tmp_path / "defs.yaml"), "--against", str(tmp_path / "interfaces.json")]) == 0
    assert "0 problems in 1 uses of Flyte" in capsys.readouterr().out


ELSEWHERE = {"connectors.md": "connector/test_connector_docs.py", "sandbox.md": "sandbox/test_docs.py"}


def test_no_page_has_code_that_no_test_executes() -> None:
    here = Path(__file__).read_text()
    for page, text in PAGES.items():
        if not (blocks(text, "python") or blocks(text, "yaml")):
            continue
        if page in ELSEWHERE:
            assert page in (Path(__file__).parent / ELSEWHERE[page]).read_text()
        else:
            assert f'"{page}"' in here, f"{page}: its code is executed by no test"
