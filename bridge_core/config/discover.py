"""Which configuration file counts: the first hit of one fixed order, no merging, no process-wide cache.

Looked for as texts: pathlib costs a seventh of what it takes to reach Flyte, and most processes find no file.
"""

from __future__ import annotations

import logging
import os
import os.path
from typing import TYPE_CHECKING

from ..model.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["find_file"]

log = logging.getLogger("bridge_core.config")

_VARIABLES = ("_FLYTECTL_CONFIG_PYFLYTE_OVERRIDE", "FLYTECTL_CONFIG", "UCTL_CONFIG")


def find_file(path: str | Path | None = None, *, search_cwd: bool = True) -> Path | None:
    """The configuration file to read, or None.

    Order: explicit path → ``$_FLYTECTL_CONFIG_PYFLYTE_OVERRIDE`` → ``$FLYTECTL_CONFIG`` → ``$UCTL_CONFIG`` →
    ``./.flyte/config.yaml`` → ``<git root>/.flyte/config.yaml`` → ``./config.yaml`` if it has ``admin:`` →
    ``./flytekit.config`` → ``~/.flyte/config`` → ``~/.union/config.yaml`` → ``~/.flyte/config.yaml``.

    Args:
        path: Explicit file; missing is an error.
        search_cwd: Whether the working directory and its git root are looked at.

    Raises:
        ConfigError: The explicit path does not exist.
    """
    if path is not None:
        if not isinstance(path, str | os.PathLike):
            raise ConfigError(f"configuration file: wanted a path, got a {type(path).__name__}")
        explicit = os.path.expanduser(path)
        if not os.path.isfile(explicit):
            raise ConfigError(f"configuration file {explicit} does not exist")
        return _path(explicit)
    for variable in _VARIABLES:
        named = os.environ.get(variable)
        if not named:
            continue
        if os.path.isfile(file := os.path.expanduser(named)):
            return _path(file)
        log.warning("%s names %s, which does not exist; looking further", variable, named)
    found = next((file for file in _candidates(search_cwd=search_cwd) if os.path.isfile(file)), None)
    return None if found is None else _path(found)


def _path(file: str) -> Path:
    from pathlib import Path

    return Path(file)


def _candidates(*, search_cwd: bool) -> Iterator[str]:
    join = os.path.join
    if search_cwd:
        here = os.getcwd()
        yield join(here, ".flyte", "config.yaml")
        folder = here
        while not os.path.exists(join(folder, ".git")):
            above = os.path.dirname(folder)
            if above == folder:
                break
            folder = above
        else:
            yield join(folder, ".flyte", "config.yaml")
        if _has_admin_section(join(here, "config.yaml")):
            yield join(here, "config.yaml")
        yield join(here, "flytekit.config")
    home = os.path.expanduser("~")
    yield join(home, ".flyte", "config")
    yield join(home, ".union", "config.yaml")
    yield join(home, ".flyte", "config.yaml")


def _has_admin_section(file: str) -> bool:
    try:
        with open(file, encoding="utf-8") as lines:
            return any(line.startswith("admin:") for line in lines)
    except (OSError, UnicodeDecodeError):
        return False
