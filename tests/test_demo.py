"""``make demo``, as it stands: both Flytes, a real Airflow DAG, a real Dagster asset."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.matrix
def test_the_demo_runs_both_flytes_through_airflow_and_one_through_dagster() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bridge_core.cli", "demo"], capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert done.stdout.count("phase   SUCCEEDED") == 3
    assert 'o0 = "CBA"' in done.stdout
