"""Fixtures of the codec's tests."""

from __future__ import annotations

import pytest
from literal_support import GOLDENS, Types

from bridge_core.literals import Codec


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests with an argument ``golden`` run once per file."""
    if "golden" in metafunc.fixturenames:
        metafunc.parametrize("golden", GOLDENS, ids=lambda golden: golden.name)


@pytest.fixture(scope="session")
def codec() -> Codec:
    return Codec.default()


@pytest.fixture(scope="session")
def types() -> type[Types]:
    return Types
