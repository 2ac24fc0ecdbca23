"""Loads orchestrators' files in a process of its own, and tells what they use of Flyte: one JSON object a line.

``python -m bridge_core.contracts.loading INTEGRATION SNAPSHOT FILE…``. The core knows no orchestrator: the integration's entry
point is a function that is given `Notes`, puts its hooks in place, and returns what is called after each file. Files are executed
as the orchestrator's own parser does; nothing in them is run that they do not run when they are parsed.
"""

from __future__ import annotations

import importlib.util
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..model.ids import EntityRef
from .uses import Selection, Use, option_names, plain_or_none

__all__ = ["GROUP", "Notes", "main"]

GROUP = "flyte_bridge.contracts"


class Notes:
    """What is noted while one file after the other is loaded."""

    def __init__(self, write: Callable[[dict[str, Any]], None], snapshot: str | None = None) -> None:
        self._write = write
        self.file = ""
        """As it was named."""
        self.path = ""
        """The same, as tracebacks have it: absolute, whatever links are on the way."""
        self.snapshot = snapshot
        """The file of interfaces that is checked against, for what a file asks a Flyte while it is loaded; None: a server."""
        self.yaml: Callable[[str], None] | None = None
        """Set by an integration that reads YAML, too: it is given the text of each such file."""

    def line(self) -> int:
        """The line of the file that is at work now; 1 when none of it is."""
        frame = inspect.currentframe()
        while frame is not None:
            if frame.f_code.co_filename == self.path:
                return frame.f_lineno
            frame = frame.f_back
        return 1

    def problem(self, line: int, text: str) -> None:
        """Something that is wrong whatever is registered."""
        self._write({"file": self.file, "line": line, "problem": text})

    def selection(self, line: int, what: str, kind: str, **more: Any) -> None:
        """A use of all entities whose names are chosen by patterns; see `Selection` for the fields."""
        from ..model.errors import BridgeError
        from ..model.text_forms import kind_of

        try:
            item = Selection(file=self.file, line=line, what=what, kind=kind_of(kind), **more)
        except BridgeError as error:
            self.problem(line, f"{what}: {error.message}")
            return
        self._write({"selection": item.to_dict()})

    def use(
        self,
        line: int,
        what: str,
        entity: EntityRef | str,
        inputs: Mapping[str, Any] | None = None,
        *,
        unknown: Callable[[Any], bool] = lambda _: False,
        options: Any = None,
        **more: Any,
    ) -> None:
        """A use of an entity.

        Args:
            line: Of the file.
            what: In the reader's words.
            entity: A reference, or its text.
            inputs: As they are written.
            unknown: Whether a value is known only when it runs.
            options: `RunOptions`, a mapping of its fields, or something that gives them later.
            **more: Further fields of `Use`.
        """
        from ..model.errors import BridgeError

        try:
            ref = EntityRef.of(entity)
            names = option_names(options)
        except BridgeError as error:
            self.problem(line, f"{what}: {error.message}")
            return
        given = dict(inputs or {})
        later = [name for name, value in given.items() if unknown(value) or plain_or_none(value) is None]
        use = Use(
            file=self.file,
            line=line,
            what=what,
            entity=ref,
            inputs={name: value for name, value in given.items() if name not in later},
            unknown=(*later, *more.pop("unknown_inputs", ())),
            options=names,
            **more,
        )
        self._write(use.to_dict())


def main(arguments: list[str]) -> int:
    """Loads the files; the first argument names the integration."""
    from importlib.metadata import entry_points

    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what files print is no answer of ours

    def write(item: dict[str, Any]) -> None:
        out.write(json.dumps(item) + "\n")

    name, snapshot, *files = arguments
    (point,) = entry_points(group=GROUP, name=name)
    notes = Notes(write, snapshot or None)
    after: Callable[[Any], None] = point.load()(notes)
    for number, file in enumerate(files):
        notes.file, notes.path = file, os.path.abspath(file)  # noqa: PTH100  # resolving would follow links
        folder = str(Path(file).resolve().parent)
        if folder not in sys.path:
            sys.path.insert(0, folder)
        try:
            if file.endswith(".py"):
                after(_loaded(notes.path, number))
            elif notes.yaml is not None:
                notes.yaml(Path(file).read_text(encoding="utf-8"))
        except Exception as error:  # noqa: BLE001  # whatever a file raises is what is wrong with it
            told = [item for item in traceback.extract_tb(error.__traceback__) if item.filename == notes.path]
            line = getattr(error, "lineno", None) if isinstance(error, SyntaxError) else told[-1].lineno if told else 1
            text = str(error).strip().splitlines()
            notes.problem(line or 1, f"cannot be loaded: {type(error).__name__}: {text[0] if text else ''}")
    out.flush()
    return 0


def _loaded(file: str, number: int) -> Any:
    spec = importlib.util.spec_from_file_location(f"flyte_bridge_checked_{number}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
