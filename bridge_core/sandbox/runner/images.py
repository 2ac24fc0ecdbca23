"""What stands in for container images on one machine: an interpreter and a search path, for all projects or for one."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Image", "Images"]


@dataclass(frozen=True, slots=True)
class Image:
    """Where tasks of a project run."""

    python: Path
    """Its ``bin`` holds pyflyte-execute."""
    pythonpath: tuple[Path, ...]
    """Where code is found that was registered without its source."""


class Images:
    """The images of all projects.

    Args:
        python: The interpreter of projects that have none of their own.
        pythonpath: What every project finds.
        project_python: Interpreters by project.
        project_pythonpath: Search paths by project; they come before the common one.
        commands: For raw containers: image, or a pattern of images, to the words that go before the container's own command.

    Raises:
        ValueError: An interpreter does not exist.
    """

    def __init__(
        self,
        python: str | os.PathLike[str],
        pythonpath: Iterable[str | os.PathLike[str]],
        project_python: Mapping[str, str | os.PathLike[str]],
        project_pythonpath: Mapping[str, Iterable[str | os.PathLike[str]]],
        commands: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self._commands = {pattern: tuple(words) for pattern, words in (commands or {}).items()}
        self.common = Image(_interpreter(python), _absolute(pythonpath))
        self._projects = {
            project: Image(
                _interpreter(project_python[project]) if project in project_python else self.common.python,
                (*_absolute(project_pythonpath.get(project, ())), *self.common.pythonpath),
            )
            for project in {*project_python, *project_pythonpath}
        }

    def command(self, image: str) -> tuple[str, ...] | None:
        """The local command that an image is mapped to; None when it is not. The first pattern that fits counts."""
        return next((words for pattern, words in self._commands.items() if fnmatchcase(image, pattern)), None)

    def of(self, project: str) -> Image:
        """The image of one project."""
        return self._projects.get(project, self.common)


def _absolute(paths: Iterable[str | os.PathLike[str]]) -> tuple[Path, ...]:
    return tuple(Path(path).absolute() for path in paths)


def _interpreter(python: str | os.PathLike[str]) -> Path:
    """The interpreter's path, not resolved: a virtual environment's python is a link to another one."""
    found = shutil.which(python)
    if found is None:
        raise ValueError(f"the interpreter for tasks, {os.fspath(python)!r}, does not exist or cannot be executed")
    return Path(found).absolute()
