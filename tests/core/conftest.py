"""A client, and the wire behind its back, both on the session's embedded Flyte."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from support.flyte import RawFlyte

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
def name() -> str:
    """A name that no other test uses, for a workflow and its runs."""
    return "t" + uuid.uuid4().hex[:12]
