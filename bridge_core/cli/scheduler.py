"""``flyte-bridge scheduler …``: run a triggers file, and look at one that runs."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.secret import Secret
from ..model.errors import InvalidRequest, NotFound
from .common import add_command, client, moment, positive, seconds
from .render import print_json

if TYPE_CHECKING:
    import argparse

    from ..scheduler import Store, TriggerFile

__all__ = ["add_commands"]


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the commands of this file."""
    parser = verbs.add_parser("scheduler", help="run triggers on their schedules", allow_abbrev=False)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    run = add_command(actions, common, "run", "launch the triggers of a file at their times, until stopped", _run)
    run.add_argument(
        "--http-port", type=int, default=0, help="for /livez, /readyz, /healthz and /metrics; 0: a free one"
    )
    run.add_argument(
        "--http-host",
        metavar="ADDRESS",
        default="127.0.0.1",
        help="where those pages are; 0.0.0.0 in a pod, so that probes reach them (default: 127.0.0.1)",
    )
    run.add_argument("--parallelism", type=positive, default=8, help="launches at once")
    run.add_argument("--lease", type=seconds, default=15.0, help="seconds until a silent leader is replaced")
    run.add_argument(
        "--stop-timeout",
        type=seconds,
        default=20.0,
        help="seconds that a stop waits for launches under way; less than Kubernetes' grace period (default: 20)",
    )
    status = add_command(actions, common, "status", "show what every trigger did last and does next", _status)
    after = add_command(actions, common, "next", "show the next ticks of all triggers", _next)
    after.add_argument("--count", type=positive, default=10)
    check = add_command(actions, common, "check", "read a triggers file and say what is wrong with it", _check)
    pause = add_command(actions, common, "pause", "pass the ticks of a trigger over until it is resumed", _pause)
    resume = add_command(actions, common, "resume", "end a pause; what passed in it stays passed", _resume)
    rewind = add_command(
        actions, common, "rewind", "bring back triggers that a clock which was ahead made silent", _rewind
    )
    rewind.add_argument("--to", metavar="TIME", help="ISO time from which ticks are decided again (default: now)")
    for action in (run, status, after, check, pause, resume, rewind):
        action.add_argument("file", metavar="FILE", help="triggers.yaml")
        if action is not check:
            action.add_argument(
                "--state",
                metavar="URL",
                help="SQLAlchemy URL of the state, or where it is: env:NAME, file:PATH; an SQLite file beside FILE without it",
            )
    for action in (pause, resume):
        action.add_argument("name", metavar="TRIGGER")
    rewind.add_argument(
        "names",
        nargs="*",
        metavar="TRIGGER",
        help="which ones (default: all that are decided up to a moment in the future)",
    )


def _run(arguments: argparse.Namespace) -> int:
    import logging

    from ..scheduler import Scheduler

    logging.getLogger("bridge_core.scheduler").setLevel(
        "INFO" if arguments.log_level == "warning" else arguments.log_level.upper()
    )
    with (
        client(arguments) as flyte,
        Scheduler(
            flyte,
            arguments.file,
            state=_state(arguments),
            http_port=arguments.http_port,
            http_host=arguments.http_host,
            stop_timeout=arguments.stop_timeout,
            parallelism=arguments.parallelism,
            lease=arguments.lease,
        ) as scheduler,
    ):
        signal.signal(signal.SIGTERM, lambda *_: scheduler.stop())
        signal.signal(signal.SIGINT, lambda *_: scheduler.stop())
        signal.signal(signal.SIGHUP, lambda *_: scheduler.reload())
        scheduler.run()
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from ..scheduler import status

    file, store = _open(arguments)
    with store:
        rows = status(file, store, int(time.time()))
    if arguments.output == "json":
        print_json(rows)
        return 0
    for row in rows:
        last = f"last {_text(row['last'])} {row['last_state']}" if row["last"] else "no tick yet"
        waiting = f", {row['waiting']} waiting" if row["waiting"] else ""
        run = f" {row['last_run']}" if row["last_run"] else ""
        note = f" ({row['note']})" if row["note"] else ""
        if row["decided_until"]:
            note += f"; silent until {_text(row['decided_until'])}, because a clock was ahead: scheduler rewind brings it back"
        following = f"next {_text(row['next'])}" if row["next"] else "no next tick"
        print(f"{row['trigger']}: {row['state']}, {row['when']}; {following}; {last}{run}{note}{waiting}")
    return 0


def _next(arguments: argparse.Namespace) -> int:
    from ..scheduler import upcoming

    file, store = _open(arguments)
    with store:
        ticks = upcoming(file, store, int(time.time()), arguments.count)
    if arguments.output == "json":
        print_json([{"tick": tick, "trigger": name} for tick, name in ticks])
    else:
        print("\n".join(f"{_text(tick)}  {name}" for tick, name in ticks))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from ..scheduler import read_triggers

    file = read_triggers(arguments.file)
    if arguments.output == "json":
        print_json([entry.trigger.to_dict() for entry in file.entries])
    else:
        print("\n".join(entry.trigger.describe() for entry in file.entries))
    return 0


def _pause(arguments: argparse.Namespace) -> int:
    return _set_paused(arguments, paused=True)


def _resume(arguments: argparse.Namespace) -> int:
    return _set_paused(arguments, paused=False)


def _set_paused(arguments: argparse.Namespace, *, paused: bool) -> int:
    file, store = _open(arguments)
    with store:
        if not store.pause(arguments.name, paused=paused, now=int(time.time())):
            raise _never_seen(arguments.name, file, store)
    print(f"{arguments.name} {'paused' if paused else 'resumed'}")
    return 0


def _rewind(arguments: argparse.Namespace) -> int:
    from ..scheduler import AHEAD

    now = int(time.time())
    to = now if arguments.to is None else int(moment(arguments.to, "--to").timestamp())
    if to > now:
        raise InvalidRequest(f"--to {arguments.to}: is in the future by this machine's clock, {_text(_at(now))}")
    file, store = _open(arguments)
    with store:
        known = store.triggers()
        for name in arguments.names:
            if name not in known:
                raise _never_seen(name, file, store)
        moved = store.rewind(names=arguments.names or None, to=to, ahead_of=now + AHEAD)
    if arguments.output == "json":
        print_json([{"trigger": name, "was_decided_until": _at(until), "now": _at(to)} for name, until in moved])
    elif not moved:
        print(f"no trigger is decided up to a moment after {_text(_at(now))}: nothing to bring back")
    for name, until in moved if arguments.output == "table" else ():
        print(f"{name}: was decided up to {_text(_at(until))}, is now from {_text(_at(to))} on")
    return 0


def _open(arguments: argparse.Namespace) -> tuple[TriggerFile, Store]:
    from ..scheduler import Store, default_state, read_triggers

    file = read_triggers(arguments.file)
    state = _state(arguments)
    return file, Store(state or default_state(Path(arguments.file)), file.scope(shared=state))


def _state(arguments: argparse.Namespace) -> str | None:
    """The URL of the state. It holds a password as a rule, which does not belong on a command line."""
    given: str | None = arguments.state
    kind, found, where = (given or "").partition(":")
    if found and kind == "env":
        return Secret(env_var=where).reveal()
    if found and kind == "file":
        return Secret(location=where).reveal()
    return given


def _never_seen(name: str, file: TriggerFile, store: Store) -> NotFound:
    known = ", ".join(entry.name for entry in file.entries[:10])
    return NotFound(
        f"no scheduler has seen trigger {name!r} yet in {store.shown_url}; {file.source} has {known}; run the scheduler once, "
        "or write 'paused: true' in the file"
    )


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _text(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")
