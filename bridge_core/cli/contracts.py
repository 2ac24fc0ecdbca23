"""``flyte-bridge snapshot`` and ``flyte-bridge check``: do DAGs, definitions and triggers fit what is registered?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError, InvalidRequest, NotFound
from ..model.ids import EntityKind
from .common import add_command, client, positive
from .contract_files import files_of, read_files
from .render import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ..client import Client
    from ..contracts.interfaces import InterfaceSnapshot
    from ..contracts.uses import Problem, Selection, Use
    from .contract_files import Found

__all__ = ["add_commands"]

_MOST = 100_000
"""Names of one kind in one place."""


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
        if not found:
            raise NotFound(
                f"snapshot {arguments.place}: no launch plan and no task is registered there on {flyte.config.endpoint}; nothing "
                "was written. 'flyte-bridge projects' shows what projects there are"
            )
    found.write(arguments.to)
    if arguments.output == "json":
        print_json({"file": arguments.to, "entities": len(found)})
    else:
        print(f"wrote {len(found)} entities of {project}/{domain} to {arguments.to}")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from ..contracts.interfaces import InterfaceSnapshot

    known = None if arguments.against == "server" else InterfaceSnapshot.read(arguments.against)
    read = read_files(files_of(arguments.files), "" if known is None else arguments.against)
    found = [*read.problems, *(_against_server(arguments, read) if known is None else _against(read, known))]
    found.sort(key=lambda item: (item.file, item.line, item.text))
    if arguments.output == "json":
        print_json([{"file": item.file, "line": item.line, "problem": item.text} for item in found])
    elif arguments.output == "github":
        for item in found:
            print(f"::error file={item.file},line={item.line}::{_escaped(item.text)}")
    else:
        uses = len(read.uses) + len(read.selections)
        print("\n".join([*map(str, found), f"{len(found)} problems in {uses} uses of Flyte"]))
    return 1 if found else 0


def _escaped(text: str) -> str:
    """As GitHub's workflow commands want it."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _against(read: Found, known: InterfaceSnapshot) -> Iterator[Problem]:
    from ..contracts.checking import problems_of, problems_of_selection

    yield from problems_of(read.uses, known)
    for item in read.selections:
        if item.project in (None, known.project) and item.domain in (None, known.domain):
            yield from problems_of_selection(item, known.list_entities(item.kind), known)


def _against_server(arguments: argparse.Namespace, read: Found) -> Iterator[Problem]:
    """Asked for what is used, in each place that is named."""
    from ..contracts.checking import problems_of, problems_of_selection

    with client(arguments) as flyte:
        places: dict[tuple[str, str], list[Use]] = {}
        for use in read.uses:
            places.setdefault(_place(flyte, use, use.entity.project, use.entity.domain), []).append(use)
        for place, some in places.items():
            wanted = {use.entity for use in some}
            wanted |= {replace(use.entity, kind=EntityKind.TASK) for use in some if use.any_kind}
            yield from problems_of(some, flyte.interfaces(*place, entities=wanted, versions=1))
        for item in read.selections:
            place = _place(flyte, item, item.project, item.domain)
            names = flyte.list_entities(item.kind, project=place[0], domain=place[1], limit=_MOST)
            wanted = set(item.chosen(names) if item.launches else ())
            yield from problems_of_selection(item, names, flyte.interfaces(*place, entities=wanted, versions=1))


def _place(flyte: Client, use: Use | Selection, project: str | None, domain: str | None) -> tuple[str, str]:
    place = (project or flyte.config.project, domain or flyte.config.domain)
    if not place[0] or not place[1]:
        raise ConfigError(
            f"{use.file}:{use.line}: {use.what}: no project and no domain; give --project and --domain, as the "
            "orchestrator's own connection or resource does"
        )
    return (place[0], place[1])
