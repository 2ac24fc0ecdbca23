"""`make conformance SUITE=<checkout of flytekit>`: flytekit's own integration suite, unmodified, against the sandbox.

The suite names ports (30080, 30002), a bucket and URLs, so the sandbox runs on those. It runs from a copy in a temporary
directory, so that nothing is written to the checkout; only the poll interval of `FlyteRemote.wait` is lowered
(`poll_plugin.py`). See docs/conformance.md.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE))

from report import differences, read_expected, read_results, table  # noqa: E402  # a script: its folder is no package

SUITES = (
    "tests/flytekit/integration/remote/test_remote.py",
    "tests/flytekit/integration/jupyter/test_notebook_run.py",
    "tests/flytekit/integration/clis/test_version.py",
)
NEEDED = (
    "flytekit",
    "pytest",
    "pytest_timeout",
    "botocore",
    "s3fs",
    "joblib",
    "pydantic",
    "pandas",
    "pyarrow",
    "ipykernel",
)
PIP_NAMES = {"pytest_timeout": "pytest-timeout"}
GRPC_PORT, HTTP_PORT = 30080, 30002
ROOM = 8 << 30
OK, DIFFERENT, UNUSABLE = 0, 1, 3
CONFIG = f"""
admin:
  endpoint: dns:///localhost:{GRPC_PORT}
  authType: Pkce
  insecure: true
storage:
  connection:
    endpoint: http://localhost:{HTTP_PORT}
    access-key: minio
    secret-key: miniostorage
"""


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(UNUSABLE))  # so that the sandbox is stopped, too
    options = _options()
    suite = Path(options.suite).absolute() if options.suite else None
    if suite is None or not all((suite / path).is_file() for path in SUITES):
        where = f"{suite} is none" if suite else "SUITE is not given"
        print(
            "conformance: a checkout of flytekit is needed (no package carries its tests), and "
            f"{where}.\nGet one with: git clone https://github.com/flyteorg/flytekit\n"
            "then: make conformance SUITE=<that directory>",
            file=sys.stderr,
        )
        return UNUSABLE
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        packages = " ".join(PIP_NAMES.get(name, name) for name in missing)
        print(
            f"conformance: {sys.executable} lacks {', '.join(missing)}, which the suite imports.\nInstall them there, or into an "
            f"environment of your own given as CONFORMANCE_PYTHON=…: pip install {packages}",
            file=sys.stderr,
        )
        return UNUSABLE
    with tempfile.TemporaryDirectory(prefix="flyte-conformance-") as temporary:
        copy = Path(temporary, "flytekit")
        shutil.copytree(suite / "tests", copy / "tests")
        shutil.copy(suite / "pyproject.toml", copy)
        return _run(copy, Path(temporary), options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", nargs="?", default="")
    parser.add_argument("--select", default="", help="pytest's -k: only these tests, and no comparison of the rest")
    parser.add_argument("--isolation", choices=["process", "fork"], default="process", help="of the sandbox's tasks")
    parser.add_argument("--task-python", default=sys.executable, help="interpreter of the tasks")
    parser.add_argument("--no-large", action="store_true", help="leave the large-file tests out even if there is room")
    return parser.parse_args()


def _run(suite: Path, temporary: Path, options: argparse.Namespace) -> int:
    large = shutil.disk_usage(temporary).free >= ROOM and not options.no_large
    expected = read_expected(HERE / "expected.txt")
    environment = _environment(temporary, options.task_python)
    sandbox = _start_sandbox(suite, temporary, environment, options)
    if sandbox is None:
        return UNUSABLE
    try:
        code = _pytest(suite, temporary, environment, options.select, large=large)
    finally:
        sandbox.send_signal(signal.SIGTERM)
        sandbox.wait(60)
    junit = temporary / "junit.xml"
    if not junit.exists():
        print(f"conformance: pytest ended with {code} and wrote no results", file=sys.stderr)
        return UNUSABLE
    results = read_results(junit)
    if options.select:
        expected = {name: one for name, one in expected.items() if name in results}
    print(table(expected, results, large=large))
    different = differences(expected, results, large=large)
    passed = sum(result.outcome == "passed" for result in results.values())
    ran = sum(result.outcome != "skipped" for result in results.values())
    if different:
        print("Not as expected:\n  " + "\n  ".join(different))
    verdict = "NOT as listed" if different else "as listed"
    print(
        f"conformance: {passed} of {ran} pass ({options.isolation} mode, S3); {verdict} in tests/conformance/expected.txt"
    )
    return DIFFERENT if different else OK


def _environment(temporary: Path, task_python: str) -> dict[str, str]:
    config = temporary / "config.yaml"
    config.write_text(CONFIG)
    home = temporary / "home"
    home.mkdir()
    left_out = ("FLYTE", "AWS_", "PYTEST_", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "UCTL_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    programs = [str(Path(sys.executable).parent), str(Path(task_python).parent)]
    return environment | {
        "PATH": os.pathsep.join([*programs, environment.get("PATH", os.defpath)]),
        "HOME": str(home),  # the notebook test installs a kernel for "the user"
        "TMPDIR": str(temporary),
        "FLYTECTL_CONFIG": str(config),
        "FLYTEKIT_IMAGE": "localhost:30000/flytekit:dev",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


def _start_sandbox(
    suite: Path, temporary: Path, environment: dict[str, str], options: argparse.Namespace
) -> subprocess.Popen | None:
    image = [suite, suite / "tests/flytekit/integration/remote"]  # PYTHONPATH of the image that upstream builds
    command = [sys.executable, "-m", "bridge_core.sandbox", "--storage", "s3", "--data-dir", str(temporary / "data")]
    command += ["--port", str(GRPC_PORT), "--http-port", str(HTTP_PORT), "--python", options.task_python]
    command += ["--isolation", options.isolation]
    for path in image:
        command += ["--pythonpath", str(path)]
    sandbox = subprocess.Popen(
        command, env=environment | {"PYTHONPATH": str(ROOT)}, cwd=temporary, stdout=subprocess.PIPE, text=True
    )
    assert sandbox.stdout is not None
    ready = sandbox.stdout.readline()
    if "ready" in ready:
        print(ready.strip(), flush=True)
        return sandbox
    sandbox.wait()
    return None


def _pytest(suite: Path, temporary: Path, environment: dict[str, str], select: str, *, large: bool) -> int:
    command = [sys.executable, "-m", "pytest", *SUITES, "-c", str(suite / "pyproject.toml"), "--rootdir", str(suite)]
    command += [
        "-p",
        "poll_plugin",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:flyte_bridge",
        "--timeout",
        "900",
        "--durations",
        "15",
        "-q",
        "--tb",
        "short",
    ]
    command += ["--junitxml", str(temporary / "junit.xml"), "-o", "junit_family=xunit1"]
    if select:
        command += ["-k", select]
    if not large:
        command += ["-m", "not lftransfers"]
    paths = os.pathsep.join([str(HERE), str(suite)])
    return subprocess.call(command, cwd=suite, env=environment | {"PYTHONPATH": paths})


if __name__ == "__main__":
    sys.exit(main())
