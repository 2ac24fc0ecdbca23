"""For the tests of your own DAGs and assets: a real embedded Flyte as a pytest fixture.

Installed as a pytest plugin (entry point ``flyte_bridge``), so that a test only has to name the fixture:

    def test_my_dag(flyte_sandbox):
        flyte_sandbox.stub("etl.wf", inputs={"day": str}, outputs={"rows": 7}, fail_times=1)
        flyte_sandbox.faults.fail("CreateExecution", after_commit=True)
        with Client(flyte_sandbox.config()) as flyte:
            …
        assert flyte_sandbox.calls.count("CreateExecution") == 2

And for connectors: `check_connector`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from .connector.kit import check_connector
    from .sandbox import Sandbox

__all__ = ["check_connector", "flyte_sandbox"]


def __getattr__(name: str) -> Any:
    if name != "check_connector":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .connector.kit import check_connector

    return check_connector


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes that a test failed: a fault that did not happen is then no news."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def _flyte_sandbox_server() -> Iterator[Sandbox]:
    from .sandbox import Sandbox

    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def flyte_sandbox(_flyte_sandbox_server: Sandbox, request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The embedded Flyte, started once per session; recorded calls, stubs and connectors are cleared for each test.

    Faults that were planned and did not happen fail the test, unless it has failed already.

    What a test can do with it besides being a client: `Sandbox.stub`, ``flyte_sandbox.faults``, ``flyte_sandbox.calls``,
    ``flyte_sandbox.connectors.add("HOST:PORT")``.
    """
    _flyte_sandbox_server.calls.clear()
    yield _flyte_sandbox_server
    _flyte_sandbox_server.stubs.clear()
    _flyte_sandbox_server.connectors.clear()
    try:
        if not request.node.stash.get(_FAILED, False):
            _flyte_sandbox_server.faults.assert_consumed()
    finally:
        _flyte_sandbox_server.faults.clear()
