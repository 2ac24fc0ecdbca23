"""``flyte-bridge cutover TRIGGER… --from A --to B``: schedules move from one Flyte to another, one by one, never active on both.

Of each trigger, the one on A is stopped, and seen to be stopped, before the one on B is started. What dies in between leaves a
trigger that is active nowhere; the same command again finds that and starts it on B. Names are given and not found out, so that
what somebody paused is not started by accident.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..model.errors import BridgeError, InvalidRequest, NotFound
from ..model.ids import EntityKind, EntityRef
from .common import add_command
from .exit_codes import INTERRUPTED
from .render import print_json
from .sides import add_sides, agreed, side

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..client import Client
    from ..schedules import DeployedTrigger

__all__ = ["add_commands"]


@dataclass(slots=True, kw_only=True)
class _Move:
    """One trigger on both sides, and what became of it."""

    one: DeployedTrigger
    other: DeployedTrigger
    stopped: datetime | None = None
    """When A was seen to be inactive, by this call of the command."""
    started: datetime | None = None
    problem: str = ""

    @property
    def done(self) -> bool:
        """Whether it fires on B alone."""
        return self.other.active and not self.one.active

    @property
    def plan(self) -> str:
        """What is to be done, in words."""
        match self.one.active, self.other.active:
            case True, False:
                return "stop it on --from, then start it on --to"
            case True, True:
                return "ACTIVE ON BOTH: stop it on --from"
            case False, False:
                return "active on neither: start it on --to"
        return "nothing: it is active on --to alone"


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the command of this file."""
    command = add_command(
        verbs, common, "cutover", "stop triggers on one Flyte and start them on another, one by one", _cutover
    )
    command.add_argument(
        "triggers",
        metavar="TRIGGER",
        nargs="+",
        help="name, or project/domain/name; NAME=OTHER when it is called otherwise on the other Flyte",
    )
    add_sides(command, one="where they stop", other="where they start", yes="switch without asking")


def _cutover(arguments: argparse.Namespace) -> int:
    with side(arguments, arguments.side_from) as a, side(arguments, arguments.side_to) as b:
        moves = _found(a, b, arguments.triggers)
        print(f"from {a.config.endpoint} to {b.config.endpoint}:", file=sys.stderr)
        for move in moves:
            same = move.one.schedule == move.other.schedule
            when = move.one.schedule if same else f"{move.one.schedule} on --from, {move.other.schedule} on --to"
            print(f"  {move.one.name} ({when}): {move.plan}", file=sys.stderr)
        if all(move.done for move in moves):
            return _told(arguments, moves)
        if not agreed(arguments, "switch them?", "cutover stops and starts schedules"):
            print("nothing was switched", file=sys.stderr)
            return 2
        for move in moves:
            try:
                _switch(a, b, move)
            except BridgeError as error:  # the next one is not touched: what is wrong may be wrong with all of them
                move.problem = error.message
                break
            except KeyboardInterrupt:
                print(
                    f"flyte-bridge: interrupted at {move.one.name}; the same command again sees what is active, and goes on",
                    file=sys.stderr,
                )
                return INTERRUPTED
        return _told(arguments, moves)


def _found(a: Client, b: Client, names: Sequence[str]) -> list[_Move]:
    """Both sides of each, before anything is switched.

    Raises:
        NotFound: One is not there.
        InvalidRequest: One is named twice, or both sides of one are the same.
    """
    moves: dict[EntityRef, _Move] = {}
    for text in names:
        name, _, other = text.partition("=")
        one, two = _trigger(a, name), _trigger(b, other or name)
        if (a.config.endpoint, one.ref) == (b.config.endpoint, two.ref):
            raise InvalidRequest(
                f"trigger {name!r}: --from and --to are the same Flyte, and it is the same trigger there"
            )
        if moves.setdefault(one.ref, move := _Move(one=one, other=two)) is not move:
            raise InvalidRequest(f"trigger {name!r} is named twice; name it once")
    return list(moves.values())


def _trigger(flyte: Client, text: str) -> DeployedTrigger:
    ref = EntityRef.parse(text)
    if ref.kind is not EntityKind.LAUNCH_PLAN or ref.version is not None:
        raise InvalidRequest(f"trigger {text!r}: wanted its name, or project/domain/name, without a version")
    ref = ref.placed(flyte.config)
    known = {item.name: item for item in flyte.list_triggers(project=ref.project, domain=ref.domain)}
    if ref.name not in known:
        there = f"it has {', '.join(sorted(known)[:10])}" if known else "it has none"
        raise NotFound(
            f"no trigger {ref.name!r} in {ref.project}/{ref.domain} on {flyte.config.endpoint}; {there}. Deploy it first, "
            "inactive ('auto_activate: false'), with 'flyte-bridge trigger deploy'"
        )
    return known[ref.name]


def _switch(a: Client, b: Client, move: _Move) -> None:
    if move.one.active:
        move.one = a.deactivate(replace(move.one.ref, version=None))  # whichever version is active by now
        if move.one.active:
            raise BridgeError(f"{move.one.ref} is still active on {a.config.endpoint}; nothing was started")
        move.stopped = datetime.now(UTC)
    if not move.other.active:
        move.other = b.activate(move.other.ref)
        move.started = datetime.now(UTC)


def _told(arguments: argparse.Namespace, moves: Sequence[_Move]) -> int:
    if arguments.output == "json":
        print_json([_plain(move) for move in moves])
    else:
        for move in moves:
            print(f"{move.one.name}: {_state(move)}", flush=True)
        left = [move for move in moves if not move.done]
        if left:
            print(
                "flyte-bridge: the same command again goes on from here; to go back, swap --from and --to",
                file=sys.stderr,
            )
    return 0 if all(move.done for move in moves) else 1


def _state(move: _Move) -> str:
    if move.problem:
        where = "still active on --from" if move.one.active else "ACTIVE ON NEITHER"
        return f"{where}: {move.problem}"
    if not move.done:
        return "not touched"
    if move.started is None:
        return "active on --to alone"
    if move.stopped is None:
        return f"started on --to at {move.started:%Y-%m-%dT%H:%M:%SZ}"
    took = (move.started - move.stopped).total_seconds()
    return f"switched at {move.stopped:%Y-%m-%dT%H:%M:%SZ}; active on neither for {took:.1f} s"


def _plain(move: _Move) -> dict[str, Any]:
    return {
        "name": move.one.name,
        "from": str(move.one.ref),
        "to": str(move.other.ref),
        "active_from": move.one.active,
        "active_to": move.other.active,
        "stopped_at": move.stopped,
        "started_at": move.started,
        "problem": move.problem or None,
    }
