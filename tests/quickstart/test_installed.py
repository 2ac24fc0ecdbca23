"""``flyte-bridge quickstart`` as pip installs it, with interpreters that the tests themselves do not run on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from bare import SDKS, assert_all_went, installed
from support.parts import lacking


@pytest.mark.matrix
@pytest.mark.full
@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_what_pip_installs_works(built: Path, tmp_path: Path, version: str) -> None:
    python = interpreter(version)
    fresh = installed(tmp_path, built, python)
    assert [name for name in SDKS if fresh.has(name)] == []
    code, said = fresh.run("quickstart")
    assert code == 0, said
    assert_all_went(said)


def interpreter(version: str) -> str:
    """An interpreter of this version; without one, the test is skipped, or fails where nothing may be missing."""
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    for name in (f"python{version}", *sorted(map(str, pyenv.glob(f"versions/{version}.*/bin/python")))):
        probe = [name, "-c", "import sys, venv, _sqlite3; print(*sys.version_info[:2], sep='.')"]
        try:
            told = subprocess.run(probe, capture_output=True, text=True)
        except OSError:
            continue
        if told.stdout.strip() == version:
            return name
    return lacking(f"Python {version} with venv and SQLite")
