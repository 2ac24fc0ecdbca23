"""Who launched a run is found from the run, and runs from who launched them; the sandbox's console leads back."""

from __future__ import annotations

import json
import urllib.request
from typing import TYPE_CHECKING

import pytest
from support.flyte import INTEGER, RawFlyte

from bridge_core import Client, LaunchRequest, Provenance, RunRef
from bridge_core.cli.main import main

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

AIRFLOW = "http://airflow.example.com/dags/etl/runs/manual__1/tasks/train"


@pytest.fixture
def launched(client: Client, raw: RawFlyte, name: str) -> dict[str, RunRef]:
    """Runs of every launcher; DAG, asset and trigger have the name of the test, so that other tests' runs do not count."""
    raw.register(name, {"n": INTEGER})
    by = {
        "dag": Provenance(
            source="airflow",
            installation="prod",
            job=name,
            run="manual__1",
            task="train",
            attempt=1,
            url=AIRFLOW,
            awaited=True,
        ),
        "other_task": Provenance(source="airflow", installation="prod", job=name, run="manual__1", task="score"),
        "other_dag": Provenance(source="airflow", installation="prod", job=f"{name}2", run="manual__1", task="train"),
        "asset": Provenance(
            source="dagster", installation="prod", job="j", run="abc", asset=name, url="javascript:alert(1)"
        ),
        "trigger": Provenance(source="scheduler", job=name, tick="2026-11-20T00:00:00+00:00"),
        "nobody": None,
    }
    return {
        key: client.launch(
            LaunchRequest(name, inputs={"n": 1}, name=f"{name}-{key.replace('_', '-')}", provenance=value)
        )
        for key, value in by.items()
    }


@pytest.mark.parametrize(
    ("option", "wanted"),
    [("dag", {"dag", "other_task"}), ("asset", {"asset"}), ("trigger", {"trigger"})],
)
def test_runs_by_who_launched_them(
    flyte_sandbox: Sandbox,
    launched: dict[str, RunRef],
    capsys: pytest.CaptureFixture[str],
    option: str,
    wanted: set[str],
) -> None:
    name = launched["nobody"].name.partition("-")[0]
    place = ["--endpoint", flyte_sandbox.endpoint, "--insecure", "--project", "flytesnacks", "--domain", "development"]
    command = ["list", "runs", f"--{option}", name, *place, "--output", "json"]
    assert main([*command, "--since", "1d"]) == 0
    found = {item["run"] for item in json.loads(capsys.readouterr().out)}
    assert found == {str(launched[key]) for key in wanted}
    assert main([*command, "--since", "2999-01-01"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main([*command, "--limit", "1"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 1


def test_options_that_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["list", "runs", "--dag", "a", "--asset", "b"])
    assert "not allowed with" in capsys.readouterr().err
    assert main(["list", "runs", "--since", "yesterday", "--endpoint", "localhost:1"]) == 2


def test_origin(
    flyte_sandbox: Sandbox, launched: dict[str, RunRef], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--endpoint", flyte_sandbox.endpoint, "--insecure"]
    assert main(["origin", str(launched["dag"]), *place]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"run {launched['dag']} was launched by Airflow",
        "  installation: prod",
        f"  DAG: {name}",
        "  DAG run: manual__1",
        "  task: train",
        "  attempt: 1",
        f"  url: {AIRFLOW}",
        "  aborted when its launcher gives up: yes",
    ]
    assert main(["origin", str(launched["trigger"]), *place, "--output", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["provenance"] == {"source": "scheduler", "job": name, "tick": "2026-11-20T00:00:00+00:00"}
    assert main(["origin", str(launched["nobody"]), *place]) == 0
    assert "was launched by a program" in capsys.readouterr().out


def page_of(client: Client, ref: RunRef) -> str:
    with urllib.request.urlopen(client.console_url(ref), timeout=20) as answer:  # loopback
        return str(answer.read().decode())


def test_the_sandboxs_console_leads_back(client: Client, launched: dict[str, RunRef], name: str) -> None:
    assert f'<a href="{AIRFLOW}" rel="noreferrer">Airflow: DAG {name}, task train, DAG run manual__1</a>' in page_of(
        client, launched["dag"]
    )
    asset = page_of(client, launched["asset"])
    assert f"Dagster: asset {name}, job j, run abc" in asset
    assert 'href="javascript' not in asset
    assert "Launched by" not in page_of(client, launched["nobody"])
