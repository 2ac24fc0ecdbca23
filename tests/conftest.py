"""Shared by all test folders."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
import sys
from pathlib import Path

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
