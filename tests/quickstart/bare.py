"""An environment that holds the built wheel and what it depends on, and nothing else: no SDK, no orchestrator, no checkout.

`linked` takes the dependencies from the environment of the tests, without network and in a second; `installed` has pip
install them, for any interpreter.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
SDKS = ("flytekit", "flyte", "airflow", "dagster", "pandas", "rich", "hatchling")
"""What a newcomer has not."""


def wheel(folder: Path) -> Path:
    """Builds it, as whoever releases it does."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@dataclass(frozen=True)
class Bare:
    """The environment, and a home and working directory that are empty."""

    python: Path
    home: Path

    @property
    def site(self) -> Path:
        """Where it keeps what is installed."""
        (found,) = (self.python.parents[1] / "lib").glob("python*/site-packages")
        return found

    @property
    def environment(self) -> dict[str, str]:
        """Variables that a newcomer's shell has."""
        kept = {key: value for key, value in os.environ.items() if key in ("LANG", "LC_ALL", "TMPDIR")}
        return {**kept, "PATH": os.defpath, "HOME": str(self.home)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts ``flyte-bridge``."""
        return subprocess.Popen(
            [self.python.with_name("flyte-bridge"), *arguments],
            cwd=self.home,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Runs ``flyte-bridge``; exit code and all it printed."""
        with self.start(*arguments) as process:
            try:
                said, _ = process.communicate(timeout=100)
            finally:
                process.kill()
        return process.returncode, said

    def has(self, module: str) -> bool:
        """Whether it can import this."""
        code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        return subprocess.run([self.python, "-I", "-c", code]).returncode == 0


def linked(folder: Path, built: Path) -> Bare:
    """The wheel unpacked, its dependencies as links to the files of this environment."""
    venv.create(folder / "venv", symlinks=True)
    bare = _bare(folder)
    with zipfile.ZipFile(built) as archive:
        archive.extractall(bare.site)
        (requires,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        needed = metadata.PathDistribution(zipfile.Path(archive, requires.rpartition("/")[0] + "/")).requires or []
    script = bare.python.with_name("flyte-bridge")
    script.write_text(f"#!{bare.python}\nimport sys\nfrom bridge_core.cli import main\nsys.exit(main())\n")
    script.chmod(0o755)
    for name in _closure(needed):
        for file in metadata.files(name) or []:
            target = bare.site / file
            if ".." not in file.parts and file.suffix != ".pyc":
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(Path(str(file.locate())))
    return bare


def installed(folder: Path, built: Path, python: str) -> Bare:
    """What pip makes of it, with this interpreter."""
    subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True)
    bare = _bare(folder)
    pip = [bare.python, "-m", "pip", "--disable-pip-version-check", "install", "-q", "--no-compile"]
    subprocess.run([*pip, f"{built}[sandbox]"], check=True)
    return bare


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """What it printed up to a line with these words."""
    said = ""
    assert process.stdout is not None
    for line in process.stdout:
        said += line
        if words in line:
            return said
    raise AssertionError(f"{words!r} was never said:\n{said}")


def assert_all_went(fine: str) -> None:
    for words in (
        "[1/4] starting", "[2/4] registering", "created task:flytesnacks/development/quickstart.greet@", "[3/4] launching",
        "SUCCEEDED", 'greeting = "Hello, Flyte!"', "square = 144", "/console/projects/flytesnacks/domains/development/exec",
        "[4/4]", "quickstart_dag.py", "AIRFLOW_CONN_FLYTE_DEFAULT", "quickstart_assets.py", "The embedded Flyte was stopped.",
    ):  # fmt: skip
        assert words in fine, f"{words!r} is missing:\n{fine}"


def _bare(folder: Path) -> Bare:
    (folder / "home").mkdir()
    return Bare(folder / "venv" / "bin" / "python", folder / "home")


def _closure(requirements: list[str]) -> set[str]:
    found: set[str] = set()
    todo = [Requirement(text) for text in requirements]
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        if name in found or (one.marker is not None and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        todo += [Requirement(text) for text in metadata.requires(name) or []]
    return found
