"""The scripted Flyte 2 on both wires."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from scripted_flyte2 import DOMAIN, PROJECT, ScriptedFlyte2, over_grpc, over_http

from bridge_core import Client, Config


@pytest.fixture
def flyte() -> ScriptedFlyte2:
    return ScriptedFlyte2()


@pytest.fixture(params=["grpc", "connect"])
def config(request: pytest.FixtureRequest, flyte: ScriptedFlyte2) -> Iterator[Config]:
    serve = over_grpc if request.param == "grpc" else over_http
    with serve(flyte) as endpoint:
        yield Config(
            endpoint=endpoint, insecure=True, project=PROJECT, domain=DOMAIN, flyte_version=2, transport=request.param
        )


@pytest.fixture
def client(config: Config) -> Iterator[Client]:
    with Client(config) as client:
        yield client


@pytest.fixture
def name() -> str:
    """A name that no other test uses."""
    return "t" + uuid.uuid4().hex[:12]
