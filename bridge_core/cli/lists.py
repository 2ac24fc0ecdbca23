"""``flyte-bridge list …``: runs and entities; ``flyte-bridge projects``."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..model.durations import parse_duration
from ..model.errors import InvalidRequest
from ..model.ids import EntityKind
from ..model.phases import RunPhase
from ..model.provenance import Provenance
from ..model.run_query import RunQuery
from .common import add_command, client, moment, pairs, positive
from .origin import add_origin_options, launched_by, looked_through
from .render import print_empty, print_json, print_table, snapshot_dict
from .trigger import list_triggers

if TYPE_CHECKING:
    import argparse

__all__ = ["add_commands"]


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the commands of this file."""
    add_command(verbs, common, "projects", "list projects and their domains", _projects)
    parser = verbs.add_parser("list", help="list runs or entities", allow_abbrev=False)
    kinds = parser.add_subparsers(required=True, metavar="WHAT")
    runs = add_command(kinds, common, "runs", "list runs, newest first", _runs)
    runs.add_argument(
        "--phase", action="append", default=[], metavar="PHASE", help="may be repeated, e.g. --phase FAILED"
    )
    runs.add_argument("--entity", metavar="NAME", help="name of the launch plan that was launched")
    runs.add_argument("--name-contains", metavar="TEXT")
    runs.add_argument("--label", action="append", default=[], metavar="K=V")
    runs.add_argument(
        "--since",
        metavar="TIME",
        help="created at or after this ISO time (UTC unless it has a zone), or for so long: 1d, 2h30m",
    )
    add_origin_options(runs)
    runs.add_argument("--archived", action="store_true", help="archived ones instead")
    for name, kind in (
        ("tasks", EntityKind.TASK),
        ("workflows", EntityKind.WORKFLOW),
        ("launch-plans", EntityKind.LAUNCH_PLAN),
    ):
        command = add_command(kinds, common, name, f"list {name.replace('-', ' ')}", _entities)
        command.add_argument("name", nargs="?", help="versions of this one, newest first")
        command.set_defaults(kind=kind)
    for command in kinds.choices.values():
        command.add_argument(
            "--limit", type=positive, default=50, metavar="N", help="how many at most (default: %(default)s)"
        )
    add_command(kinds, common, "triggers", "list what has a schedule in Flyte", list_triggers)


def _runs(arguments: argparse.Namespace) -> int:
    by = launched_by(arguments)
    labels = pairs(arguments.label, "--label")
    if by is not None:
        labels[Provenance.SOURCE_LABEL] = by[0]
    query = RunQuery(
        phases=tuple(_phase(text) for text in arguments.phase),
        entity=arguments.entity,
        name_contains=arguments.name_contains,
        created_after=None if arguments.since is None else _since(arguments.since),
        labels=labels or None,
        archived=True if arguments.archived else None,
    )
    with client(arguments) as flyte:
        if by is None:
            found = list(flyte.list_runs(limit=arguments.limit, query=query))
        else:
            every = flyte.list_runs(limit=sys.maxsize, query=query)
            found = list(looked_through(every, by[1], arguments.limit, arguments.since))
        if not found:
            return print_empty(flyte, "runs", arguments.output)
    if arguments.output == "json":
        print_json([snapshot_dict(snapshot) for snapshot in found])
        return 0
    rows = [
        (
            snapshot.ref.name,
            snapshot.phase.value,
            f"{snapshot.created_at:%Y-%m-%d %H:%M:%S}" if snapshot.created_at else "",
            f"{snapshot.entity.name}@{snapshot.entity.version}" if snapshot.entity else "",
        )
        for snapshot in found
    ]
    print_table(("RUN", "PHASE", "CREATED (UTC)", "ENTITY"), rows)
    return 0


def _entities(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        found = flyte.list_entities(arguments.kind, name=arguments.name, limit=arguments.limit)
        if not found:
            what = f"{arguments.kind.value.replace('_', ' ')}s"
            return print_empty(flyte, f"{what} {arguments.name!r}" if arguments.name else what, arguments.output)
    if arguments.output == "json":
        print_json([str(item) for item in found])
    else:
        print("\n".join(f"{item.name}@{item.version}" if item.version else item.name for item in found))
    return 0


def _projects(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        found = flyte.projects()
    if arguments.output == "json":
        print_json([asdict(project) for project in found])
    else:
        rows = [(project.id, ", ".join(project.domains), project.description or project.name) for project in found]
        print_table(("PROJECT", "DOMAINS", "DESCRIPTION"), rows)
    return 0


def _since(text: str) -> datetime:
    """An ISO time, or that long ago."""
    ago = parse_duration(text)
    if ago is not None:
        return datetime.now(UTC) - ago
    try:
        return moment(text, "--since")
    except InvalidRequest as error:
        raise error.with_message(f"{error.message}, or how long ago, like 1d or 2h30m") from None


def _phase(text: str) -> RunPhase:
    try:
        return RunPhase(text.upper())
    except ValueError:
        known = ", ".join(phase.value for phase in RunPhase)
        raise InvalidRequest(f"--phase {text!r}: no such phase; known are {known}") from None
