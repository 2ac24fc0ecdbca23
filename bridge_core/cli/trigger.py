"""``flyte-bridge trigger …``: triggers that Flyte itself fires, and backfills."""

from __future__ import annotations

import signal
import sys
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest, NotFound
from .common import add_command, client, positive
from .render import print_empty, print_json

if TYPE_CHECKING:
    import argparse

    from ..scheduler import Entry, TriggerFile
    from ..schedules import DeployedTrigger

__all__ = ["add_commands", "list_triggers"]


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the commands of this file."""
    parser = verbs.add_parser("trigger", help="deploy triggers to Flyte, and backfill", allow_abbrev=False)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    deploy = add_command(actions, common, "deploy", "make Flyte fire the triggers of a file", _deploy)
    deploy.add_argument("file", metavar="FILE", help="triggers.yaml")
    deploy.add_argument("names", metavar="TRIGGER", nargs="*", help="only these; all of the file without any")
    for name, text, run in (
        ("activate", "start the schedule of a deployed trigger", _activate),
        ("deactivate", "stop the schedule of a deployed trigger", _deactivate),
    ):
        action = add_command(actions, common, name, text, run)
        action.add_argument("name", metavar="TRIGGER", help="name, or project/domain/name@version")
    add_command(actions, common, "list", "list what has a schedule in Flyte", list_triggers)
    after = add_command(actions, common, "next", "show the next ticks of a file's triggers", _next)
    after.add_argument("file", metavar="FILE", help="triggers.yaml")
    after.add_argument("names", metavar="TRIGGER", nargs="*")
    after.add_argument("--count", type=positive, default=10)
    fill = add_command(actions, common, "backfill", "launch the ticks of a past window; again to go on", _backfill)
    fill.add_argument("file", metavar="FILE", help="triggers.yaml")
    fill.add_argument("name", metavar="TRIGGER")
    fill.add_argument("--from", dest="start", required=True, metavar="TIME", help="first tick: 2026-11-01T00:00:00Z")
    fill.add_argument("--to", dest="end", required=True, metavar="TIME", help="up to here, without it")
    fill.add_argument("--max-parallel", type=positive, default=4, metavar="N", help="runs that are going at once (4)")
    fill.add_argument("--dry-run", action="store_true", help="only print the ticks")


def _deploy(arguments: argparse.Namespace) -> int:
    file = _read(arguments.file)
    chosen = [_entry(file, name) for name in arguments.names] or list(file.entries)
    out = []
    with client(arguments) as flyte:
        for entry in chosen:
            deployed = flyte.deploy_trigger(entry.trigger)
            out.append(deployed)
            if arguments.output == "table":
                word = "deployed" if deployed.created else "is there already"
                print(f"{deployed.name}: {word} as {deployed.ref}, {_state(deployed)}", flush=True)
    if arguments.output == "json":
        print_json([item.to_dict() for item in out])
    return 0


def _activate(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        return _show(flyte.activate(arguments.name), arguments.output)


def _deactivate(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        return _show(flyte.deactivate(arguments.name), arguments.output)


def _show(deployed: DeployedTrigger, output: str) -> int:
    if output == "json":
        print_json(deployed.to_dict())
    else:
        print(f"{deployed.name}: {_state(deployed)} ({deployed.ref})")
    return 0


def list_triggers(arguments: argparse.Namespace) -> int:
    """``trigger list``, also called ``list triggers``."""
    with client(arguments) as flyte:
        found = flyte.list_triggers()
        if not found:
            return print_empty(flyte, "triggers", arguments.output)
    if arguments.output == "json":
        print_json([item.to_dict() for item in found])
    else:
        for item in found:
            print(f"{item.name}: {_state(item)}, launches {item.entity}")
    return 0


def _next(arguments: argparse.Namespace) -> int:
    import dataclasses

    from ..scheduler import upcoming

    file = _read(arguments.file)
    if arguments.names:
        file = dataclasses.replace(file, entries=tuple(_entry(file, name) for name in arguments.names))
    ticks = upcoming(file, None, int(time.time()), arguments.count)
    if arguments.output == "json":
        print_json([{"tick": tick, "trigger": name} for tick, name in ticks])
    else:
        print("\n".join(f"{tick:%Y-%m-%dT%H:%M:%SZ}  {name}" for tick, name in ticks))
    return 0


def _backfill(arguments: argparse.Namespace) -> int:
    from ..scheduler import backfill

    trigger = _entry(_read(arguments.file), arguments.name).trigger
    start, end = _moment(arguments.start, "--from"), _moment(arguments.end, "--to")
    if arguments.dry_run:
        ticks = list(trigger.between(start, end))
        if arguments.output == "json":
            print_json(ticks)
        else:
            print("\n".join(f"{tick:%Y-%m-%dT%H:%M:%SZ}" for tick in ticks))
        return 0
    stop = threading.Event()
    interrupted: list[int] = []

    def interrupt(number: int, _frame: object) -> None:
        interrupted.append(number)
        stop.set()

    previous = signal.signal(signal.SIGINT, interrupt)
    failed = done = total = 0
    out = []
    try:
        with client(arguments) as flyte:
            for item in backfill(flyte, trigger, start, end, max_parallel=arguments.max_parallel, stop=stop):
                total = item.total
                done += item.snapshot is not None and item.snapshot.phase.is_terminal
                failed += not item.succeeded
                text = item.snapshot.describe() if item.snapshot is not None else f"not launched: {item.error}"
                found = "" if item.created or item.snapshot is None else " (was there)"
                if arguments.output == "table":
                    print(
                        f"[{done + (item.snapshot is None)}/{total}] {item.tick:%Y-%m-%dT%H:%M:%SZ} {text}{found}",
                        flush=True,
                    )
                phase = item.snapshot.phase.value if item.snapshot is not None else None
                run = str(item.snapshot.ref) if item.snapshot is not None else None
                out.append(
                    {"tick": item.tick, "run": run, "phase": phase, "created": item.created, "error": item.error}
                )
    finally:
        signal.signal(signal.SIGINT, previous)
    if arguments.output == "json":
        print_json(out)
    if interrupted and done < total:
        print(f"flyte-bridge: stopped after {done} of {total}; the same command goes on from here", file=sys.stderr)
        return 130
    return 1 if failed else 0


def _read(path: str) -> TriggerFile:
    from ..scheduler import read_triggers

    return read_triggers(path)


def _entry(file: TriggerFile, name: str) -> Entry:
    for entry in file.entries:
        if entry.name == name:
            return entry
    known = ", ".join(entry.name for entry in file.entries[:10])
    raise NotFound(f"{file.source} has no trigger {name!r}; it has {known}")


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"{option} {text!r} is no time; write 2026-11-01T00:00:00Z, or 2026-11-01 for midnight UTC"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _state(deployed: DeployedTrigger) -> str:
    kickoff = f", {deployed.kickoff_input} is the tick" if deployed.kickoff_input else ""
    return f"{'active' if deployed.active else 'inactive'}, {deployed.schedule or 'no schedule'}{kickoff}"
