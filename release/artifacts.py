"""Builds sdist and wheel, the wheel from the sdist as index users' tools do, and looks at what is in them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

__all__ = ["build", "check_contents"]

PACKAGES = ("bridge_core", "airflow_provider", "dagster_integration")


def build(root: Path, dist: Path, version: str) -> tuple[Path, Path]:
    """Paths of sdist and wheel. Those of earlier versions are removed: who installs ``dist/*.whl`` means one."""
    for old in dist.glob("flyte_bridge-*"):
        old.unlink()
    sdist = dist / f"flyte_bridge-{version}.tar.gz"
    wheel = dist / f"flyte_bridge-{version}-py3-none-any.whl"
    _hatchling(root, "sdist", dist)
    with tempfile.TemporaryDirectory() as folder, tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
        (unpacked,) = Path(folder).iterdir()
        _hatchling(unpacked, "wheel", dist.absolute())
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> None:
    """What must and must not be in them.

    Raises:
        SystemExit: Something is wrong.
    """
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    (information,) = {name.partition("/")[0] for name in names if ".dist-info/" in name}
    for wanted in (
        *(f"{package}/__init__.py" for package in PACKAGES),
        "bridge_core/py.typed",
        f"{information}/licenses/LICENSE",
        f"{information}/entry_points.txt",
    ):
        if wanted not in names:
            raise SystemExit(f"{wheel.name} lacks {wanted}")
    strange = sorted({name.partition("/")[0] for name in names} - {*PACKAGES, information})
    if strange or any(name.endswith((".pyc", ".orig", ".rej")) for name in names):
        raise SystemExit(f"{wheel.name} holds what does not belong there: {strange}")
    with tarfile.open(sdist) as archive:
        inside = {member.name.partition("/")[2] for member in archive.getmembers()}
    for wanted in ("pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "bridge_core/__init__.py"):
        if wanted not in inside:
            raise SystemExit(f"{sdist.name} lacks {wanted}")


def _hatchling(root: Path, target: str, dist: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(dist)]
    done = subprocess.run(command, check=False, cwd=root, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
