from __future__ import annotations

import pytest

from bridge_core.sandbox import Sandbox

from .wires import Connect, Grpc


@pytest.fixture(scope="session")
def sandbox():
    """One sandbox for all tests that do not stop or restart theirs."""
    with Sandbox() as running:
        yield running


@pytest.fixture(scope="session", params=["grpc", "connect"])
def wire(request, sandbox):
    """A client of the shared sandbox, on each wire."""
    connected = (Grpc if request.param == "grpc" else Connect)(sandbox.flyte2_endpoint)
    yield connected
    connected.close()


@pytest.fixture
def fresh(tmp_path):
    """Starts sandboxes on one data directory; stops what a test leaves running."""
    started = []

    def start(**options):
        running = Sandbox(data_dir=tmp_path / "data", **options).start()
        started.append(running)
        return running

    yield start
    for running in started:
        running.stop()


@pytest.fixture
def connect():
    """gRPC clients that are closed at the end."""
    wires = []

    def connect(sandbox):
        wires.append(Grpc(sandbox.flyte2_endpoint))
        return wires[-1]

    yield connect
    for one in wires:
        one.close()
