"""One empty environment: a Python, the wheel with one extra, and nothing else; and what must work there."""

from __future__ import annotations

import functools
import glob
import json
import os
import shutil
import subprocess
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path

__all__ = ["EXTRAS", "Environment", "Failure", "interpreters"]

_PROJECT = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
EXTRAS = ["", *_PROJECT["optional-dependencies"]]
"""Every extra, and none."""

_HEAVY = [
    "grpc",
    "google.protobuf",
    "flyteidl",
    "httpx",
    "fsspec",
    "yaml",
    "tenacity",
    "pandas",
    "sqlalchemy",
    "flytekit",
    "flyte",
]
_OWN = {"airflow": "airflow_provider", "dagster": "dagster_integration"}
_TOOLS = {"scheduler": "psycopg[binary]", "dagster": "dagster-dg-cli"}
"""What users of an extra install beside it, by their own choice."""
_STARTS = ("", "sandbox", "all")
"""Extras with which the first page has people begin."""
_USES = {
    "cli": "import rich",
    "flyte2": "import flyteidl2, bridge_core.backends.flyte2.backend",
    "s3": "import fsspec; fsspec.get_filesystem_class('s3')",
    "gcs": "import fsspec; fsspec.get_filesystem_class('gs')",
    "azure": "import fsspec; fsspec.get_filesystem_class('abfs')",
    "dataframes": "import pandas, pyarrow, bridge_core.literals.dataframes",
    "keyring": "import keyring, bridge_core.auth.cache",
    "otel": "import opentelemetry.trace, opentelemetry.metrics",
}
"""What an extra is for, as far as an import shows it."""
_QUICKSTART = 60.0
"""Seconds that the first run may take after the installation."""


_COMPONENT = "dagster_integration.FlyteProjectComponent"
_PROJECT_OF_DG = """
[project]
name = "lab"
version = "0.1"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "lab"
"""


class Failure(Exception):
    """Something does not work in an environment."""


def interpreters(versions: Sequence[str]) -> dict[str, str]:
    """Version -> path, of those that this machine has."""
    found = {}
    homes = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin")))  # noqa: PTH111, PTH207  (a pattern)
    for version in versions:
        name = f"python{version}"
        ours = [f"{home}/{name}" for home in homes if f"/{version}." in home]
        for candidate in (*ours, shutil.which(name) or "", _found_by_uv(version)):
            code = "import sys, ssl, sqlite3; print('%d.%d' % sys.version_info[:2])"
            try:
                said = subprocess.run(
                    [candidate, "-c", code], check=False, capture_output=True, text=True
                ).stdout.strip()
            except OSError:
                continue
            if said == version:
                found[version] = candidate
                break
    return found


def _found_by_uv(version: str) -> str:
    """One of uv's own interpreters (``uv python install 3.13``); empty when there is none."""
    uv = shutil.which("uv")
    if uv is None:
        return ""
    command = [uv, "python", "find", "--managed-python", "--no-python-downloads", version]
    return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


@functools.cache
def _without_network() -> tuple[str, ...]:
    """What a command is put behind to see no network but its own loopback; nothing where that is not to be had (not Linux,
    or not allowed).
    """
    up = 'ip link set lo up && exec "$@"'
    prefix = ("unshare", "--user", "--map-root-user", "--net", "sh", "-c", up, "sh")
    try:
        done = subprocess.run([*prefix, "true"], check=False, capture_output=True)
    except OSError:
        return ()
    return prefix if done.returncode == 0 else ()


class Environment:
    """Made in a folder, which the caller removes.

    Args:
        folder: Where.
        interpreter: Whose.
        wheel: What is installed, with `extra`.
        extra: Empty for none.

    Raises:
        Failure: It cannot be installed.
    """

    def __init__(self, folder: Path, interpreter: str, wheel: Path, extra: str) -> None:
        self.python = folder / "venv" / "bin" / "python"
        self._home = folder / "home"
        self._home.mkdir()
        self._extra = extra
        what = f"{wheel}[{extra}]" if extra else str(wheel)
        self._uv = shutil.which("uv")
        begin = time.monotonic()
        if self._uv:
            self._must([self._uv, "venv", "-q", "--python", interpreter, str(folder / "venv")], installs=True)
        else:
            self._must([interpreter, "-m", "venv", str(folder / "venv")], installs=True)
        self._pip("install", "-q", what)
        self._pip("check")
        self._installed = time.monotonic() - begin

    def check(self) -> str:
        """Tries everything that this extra promises.

        Returns:
            What was tried.

        Raises:
            Failure: Something of it does not work.
        """
        tried = [f"installed in {self._installed:.0f} s"]
        self._imports_nothing("bridge_core")
        self._must([self._bin("flyte-bridge"), "--version"])
        if self._extra in _STARTS:
            tried.append(self._quickstart())
        used = {extra: code for extra, code in _USES.items() if self._extra in (extra, "all")}
        for code in used.values():
            self.run("-W", "ignore", "-c", code)
        if used:
            tried.append(f"import of what {', '.join(used)} bring{'s' * (len(used) == 1)}")
        tools = [tool for extra, tool in _TOOLS.items() if self._extra in (extra, "all")]
        if tools:
            self._pip("install", "-q", *tools)
        if self._extra in ("scheduler", "all"):
            (self._home / "triggers.yaml").write_text("triggers: [{name: a, entity: pkg.wf, cron: '@daily'}]\n")
            for action in ("check", "status", "next"):
                self._must([self._bin("flyte-bridge"), "scheduler", action, "triggers.yaml"])
            tried.append("scheduler check, status, next")
        for extra, package in _OWN.items():
            if self._extra in (extra, "all"):
                self._imports_nothing(package, besides=extra)
                tried.append(f"import of {package}")
        if self._extra in ("airflow", "all"):
            said = self._must([self._bin("airflow"), "providers", "list", "--output", "json"])
            named = [one["package_name"] for one in json.loads(said[said.index("[") :])]
            if "flyte-bridge" not in named:
                raise Failure(f"airflow providers list does not know it: {named}")
            tried.append("airflow providers list")
        if self._extra in ("dagster", "all"):
            tried.append(self._dg())
        return ", ".join(tried)

    def run(self, *arguments: str) -> str:
        """What the environment's Python prints for these arguments."""
        return self._must([str(self.python), *arguments])

    def _quickstart(self) -> str:
        """From nothing to a run's outputs: without a network, where the system lets us take it away."""
        alone = _without_network()
        begin = time.monotonic()
        self._must([*alone, self._bin("flyte-bridge"), "quickstart"])
        spent = time.monotonic() - begin
        if spent > _QUICKSTART:
            raise Failure(f"quickstart took {spent:.0f} s, more than {_QUICKSTART:.0f}")
        return f"quickstart in {spent:.0f} s{' without a network' if alone else ''}"

    def _dg(self) -> str:
        """Dagster's own tool finds the component, in a project that knows nothing of us."""
        project = self._home / "lab"
        (project / "lab" / "defs").mkdir(parents=True)
        (project / "lab" / "__init__.py").touch()
        (project / "pyproject.toml").write_text(_PROJECT_OF_DG)
        said = self._must([self._bin("dg"), "list", "components", "--json", "--target-path", str(project)])
        named = [one["key"] for one in json.loads(said[said.index("{") :])["items"]]
        if _COMPONENT not in named:
            raise Failure(f"dg list components does not know {_COMPONENT}: {named}")
        return "dg list components"

    def _pip(self, action: str, *arguments: str) -> None:
        command = [self._uv, "pip", action, "--python", str(self.python)] if self._uv else None
        self._must([*(command or [str(self.python), "-m", "pip", action]), *arguments], installs=True)

    def _bin(self, name: str) -> str:
        return str(self.python.with_name(name))

    def _imports_nothing(self, package: str, besides: str = "") -> None:
        """That importing it brings in nothing heavy: beyond what the orchestrator brings itself."""
        first = f"import {besides}; " if besides else ""
        code = (
            f"import sys; {first}before = set(sys.modules); import {package}; "
            f"print(*(name for name in {_HEAVY!r} if name in set(sys.modules) - before))"
        )
        found = self.run("-W", "ignore", "-c", code).splitlines()
        if found and found[-1].strip():
            raise Failure(f"importing {package} imports {found[-1]}")

    def _must(self, command: Sequence[str], *, installs: bool = False) -> str:
        """Runs it in a home that is empty, unless it installs: where from is the user's own configuration."""
        ours = ("PYTHON", "FLYTE", "AIRFLOW", "DAGSTER", "VIRTUAL_ENV")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        if not installs:
            environment |= {"HOME": str(self._home), "AIRFLOW_HOME": str(self._home / "airflow")}
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, cwd=self._home, env=environment, timeout=900
        )
        if done.returncode != 0:
            said = (done.stdout + done.stderr)[-1500:]
            raise Failure(f"{' '.join(map(str, command))} exited {done.returncode}: {said}")
        return done.stdout
