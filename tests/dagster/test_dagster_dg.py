"""A project as `dg` runs it: the component is scaffolded, checked, listed; `dg dev` materializes, sensor and schedule tick."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
import yaml
from dagster_support import Webserver, stop, until
from support.flyte import DOMAIN, INTEGER, PROJECT, RawFlyte
from support.ports import free_ports

from bridge_core import EntityRef, LaunchRequest

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox
    from dagster_integration import FlyteResource

pytestmark = [
    pytest.mark.matrix,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not hasattr(dg, "StateBackedComponent"), reason="FlyteProjectComponent needs Dagster 1.12"),
]
TYPE = "dagster_integration.FlyteProjectComponent"
PYPROJECT = """
[project]
name = "lab"
version = "0.1"
requires-python = ">=3.11"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "lab"
"""
DEFINITIONS = """
from pathlib import Path

import dagster as dg


@dg.definitions
def defs():
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
"""
OTHERS = """
import os

import dagster as dg

from bridge_core import Cron, Trigger
from dagster_integration import FlyteResource, build_flyte_run_sensor, build_flyte_schedule

ENTITY = os.environ["TEST_FLYTE_ENTITY"]
seen = dg.AssetSpec("seen")


@dg.definitions
def others():
    running = dg.DefaultSensorStatus.RUNNING
    sensor = build_flyte_run_sensor(
        {ENTITY: "seen"}, lookback=3600, minimum_interval_seconds=1, default_status=running, resource_key="others"
    )
    schedule = build_flyte_schedule(
        Trigger("minutely", entity=ENTITY, automation=Cron("* * * * *"), inputs={"n": 5}),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        asset={"resource_key": "others"},
    )
    flyte = FlyteResource(
        endpoint=dg.EnvVar("TEST_FLYTE_ENDPOINT"), insecure=True, project="flytesnacks", domain="development"
    )
    return dg.Definitions(assets=[seen], sensors=[sensor], schedules=[schedule], resources={"others": flyte})
"""


class Project:
    """A folder with a project of `dg`, and its command."""

    def __init__(self, folder: Path, endpoint: str, entity: str) -> None:
        self.folder = folder
        module = folder / "src" / "lab"
        (module / "defs" / "others").mkdir(parents=True)
        (folder / "pyproject.toml").write_text(PYPROJECT)
        for place in (module, module / "defs"):
            (place / "__init__.py").touch()
        (module / "definitions.py").write_text(DEFINITIONS)
        (module / "defs" / "others" / "others.py").write_text(OTHERS)
        (folder / "home").mkdir()
        (folder / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        (folder / "cli.toml").write_text("[cli.telemetry]\nenabled = false\n")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(("FLYTE", "DAGSTER", "DG_"))}
        self.environment = {
            **kept,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}",
            "VIRTUAL_ENV": sys.prefix,
            "DAGSTER_HOME": str(folder / "home"),
            "DG_CLI_CONFIG": str(folder / "cli.toml"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": str(folder / "src"),
            "TEST_FLYTE_ENDPOINT": endpoint,
            "TEST_FLYTE_ENTITY": entity,
        }

    def dg(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["dg", *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=120
        )

    @property
    def component(self) -> Path:
        return self.folder / "src" / "lab" / "defs" / "flyte" / "defs.yaml"


@pytest.fixture
def project(flyte_sandbox: Sandbox, raw: RawFlyte, name: str, tmp_path: Path) -> Project:
    raw.register(f"{name}.train", {"n": INTEGER})
    raw.register(f"{name}.other", {"n": INTEGER})
    return Project(tmp_path / "lab", flyte_sandbox.endpoint, f"{name}.other")


@pytest.fixture
def scaffolded(project: Project, flyte_sandbox: Sandbox, name: str) -> Project:
    """With the component, and what its scaffold cannot know."""
    given = ("--endpoint", flyte_sandbox.endpoint, "--project", PROJECT, "--domain", DOMAIN)
    done = project.dg("scaffold", "defs", TYPE, "flyte", *given)
    assert done.returncode == 0, done.stdout + done.stderr
    written = yaml.safe_load(project.component.read_text())
    assert written["type"] == TYPE
    assert written["attributes"]["workspace"] == {
        "endpoint": flyte_sandbox.endpoint,
        "project": PROJECT,
        "domain": DOMAIN,
    }
    written["attributes"]["workspace"]["insecure"] = True
    written["attributes"] |= {"selector": [f"{name}.train"], "inputs": {"*": {"n": 3}}}
    project.component.write_text(yaml.safe_dump(written))
    return project


@pytest.fixture
def dev(scaffolded: Project) -> Iterator[Webserver]:
    (port,) = free_ports(1)
    with (scaffolded.folder / "dev.txt").open("wb") as output:
        process = subprocess.Popen(
            ["dg", "dev", "--port", str(port), "--host", "127.0.0.1", "--use-active-venv", "--no-check-yaml"],
            cwd=scaffolded.folder,
            env=scaffolded.environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    webserver = Webserver(port)
    try:
        until(lambda: process.poll() is not None or webserver.ready(), seconds=120, label="dg dev is ready")
        assert process.poll() is None, (scaffolded.folder / "dev.txt").read_text()
        yield webserver
    finally:
        stop(process)


def test_the_component_is_listed_and_its_yaml_is_checked(scaffolded: Project) -> None:
    listed = scaffolded.dg("list", "components", "--json")
    assert listed.returncode == 0, listed.stderr
    assert TYPE in {one["key"] for one in json.loads(listed.stdout)["items"]}
    good = scaffolded.dg("check", "yaml")
    assert good.returncode == 0, good.stdout + good.stderr
    scaffolded.component.write_text(scaffolded.component.read_text().replace("selector:", "selektor:"))
    bad = scaffolded.dg("check", "yaml")
    assert bad.returncode != 0
    assert "selektor" in bad.stdout + bad.stderr


def test_dg_dev_materializes_senses_and_ticks(
    dev: Webserver, flyte_sandbox: Sandbox, flyte: FlyteResource, raw: RawFlyte, name: str
) -> None:
    selector = {
        "repositoryLocationName": location_of(dev),
        "repositoryName": "__repository__",
        "jobName": "__ASSET_JOB",
    }
    key = [name, "train"]
    query = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) {
        __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
    wanted = {"selector": {**selector, "assetSelection": [{"path": key}]}, "runConfigData": {}, "mode": "default"}
    found = dev.ask(query, p={**wanted, "executionMetadata": {"tags": []}})
    assert found["launchRun"]["__typename"] == "LaunchRunSuccess", found
    finished = dev.finished(found["launchRun"]["run"]["runId"], seconds=180)
    assert finished["status"] == "SUCCESS"
    (materialized,) = finished["assetMaterializations"]
    entries = {one["label"]: one.get("intValue", one.get("text")) for one in materialized["metadataEntries"]}
    assert (entries["n"], entries["flyte/phase"]) == (3, "SUCCEEDED")
    with flyte.get_client() as client:
        ref = client.launch(LaunchRequest(EntityRef.launch_plan(f"{name}.other"), inputs={"n": 8}))
        client.wait(ref, poll_interval=0.1)
    seen = until(lambda: texts_of(dev, ["seen"]), seconds=120, label="the sensor tells of a run")
    assert ref.name in seen
    until(lambda: texts_of(dev, ["minutely"]), seconds=200, label="the schedule ticks, and its run ends")
    assert flyte_sandbox.calls.count("CreateExecution") >= 3


def location_of(dev: Webserver) -> str:
    found = dev.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }")
    (node,) = found["repositoriesOrError"]["nodes"]
    return str(node["location"]["name"])


def texts_of(dev: Webserver, key: list[str]) -> set[str]:
    """Texts in the metadata of an asset's materializations."""
    query = """query($k: AssetKeyInput!) { assetOrError(assetKey: $k) { ... on Asset { assetMaterializations {
        metadataEntries { ... on TextMetadataEntry { text } } } } } }"""
    found: dict[str, Any] = dev.ask(query, k={"path": key})["assetOrError"]
    return {one["text"] for event in found.get("assetMaterializations", ()) for one in event["metadataEntries"] if one}
