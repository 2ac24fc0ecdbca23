"""Which configuration file counts: the first hit of one fixed order, no merging, no process-wide cache."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

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
        explicit = Path(path).expanduser()
        if not explicit.is_file():
            raise ConfigError(f"configuration file {explicit} does not exist")
        return explicit
    for variable in _VARIABLES:
        named = os.environ.get(variable)
        if not named:
            continue
        if (file := Path(named).expanduser()).is_file():
            return file
        log.warning("%s names %s, which does not exist; looking further", variable, named)
    return next((file for file in _candidates(search_cwd=search_cwd) if file.is_file()), None)


def _candidates(*, search_cwd: bool) -> Iterator[Path]:
    if search_cwd:
        here = Path.cwd()
        yield here / ".flyte" / "config.yaml"
        for folder in (here, *here.parents):
            if (folder / ".git").exists():
                yield folder / ".flyte" / "config.yaml"
                break
        if _has_admin_section(here / "config.yaml"):
            yield here / "config.yaml"
        yield here / "flytekit.config"
    home = Path.home()
    yield home / ".flyte" / "config"
    yield home / ".union" / "config.yaml"
    yield home / ".flyte" / "config.yaml"


def _has_admin_section(file: Path) -> bool:
    try:
        return any(line.startswith("admin:") for line in file.read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError):
        return False
