from __future__ import annotations

import pytest
from sandbox.protos import Wire

from bridge_core.sandbox import Sandbox

from .showcase import build


@pytest.fixture(scope="session")
def console():
    """A sandbox with something on every page, and what is on them."""
    with Sandbox() as sandbox:
        wire = Wire(sandbox.endpoint)
        yield sandbox, build(wire), wire
        wire.close()
