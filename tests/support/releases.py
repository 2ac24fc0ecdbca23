"""The release before and this one, as wheels unpacked into folders: a process that has one of them first on its path runs it."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_BEFORE = os.environ.get("FLYTE_BRIDGE_UPGRADE_FROM")  # now: tests of orchestrators clear such variables


@dataclass(frozen=True)
class Release:
    """One of the two.

    Attributes:
        name: ``before`` or ``after``.
        path: What goes into PYTHONPATH.
    """

    name: str
    path: Path

    def environment(self, *more: Path, **variables: str) -> dict[str, str]:
        """Variables of a process that runs it."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("FLYTE", "AIRFLOW", "PYTEST"))}
        return {**clean, "PYTHONPATH": os.pathsep.join(map(str, (self.path, *more))), **variables}

    def python(self, code: str, *arguments: str, cwd: Path, timeout: float = 100) -> str:
        """What this code prints under it."""
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=self.environment(),
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert done.returncode == 0, f"{self.name}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout


@functools.cache
def both() -> tuple[Release, Release]:
    """(before, after). Skips the test when no release before is named (``make test-upgrade`` names it)."""
    if not _BEFORE:
        pytest.skip("make test-upgrade names the release before (FLYTE_BRIDGE_UPGRADE_FROM)")
    folder = Path(tempfile.mkdtemp(prefix="releases-"))
    archive = subprocess.run(["git", "archive", _BEFORE], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as source:
        source.extractall(folder / "source", filter="data")
    before = Release("before", _unpacked(folder / "source", folder / "before"))
    after = Release("after", _unpacked(ROOT, folder / "after"))
    for release in (before, after):
        where = release.python("import bridge_core; print(bridge_core.__file__)", cwd=folder)
        assert where.startswith(str(release.path)), where
    return before, after


def forget() -> None:
    """Removes what `both` made."""
    if both.cache_info().currsize:
        shutil.rmtree(both()[0].path.parent, ignore_errors=True)
        both.cache_clear()


def _unpacked(source: Path, target: Path) -> Path:
    wheels = target.with_name(f"{target.name}-wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target
