"""Both releases, and a Flyte."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from support.flyte import RawFlyte
from support.postgres import postgresql
from support.releases import Release, both

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


@pytest.fixture(scope="session")
def releases() -> tuple[Release, Release]:
    """(before, after)."""
    return both()


@pytest.fixture(params=["upgrade", "rollback"])
def recent_order(request: pytest.FixtureRequest) -> tuple[Release, Release]:
    """The same with the newest release before: for what the oldest one does not have yet."""
    found = both(newest=True)
    return found if request.param == "upgrade" else found[::-1]


@pytest.fixture(autouse=True)
def _both_are_there(releases: tuple[Release, Release]) -> None:
    """Skips before anything is started."""


@pytest.fixture(params=["upgrade", "rollback"])
def order(request: pytest.FixtureRequest, releases: tuple[Release, Release]) -> tuple[Release, Release]:
    """Who begins, and who goes on."""
    return releases if request.param == "upgrade" else (releases[1], releases[0])


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    with postgresql() as url:
        yield url


@pytest.fixture
def raw(flyte_sandbox: Sandbox) -> RawFlyte:
    return RawFlyte(flyte_sandbox.endpoint)


@pytest.fixture
def name() -> str:
    """Of a workflow that no other test uses."""
    return "u" + uuid.uuid4().hex[:12]
