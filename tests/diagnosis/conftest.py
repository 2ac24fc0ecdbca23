"""One embedded Flyte with a connector that refuses, a client of it, and the wire behind its back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sandbox.protos import Wire
from sandbox.test_connectors import Connector

from bridge_core import Client
from bridge_core.sandbox import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    connector = Connector(tmp_path_factory.mktemp("jobs"), service="flyte-bridge").start()
    (connector.directory / "refuse").touch()
    try:
        with Sandbox(connectors=[f"job={connector.endpoint}"], parallelism=8) as running:
            yield running
    finally:
        connector.kill()


@pytest.fixture(scope="module")
def wire(sandbox: Sandbox) -> Iterator[Wire]:
    connected = Wire(sandbox.endpoint)
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Iterator[Client]:
    with Client(sandbox.config()) as client:
        yield client
