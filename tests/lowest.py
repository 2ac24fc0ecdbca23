"""``make lowest``: core, literals and sandbox tests on the lowest versions that pyproject.toml allows for core dependencies.

Builds an environment of its own in a temporary folder. Tests that need flytekit, Airflow or Dagster are left out: their own
lower bounds say which line they were tested on.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOLS = [
    "pytest",
    "pytest-timeout",
    "pytest-asyncio",
    "hypothesis",
    "pandas",
    "pyarrow",
    "rich",
    "psutil",
    "grpcio-status",
    "opentelemetry-sdk",
    "botocore",
]
SUITES = ["tests/core", "tests/faults", "tests/sandbox"]


def main() -> int:
    """Returns pytest's exit code."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    pins = []
    for line in project["dependencies"]:
        name, lowest = re.fullmatch(r"([A-Za-z0-9_-]+)>=([0-9.]+).*", line).groups()  # type: ignore[union-attr]
        pins.append(f"{name}=={lowest}")
    print("lowest versions:", ", ".join(pins), flush=True)
    with tempfile.TemporaryDirectory(prefix="flyte-bridge-lowest-") as folder:
        python = Path(folder) / "venv" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", str(python.parents[1])], check=True)
        # The tools may be new; what is tested is old.
        subprocess.run([python, "-m", "pip", "install", "-q", *pins, *TOOLS], check=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "--no-deps", "-e", str(ROOT)], check=True)
        # What needs flytekit, Flyte 2, rclone or an exporter of traces beside the lowest versions is left to `make test`.
        left_out = [
            "core/test_cutover.py",
            "core/test_trace.py",
            "sandbox/test_connectors.py",
            "sandbox/test_docs.py",
            "sandbox/test_flytekit.py",
            "sandbox/test_fork.py",
            "sandbox/test_access.py",
            "sandbox/test_s3.py",
        ]
        arguments = [
            "-q",
            "-p",
            "no:cacheprovider",
            *(f"--ignore=tests/{name}" for name in left_out),
            "-W",
            "default",
        ]
        return subprocess.run([python, "-m", "pytest", *arguments, *SUITES], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
