"""What ``make release`` does before it builds environments: version, notes, contents; and what ``make prepare`` writes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from datetime import date
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

import bridge_core

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name in ("pyproject.toml", "CHANGELOG.md"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "release"))
    import notes

    return notes


@pytest.fixture
def artifacts(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "release"))
    import artifacts

    return artifacts


def test_the_version_stands_in_one_place() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert bridge_core.__version__ == metadata.version("flyte-bridge")
    for folder in ("bridge_core", "airflow_provider", "dagster_integration"):
        for path in (ROOT / folder).rglob("*.py"):
            assert f'"{version}"' not in path.read_text(), path


def test_the_notes_of_a_development_version_are_what_is_not_released(notes: ModuleType) -> None:
    text = notes.notes_for(ROOT, "0.9.0.dev0")
    assert text.startswith("# flyte-bridge 0.9.0.dev0\n\n### Added\n")
    with pytest.raises(SystemExit, match=r"nothing under '## 0\.9\.0'"):
        notes.notes_for(ROOT, "0.9.0")


def test_prepare_writes_version_and_date_and_keeps_every_line(checkout: Path, notes: ModuleType) -> None:
    before = (checkout / "CHANGELOG.md").read_text()
    notes.prepare(checkout, "0.9.0", date(2026, 12, 1))
    assert notes.project_version(checkout) == "0.9.0"
    after = (checkout / "CHANGELOG.md").read_text()
    assert "## Unreleased\n\n## 0.9.0 - 2026-12-01\n" in after
    assert [line for line in before.splitlines() if line not in after.splitlines()] == []
    assert notes.notes_for(checkout, "0.9.0").startswith("# flyte-bridge 0.9.0\n\n### Added\n")
    with pytest.raises(SystemExit, match="has a section 0.9.0 already"):  # noqa: RUF043
        notes.prepare(checkout, "0.9.0", date(2026, 12, 1))
    with pytest.raises(SystemExit, match="there is nothing to release"):
        notes.prepare(checkout, "0.9.1", date(2026, 12, 1))


@pytest.mark.parametrize("version", ["", "v1", "0.1", "0.1.0.dev0", "0.1.0 "])
def test_only_versions_of_releases_are_prepared(checkout: Path, notes: ModuleType, version: str) -> None:
    before = (checkout / "pyproject.toml").read_text()
    with pytest.raises(SystemExit, match="no version of a release"):
        notes.prepare(checkout, version, date(2026, 12, 1))
    assert (checkout / "pyproject.toml").read_text() == before


def test_sdist_and_wheel_hold_what_they_should(tmp_path: Path, artifacts: ModuleType) -> None:
    version = metadata.version("flyte-bridge")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    (tmp_path / "flyte_bridge-0.0.1-py3-none-any.whl").touch()
    sdist, wheel = artifacts.build(ROOT, tmp_path, project)
    assert sorted(tmp_path.glob("*")) == sorted([sdist, wheel])
    artifacts.check_contents(sdist, wheel)
    assert version in wheel.name
    with zipfile.ZipFile(wheel) as archive:
        ours = {name for name in archive.namelist() if not name.startswith("flyte_bridge-")}
    here = {
        path.relative_to(ROOT).as_posix()
        for folder in ("bridge_core", "airflow_provider", "dagster_integration")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert ours == here
    broken = tmp_path / "broken.whl"
    with zipfile.ZipFile(wheel) as whole, zipfile.ZipFile(broken, "w") as archive:
        for name in whole.namelist():
            if name != "bridge_core/py.typed":
                archive.writestr(name, whole.read(name))
    with pytest.raises(SystemExit, match=r"lacks bridge_core/py\.typed"):
        artifacts.check_contents(sdist, broken)
    with tarfile.open(sdist) as archive:
        assert not [name for name in archive.getnames() if "/tests/" in name or name.endswith(".pyc")]


def test_what_is_run_as_make_prepare(checkout: Path) -> None:
    (checkout / "release").mkdir()
    shutil.copy(ROOT / "release" / "notes.py", checkout / "release")
    done = subprocess.run(
        [sys.executable, str(checkout / "release" / "notes.py"), "0.9.0"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "commit, tag v0.9.0" in done.stdout
