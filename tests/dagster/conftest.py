"""A resource for the session's embedded Flyte, and the wire behind its back."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from support.flyte import DOMAIN, PROJECT, RawFlyte

from dagster_integration import FlyteResource

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the developer's Flyte nor the developer's Dagster takes part."""
    for name in list(os.environ):
        if name.startswith(("FLYTE", "DAGSTER", "UCTL")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


@pytest.fixture
def raw(flyte_sandbox: Sandbox) -> RawFlyte:
    return RawFlyte(flyte_sandbox.endpoint)


@pytest.fixture
def name() -> str:
    """A name that no other test uses, for a workflow."""
    return "t" + uuid.uuid4().hex[:12]


@pytest.fixture
def flyte(flyte_sandbox: Sandbox) -> FlyteResource:
    return FlyteResource(
        endpoint=flyte_sandbox.endpoint,
        insecure=True,
        project=PROJECT,
        domain=DOMAIN,
        console_endpoint=flyte_sandbox.console_url,
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance
