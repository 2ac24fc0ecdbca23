"""`CodeRequest`: source code, and how it is to be serialised."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .flyte2_code import open_flyte2
from .imported_code import ImportedCode, PythonOptions
from .interpreter import environment_of_code
from .python_code import open_python

__all__ = ["CodeRequest"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRequest:
    """Source code to be serialised.

    Attributes:
        paths: Files and folders, absolute.
        python: The interpreter.
        options: All else.
        flyte_version: Whose SDK serialises it.
    """

    paths: tuple[Path, ...]
    python: str
    options: PythonOptions
    flyte_version: int

    def open(self) -> ImportedCode:
        """Imports it; see `open_python` and `open_flyte2`."""
        if self.flyte_version == 1:
            return open_python(self.paths, self.python, self.options)
        return open_flyte2(self.paths, self.python, self.options)

    @property
    def key(self) -> str:
        """Names the sources, the settings, the interpreter with its environment, and this library: all but what files hold."""
        options = {name: value for name, value in asdict(self.options).items() if name != "patience"}
        python = Path(self.python).resolve()
        content: list[Any] = [
            [str(path) for path in self.paths],
            str(Path.cwd()),
            self.flyte_version,
            [self.python, str(python), python.stat().st_mtime_ns if python.exists() else 0],
            options,
            environment_of_code(os.environ),
            _own_sources(),
        ]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=_plain).encode()).hexdigest()


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)


def _own_sources() -> str:
    """Another release may serialise or name things in another way."""
    content = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        content.update(path.read_bytes())
    return content.hexdigest()
