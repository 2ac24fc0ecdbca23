"""A real sandbox, a clock that the test sets, and a scheduler that is stepped by hand."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.flyte import RawFlyte
from support.postgres import postgresql
from support.schedules import DATETIME, SetClock, Stage

from bridge_core import Client

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


@pytest.fixture
def raw(flyte_sandbox: Sandbox) -> RawFlyte:
    return RawFlyte(flyte_sandbox.endpoint)


@pytest.fixture
def client(flyte_sandbox: Sandbox) -> Iterator[Client]:
    with Client(flyte_sandbox.config()) as client:
        yield client


@pytest.fixture
def workflow(raw: RawFlyte) -> str:
    """A workflow of one input, `at`, that ends at once."""
    name = "s" + uuid.uuid4().hex[:12]
    raw.register(name, {"at": DATETIME}, activate=True)
    return name


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A database that the tests may use."""
    with postgresql() as url:
        yield url


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def triggers(tmp_path: Path, workflow: str) -> Callable[[str], Path]:
    """Writes a triggers file; ``WF`` stands for the workflow."""

    def write(text: str) -> Path:
        path = tmp_path / "triggers.yaml"
        path.write_text(text.replace("WF", workflow))
        return path

    return write


@pytest.fixture
def stage(client: Client, raw: RawFlyte, workflow: str, triggers: Callable[[str], Path], clock: SetClock) -> Stage:
    return Stage(client, raw, workflow, triggers, clock)
