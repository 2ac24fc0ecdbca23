"""What ``flyte-bridge quickstart`` prints is pasted as it is, into a real Airflow and a real Dagster, against its Flyte."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from bare import Bare, read_until

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def kept(bare: Bare) -> Iterator[str]:
    """What quickstart printed; its Flyte is still there."""
    with bare.start("quickstart", "--keep") as process:
        try:
            yield read_until(process, "runs until Ctrl-C")
        finally:
            process.terminate()
            process.communicate(timeout=60)


def between(said: str, head: str) -> str:
    """The text below the line with this head, up to the next such line."""
    found = re.search(
        rf"^----- [^\n]*{re.escape(head)}[^\n]* -----\n(.*?)(?=^-----|\Z)", said, re.DOTALL | re.MULTILINE
    )
    assert found is not None, f"no block {head!r} in:\n{said}"
    return found[1]


def shell(script: str, folder: Path, **environment: str) -> str:
    """Types it into a shell."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "DAGSTER", "FLYTE", "PYTEST"))}
    done = subprocess.run(
        ["sh", "-euc", script],
        cwd=folder,
        env={**inherited, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    return done.stdout


def runs(said: str, who: str) -> list[dict[str, object]]:
    """Inputs of the runs in the Flyte of this quickstart whose input `who` is this."""
    from bridge_core import Client, Config

    endpoint = re.search(r"gRPC (127\.0\.0\.1:\d+)", said)
    assert endpoint is not None
    config = Config.from_mapping(
        {"endpoint": endpoint[1], "insecure": True, "project": "flytesnacks", "domain": "development"}
    )
    with Client(config) as flyte:
        found = [(flyte.inputs(run.ref), run) for run in flyte.list_runs()]
        assert all(run.phase.is_success for _, run in found)
        return [dict(flyte.outputs(run.ref)) for inputs, run in found if inputs["who"] == who]


def test_the_commands_run_in_a_shell(kept: str, tmp_path: Path) -> None:
    told = shell(between(kept, "shell, for flyte-bridge"), tmp_path)
    assert "SUCCEEDED" in told
    assert 'greeting = "Hello, me!"' in told
    console = re.search(r"console (http://127\.0\.0\.1:\d+)", kept)
    assert console is not None
    assert f"{console[1]}/console/projects/flytesnacks/domains/development/executions/" in told
    assert runs(kept, "me") == [{"greeting": "Hello, me!", "square": 9}]


def test_the_dag_runs_in_airflow(kept: str, tmp_path: Path) -> None:
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "quickstart_dag.py").write_text(between(kept, "quickstart_dag.py"))
    home = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    told = shell(between(kept, "shell, for Airflow"), tmp_path, **home)
    assert runs(kept, "Airflow") == [{"greeting": "Hello, Airflow!", "square": 49}]
    assert "Hello, Airflow! 49" in told, told[-6000:]


def test_the_asset_is_materialized_by_dagster(kept: str, tmp_path: Path) -> None:
    (tmp_path / "quickstart_assets.py").write_text(between(kept, "quickstart_assets.py"))
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    told = shell(between(kept, "shell, for Dagster"), tmp_path, DAGSTER_HOME=str(tmp_path / "home"))
    assert runs(kept, "Dagster") == [{"greeting": "Hello, Dagster!", "square": 49}]
    assert "RUN_SUCCESS" in told


def test_what_is_to_be_pasted_holds_no_secret(kept: str) -> None:
    connection = re.search(r"AIRFLOW_CONN_FLYTE_DEFAULT='(.*)'", kept)
    assert connection is not None
    assert set(json.loads(connection[1])) == {"conn_type", "host", "port", "extra"}
    assert not re.search(r"(?i)password|secret|token", kept)
