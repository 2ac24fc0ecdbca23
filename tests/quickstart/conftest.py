"""The built wheel, and a bare environment with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from bare import Bare, linked, wheel


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def bare(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Bare:
    return linked(tmp_path_factory.mktemp("bare"), built)
