"""Releases before and this one, as wheels unpacked into folders: a process that has one of them first on its path runs it.

``FLYTE_BRIDGE_UPGRADE_FROM`` names the releases before, oldest first: tags or commits, with spaces between. Tests of what the
oldest one stores go on from it; what came into the world later is tried from the newest.
"""

from __future__ import annotations

import atexit
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
_BEFORE = os.environ.get("FLYTE_BRIDGE_UPGRADE_FROM", "").split()  # now: tests of orchestrators clear such variables


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


def both(*, newest: bool = False) -> tuple[Release, Release]:
    """(before, after). Skips the test when no release before is named (``make test-upgrade`` names it).

    Args:
        newest: Whether the one before is the newest of those that are named, not the oldest.
    """
    if not _BEFORE:
        pytest.skip("make test-upgrade names the release before (FLYTE_BRIDGE_UPGRADE_FROM)")
    return _before(_BEFORE[-1 if newest else 0]), _after()


@functools.cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="releases-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.cache
def _before(name: str) -> Release:
    source = _folder() / f"source-{name}"
    with tarfile.open(fileobj=BytesIO(_archive(name))) as archive:
        archive.extractall(source, filter="data")
    return _checked(Release("before", _unpacked(source, _folder() / f"before-{name}")))


@functools.cache
def _after() -> Release:
    return _checked(Release("after", _unpacked(ROOT, _folder() / "after")))


def _archive(name: str) -> bytes:
    """The files of a tag or commit, which a shallow clone has to fetch first."""
    command = ["git", "archive", "--format=tar"]
    done = subprocess.run([*command, name], cwd=ROOT, capture_output=True)
    if done.returncode == 0:
        return done.stdout
    fetched = subprocess.run(
        ["git", "fetch", "--quiet", "--depth=1", "origin", name], cwd=ROOT, capture_output=True, text=True
    )
    done = subprocess.run([*command, "FETCH_HEAD"], cwd=ROOT, capture_output=True)
    if fetched.returncode != 0 or done.returncode != 0:
        pytest.fail(
            f"release before {name!r}: this clone does not have it, and origin does not give it "
            f"({fetched.stderr.strip() or done.stderr.decode().strip()}); fetch it, or name another one: "
            "make test-upgrade UPGRADE_FROM=…"
        )
    return done.stdout


def _checked(release: Release) -> Release:
    where = release.python("import bridge_core; print(bridge_core.__file__)", cwd=_folder())
    assert where.startswith(str(release.path)), where
    return release


def _unpacked(source: Path, target: Path) -> Path:
    wheels = target.with_name(f"{target.name}-wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    return target
