"""A project of flytekit code, a sandbox with two projects, and what is stored there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge_core import Client
from bridge_core.sandbox import Sandbox

PROJECT = Path(__file__).parent / "project"


@pytest.fixture(scope="session")
def flyte() -> Iterator[Sandbox]:
    with Sandbox(projects=("ours", "theirs", "flytesnacks"), isolation="fork") as sandbox:
        yield sandbox


@pytest.fixture
def client(flyte: Sandbox) -> Iterator[Client]:
    with Client(flyte.config(project="ours")) as client:
        yield client


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy that a test may change."""
    target = tmp_path / "checkout"
    shutil.copytree(PROJECT, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target
