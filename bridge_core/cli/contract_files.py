"""What ``flyte-bridge check`` reads: files, and what they use of Flyte, each orchestrator's in a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import BridgeError, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..contracts.uses import Problem, Selection, Use

__all__ = ["Found", "files_of", "read_files"]

_YAML = (".yaml", ".yml")
_PLACED = re.compile(r"^.*?, line (?P<line>\d+): (?P<text>.*)$")


@dataclass(slots=True)
class Found:
    """What files use of Flyte."""

    uses: list[Use] = field(default_factory=list)
    selections: list[Selection] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    """Whatever is registered."""


def files_of(given: Sequence[str]) -> list[Path]:
    """The files that are named, and those in the folders that are.

    Raises:
        InvalidRequest: One is not there.
    """
    out: dict[Path, None] = {}
    for text in given:
        path = Path(text)
        if path.is_dir():
            found = [item for item in sorted(path.rglob("*")) if item.suffix in (".py", *_YAML) and item.is_file()]
            out.update(dict.fromkeys(found))
        elif path.is_file():
            out[path] = None
        else:
            raise InvalidRequest(f"check {text}: there is no such file or folder")
    return list(out)


def read_files(files: Sequence[Path], snapshot: str = "") -> Found:
    """What the files use; and what is wrong with them whatever is registered.

    Args:
        files: Python and YAML.
        snapshot: The file of interfaces that is checked against, if it is one.
    """
    from ..contracts.loading import GROUP
    from ..contracts.uses import Problem, Selection, Use

    found = Found()
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    for file, text in texts.items():
        if file.suffix in _YAML and "triggers:" in text:  # else another kind of YAML in the same folder
            _triggers(file, text, found.uses, found.problems)
    loading = []
    for name in sorted({point.name for point in entry_points(group=GROUP)}):
        own = [str(file) for file, text in texts.items() if name in text]  # a file that never names it uses none of it
        if own:
            command = [sys.executable, "-m", "bridge_core.contracts.loading", name, snapshot, *own]
            loading.append((name, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
    for name, process in loading:
        told, log = process.communicate()
        if process.returncode:
            end = log.strip().splitlines()[-1:] or ["it said nothing"]
            raise InvalidRequest(f"check: files of {name} could not be loaded: {end[0]}")
        for line in told.splitlines():
            item = json.loads(line)
            if "problem" in item:
                found.problems.append(Problem(file=item["file"], line=item["line"], text=item["problem"]))
            elif "selection" in item:
                found.selections.append(Selection.from_dict(item["selection"]))
            else:
                found.uses.append(Use.from_dict(item))
    return found


def _triggers(file: Path, text: str, uses: list[Use], problems: list[Problem]) -> None:
    from ..contracts.uses import Problem, Use, option_names
    from ..scheduler.file import read_triggers

    try:
        entries = read_triggers(file).entries
    except BridgeError as error:
        told = [found for item in error.message.splitlines() if (found := _PLACED.match(item.strip())) is not None]
        problems += [Problem(file=str(file), line=int(found["line"]), text=found["text"]) for found in told]
        if not told:
            problems.append(Problem(file=str(file), line=1, text=error.message))
        return
    lines = text.splitlines()
    for entry in entries:
        trigger = entry.trigger
        named = re.compile(rf"\bname:\s*[\"']?{re.escape(trigger.name)}[\"']?\s*([,}}#]|$)")
        line = next((number for number, content in enumerate(lines, 1) if named.search(content)), 1)
        later = tuple(
            name for name, value in trigger.inputs.items() if not isinstance(value, str | int | float | list | dict)
        )
        uses.append(
            Use(
                file=str(file),
                line=line,
                what=f"trigger {trigger.name}",
                entity=trigger.entity,
                inputs={name: value for name, value in trigger.inputs.items() if name not in later},
                unknown=later,
                options=option_names(trigger.options),
            )
        )
