"""Shared by all test folders."""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from support.forks import Forks

sys.path.insert(0, str(Path(__file__).parent))  # `from support.flyte import …`, from every folder


def _load_everything_now() -> None:
    """Imports all our modules before any test has threads.

    pytest rewrites the modules of a plugin's distribution as they are imported, and CPython 3.11's ``ast.parse`` breaks now
    and then when two threads are in it (python/cpython#106905). What importing costs is measured in fresh interpreters.
    """
    import bridge_core

    for module in pkgutil.walk_packages(bridge_core.__path__, "bridge_core."):
        if module.name.endswith("__main__"):
            continue
        with contextlib.suppress(ImportError):  # an extra that is not installed
            importlib.import_module(module.name)


_load_everything_now()


def pytest_configure(config: pytest.Config) -> None:
    """What this library keeps for its user is no part of a test, and no test leaves anything there."""
    folder = tempfile.TemporaryDirectory(prefix="flyte-bridge-tests-")
    config.add_cleanup(folder.cleanup)
    os.environ["XDG_CACHE_HOME"] = folder.name
    # The processes of a session inherit the folder of the first one: what takes long to make and is the same for all.
    os.environ.setdefault("BRIDGE_TESTS_SHARED", folder.name)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--shard", metavar="K/N", help="run the K-th of N parts of the test files")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """What shares a process: `support.parallel`."""
    from support.parallel import Groups

    return Groups(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Orders them; keeps one part of the files, when several machines, or several sittings, run the whole."""
    if os.environ.get("PYTEST_XDIST_WORKER"):
        from support.parallel import longest_first

        longest_first(items)
    if not (text := config.getoption("--shard")):
        return
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise pytest.UsageError(f"--shard {text!r}: wanted K/N with K from 1 to N, as in 1/4")
    files = sorted({str(item.path) for item in items})
    mine = {file for number, file in enumerate(files) if number % int(parts) == int(part) - 1}
    config.hook.pytest_deselected(items=[item for item in items if str(item.path) not in mine])
    items[:] = [item for item in items if str(item.path) in mine]


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """For processes of ours: each is a fork of one that has imported what those before it needed."""
    from support.forks import Forks

    process = Forks("bridge_core.cli", learns=True)
    yield process
    process.stop()
