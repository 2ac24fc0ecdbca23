"""Code of the Flyte 2 SDK as a `Source`: serialised by that SDK in an interpreter that has it. Its messages stay bytes here: what
they mean is the backend's affair, and this room knows one wire only.
"""

from __future__ import annotations

import hashlib
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError, InvalidRequest
from ..model.ids import EntityRef
from .bundle import bundle
from .interpreter import Interpreter
from .placeholders import BLANK, Values
from .source import Code, version_of
from .spec import Spec

if TYPE_CHECKING:
    from .python_code import PythonOptions

__all__ = ["Flyte2Code", "open_flyte2"]

_SCRIPT = Path(__file__).parent / "scripts" / "serialize_flyte.py"


def open_flyte2(paths: tuple[Path, ...], python: str, options: PythonOptions) -> Flyte2Code:
    """Imports the code in that interpreter.

    Raises:
        InvalidRequest: It cannot be imported, or describes images; shows the user's own frames.
        ConfigError: The interpreter has no flyte.
    """
    root = options.source_root
    cwd = root or (paths[0] if paths[0].is_dir() else paths[0].parent)
    origin = ", ".join(str(path) for path in paths)
    interpreter = Interpreter(python, _SCRIPT, cwd=cwd, patience=options.patience, builds_images=False)
    try:
        told = _answer(
            interpreter.ask("load", sources=[str(path) for path in paths], root=str(root or ""), copy=options.copy),
            interpreter,
            origin,
        )
        if not told["entities"]:
            raise InvalidRequest(f"{origin} holds no task of a flyte.TaskEnvironment")
        if told["images"] and not options.images:
            task, image = told["images"][0]
            raise InvalidRequest(
                f"{origin}: task {task} describes its image ({image}) instead of naming one; build it with 'flyte build', and "
                "name it: images={'<environment>': 'uri'}, or images='uri' for all"
            )
        code = bundle(Path(told["root"]), told["files"]) if options.copy != "none" else None
        return Flyte2Code(interpreter, options, origin, code, Path(told["root"]), tuple(told["prefixes"]))
    except BaseException:
        interpreter.close()
        raise


@dataclass(slots=True)
class Flyte2Code:
    """Code that was imported. Holds its interpreter until `close`."""

    _interpreter: Interpreter
    _options: PythonOptions
    origin: str
    code: Code | None
    _root: Path
    _prefixes: tuple[str, ...]
    _digest: str = field(default="", init=False)
    _draft: list[Spec] | None = field(default=None, init=False)

    @property
    def digest(self) -> str:
        """Of the archive and of the tasks as they are for no place and no version, without paths of this machine."""
        if not self._digest:
            content = hashlib.sha256()
            paths = sorted({str(self._root), str(self._root.resolve()), *self._prefixes}, key=len, reverse=True)
            for spec in self.draft():
                raw = spec.message
                assert isinstance(raw, bytes)
                for path in paths:
                    raw = raw.replace(path.encode(), b"")
                content.update(f"{spec.ref}\0".encode() + raw + b"\0")
            if self.code is not None:
                content.update(self.code.name.encode())
            self._digest = version_of(content)
        return self._digest

    def draft(self) -> list[Spec]:
        """Serialised for no project, domain, version and archive; once."""
        if self._draft is None:
            self._draft = self.specs(BLANK)
        return self._draft

    def specs(self, values: Values) -> list[Spec]:
        """Serialises for these values."""
        with tempfile.TemporaryDirectory(prefix="flyte-bridge-") as folder:
            told = _answer(
                self._interpreter.ask(
                    "serialize",
                    project=values.project,
                    domain=values.domain,
                    version=values.version,
                    images=list(self._options.images),
                    env=dict(self._options.env) if self._options.env else None,
                    destination=values.destination,
                    code=values.code if self.code is not None else "",
                    folder=folder,
                ),
                self._interpreter,
                self.origin,
            )
            return [
                Spec(
                    EntityRef.task(item["name"], project=values.project, domain=values.domain, version=values.version),
                    (Path(folder) / item["file"]).read_bytes(),
                    self.origin,
                )
                for item in told["entities"]
            ]

    def close(self) -> None:
        """Ends the interpreter."""
        self._interpreter.close()


def _answer(told: dict[str, Any], interpreter: Interpreter, origin: str) -> dict[str, Any]:
    if told["ok"]:
        return told
    if told["kind"] == "sdk":
        raise ConfigError(
            f"the interpreter {interpreter.python} cannot import flyte ({told['error']}); name one that can with "
            "python='/path/to/venv/bin/python'"
        )
    if told["kind"] == "root":
        raise InvalidRequest(f"{told['error']}; choose a source_root= above it")
    raise InvalidRequest(f"{origin} cannot be imported or serialised by {interpreter.python}:\n{told['error']}")
