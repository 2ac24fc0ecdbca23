"""``flyte-bridge snapshot`` and ``flyte-bridge check``: do DAGs, definitions and triggers fit what is registered?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import BridgeError, ConfigError, InvalidRequest
from .common import add_command, client, positive
from .render import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from ..contracts.interfaces import InterfaceSnapshot
    from ..contracts.uses import Problem, Use

__all__ = ["add_commands"]

_YAML = (".yaml", ".yml")
_PLACED = re.compile(r"^.*?, line (?P<line>\d+): (?P<text>.*)$")


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the commands of this file."""
    snapshot = add_command(
        verbs, common, "snapshot", "write the interfaces of all that is registered to a file", _snapshot
    )
    snapshot.add_argument("place", metavar="PROJECT/DOMAIN")
    snapshot.add_argument("-o", "--to", metavar="FILE", required=True, help="where to write them")
    snapshot.add_argument(
        "--versions", type=positive, default=10, metavar="N", help="of how many versions of each (default: %(default)s)"
    )
    check = add_command(
        verbs, common, "check", "hold DAGs, definitions and triggers against what is registered", _check
    )
    check.add_argument(
        "files", nargs="+", metavar="FILE", help="DAG files, definitions, triggers.yaml, or folders of them"
    )
    check.add_argument(
        "--against",
        default="server",
        metavar="server|FILE",
        help="a Flyte, or a file of 'snapshot' (default: %(default)s)",
    )
    for action in check._actions:  # noqa: SLF001  # argparse has no other way to them
        if action.dest == "output":
            action.choices = ("table", "json", "github")


def _snapshot(arguments: argparse.Namespace) -> int:
    project, slash, domain = arguments.place.partition("/")
    if not slash or not project or not domain or "/" in domain:
        raise InvalidRequest(f"snapshot {arguments.place!r}: wanted PROJECT/DOMAIN, as in ml/production")
    with client(arguments) as flyte:
        found = flyte.interfaces(project, domain, versions=arguments.versions)
    found.write(arguments.to)
    if arguments.output == "json":
        print_json({"file": arguments.to, "entities": len(found)})
    else:
        print(f"wrote {len(found)} entities of {project}/{domain} to {arguments.to}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from ..contracts.interfaces import InterfaceSnapshot

    known = None if arguments.against == "server" else InterfaceSnapshot.read(arguments.against)
    uses, problems = _read(_files(arguments.files))
    found = [*problems, *(_against_server(arguments, uses) if known is None else _against(uses, known))]
    found.sort(key=lambda item: (item.file, item.line, item.text))
    if arguments.output == "json":
        print_json([{"file": item.file, "line": item.line, "problem": item.text} for item in found])
    elif arguments.output == "github":
        for item in found:
            print(f"::error file={item.file},line={item.line}::{_escaped(item.text)}")
    else:
        print("\n".join([*map(str, found), f"{len(found)} problems in {len(uses)} uses of Flyte"]))
    return 1 if found else 0


def _escaped(text: str) -> str:
    """As GitHub's workflow commands want it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _files(given: Sequence[str]) -> list[Path]:
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


def _read(files: Sequence[Path]) -> tuple[list[Use], list[Problem]]:
    """What the files use; and what is wrong with them whatever is registered."""
    from ..contracts.loading import GROUP
    from ..contracts.uses import Problem, Use

    uses: list[Use] = []
    problems: list[Problem] = []
    for file in files:
        if file.suffix in _YAML:
            _triggers(file, uses, problems)
    code = {file: file.read_text(encoding="utf-8") for file in files if file.suffix == ".py"}
    loading = []
    for name in sorted({point.name for point in entry_points(group=GROUP)}):
        own = [str(file) for file, text in code.items() if name in text]  # a file that never names it uses none of it
        if own:
            command = [sys.executable, "-m", "bridge_core.contracts.loading", name, *own]
            loading.append((name, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)))
    for name, process in loading:
        told, log = process.communicate()
        if process.returncode:
            end = log.strip().splitlines()[-1:] or ["it said nothing"]
            raise InvalidRequest(f"check: files of {name} could not be loaded: {end[0]}")
        for line in told.splitlines():
            item = json.loads(line)
            if "problem" in item:
                problems.append(Problem(file=item["file"], line=item["line"], text=item["problem"]))
            else:
                uses.append(Use.from_dict(item))
    return uses, problems


def _triggers(file: Path, uses: list[Use], problems: list[Problem]) -> None:
    from ..contracts.uses import Problem, Use, option_names
    from ..scheduler.file import read_triggers

    text = file.read_text(encoding="utf-8")
    if "triggers:" not in text:
        return  # another kind of YAML in the same folder
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


def _against(uses: Sequence[Use], known: InterfaceSnapshot) -> Iterator[Problem]:
    from ..contracts.checking import problems_of

    return problems_of(uses, known)


def _against_server(arguments: argparse.Namespace, uses: Sequence[Use]) -> Iterator[Problem]:
    """Asked for what is used, in each place that is named."""
    with client(arguments) as flyte:
        places: dict[tuple[str, str], list[Use]] = {}
        for use in uses:
            place = (use.entity.project or flyte.config.project, use.entity.domain or flyte.config.domain)
            if not place[0] or not place[1]:
                raise ConfigError(
                    f"{use.file}:{use.line}: {use.what}: no project and no domain; give --project and --domain, as the "
                    "orchestrator's own connection or resource does"
                )
            places.setdefault((place[0], place[1]), []).append(use)
        for (project, domain), some in places.items():
            wanted = [use.entity for use in some]
            known = flyte.interfaces(project, domain, entities=wanted, versions=1)
            yield from _against(some, known)
