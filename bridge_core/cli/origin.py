"""``flyte-bridge origin RUN``: who launched a run; and the options of ``list runs`` that find runs by who launched them.

Flyte can be asked for the kind of launcher only (`Provenance.SOURCE_LABEL`); the launcher's own names, which may be any text, are
looked at here. So a list by DAG, asset or trigger reads what that kind of launcher launched, newest first: ``--since`` bounds it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .common import add_command, client, ref_of
from .render import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from ..model.provenance import Provenance
    from ..model.runs import RunSnapshot

__all__ = ["add_commands", "add_origin_options", "launched_by", "looked_through"]

_LOOKED_THROUGH = 20_000
"""Runs that one list looks at, at most."""
_BY = {"dag": ("airflow", "job"), "asset": ("dagster", "asset"), "trigger": ("scheduler", "job")}
_WORDS = {
    "airflow": {"job": "DAG", "run": "DAG run", "task": "task", "part": "map index"},
    "dagster": {"job": "job", "run": "Dagster run", "task": "step", "part": "partition"},
    "scheduler": {"job": "trigger"},
}


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the command of this file."""
    command = add_command(verbs, common, "origin", "say who launched a run, and where that is seen", _origin)
    command.add_argument("ref", metavar="RUN", help="project/domain/name, or name in the configured project and domain")


def add_origin_options(runs: argparse.ArgumentParser) -> None:
    """Adds ``--dag``, ``--asset`` and ``--trigger`` to ``list runs``."""
    group = runs.add_argument_group("who launched them").add_mutually_exclusive_group()
    group.add_argument("--dag", metavar="DAG_ID", help="tasks of this Airflow DAG")
    group.add_argument("--asset", metavar="KEY", help="this Dagster asset")
    group.add_argument("--trigger", metavar="NAME", help="this trigger of the scheduler")


def launched_by(arguments: argparse.Namespace) -> tuple[str, Mapping[str, str]] | None:
    """The kind of launcher, and what its provenance must say; None when that does not matter."""
    for option, (source, field) in _BY.items():
        if (value := getattr(arguments, option)) is not None:
            return source, {field: value}
    return None


def looked_through(
    runs: Iterable[RunSnapshot], wanted: Mapping[str, str], limit: int, since: str | None
) -> Iterator[RunSnapshot]:
    """Those that were launched by whom is wanted, ``limit`` at most."""
    given = 0
    for number, run in enumerate(runs, 1):
        if number >= _LOOKED_THROUGH:
            print(
                f"looked through the newest {number} runs of this kind of launcher and stopped; "
                f"{'--since a later time' if since else '--since'} or --entity narrows it",
                file=sys.stderr,
            )
            return
        by = run.provenance
        if by is None or any(getattr(by, field) != value for field, value in wanted.items()):
            continue
        yield run
        given += 1
        if given >= limit:
            return


def _origin(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        snapshot = flyte.describe(ref_of(arguments.ref, flyte.config))
    by = snapshot.provenance
    if arguments.output == "json":
        print_json({"run": str(snapshot.ref), "provenance": None if by is None else by.to_dict()})
        return 0
    if by is None:
        print(f"run {snapshot.ref} does not say who launched it: it was not launched through this library")
        return 0
    print(f"run {snapshot.ref} was launched by {_who(by)}")
    words = _WORDS.get(by.source, {})
    for field, value in by.to_dict().items():
        if field not in ("source", "awaited", "identity"):
            print(f"  {words.get(field, field)}: {value}")
    print(f"  aborted when its launcher gives up: {'yes' if by.awaited else 'no'}")
    return 0


def _who(by: Provenance) -> str:
    names = {
        "airflow": "Airflow",
        "dagster": "Dagster",
        "scheduler": "the scheduler",
        "cli": "the command line",
        "client": "a program",
    }
    return names.get(by.source, by.source)
