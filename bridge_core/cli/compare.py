"""``flyte-bridge compare ENTITY --from A --to B``: the last runs on one Flyte, run again on another, and what came out of both.

For a cutover. The runs of A are those that were, nothing is launched there; each is launched once on B, under a name that is made
of it, so that the command may be killed and run again. Tasks cost money and have side effects, so that the runs are listed first,
and somebody says yes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..model.errors import BridgeError, InvalidRequest
from ..model.ids import EntityKind, EntityRef
from ..model.phases import RunPhase
from ..model.provenance import Provenance
from ..model.references import DirectoryRef, FileRef, FrameRef
from ..model.requests import LaunchRequest
from ..model.run_names import run_name
from ..model.run_query import RunQuery
from .common import add_command, positive
from .render import outputs_lines, print_json, print_table
from .sides import add_sides, agreed, side

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..client import Client
    from ..model.runs import RunSnapshot

__all__ = ["add_commands"]

_LONGEST_INPUTS = 80


@dataclass(slots=True)
class _Pair:
    """One run of A, and what became of it on B."""

    before: RunSnapshot
    inputs: Mapping[str, Any]
    after: RunSnapshot | None = None
    differing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    """Outputs that cannot be compared by value."""
    problem: str = ""

    @property
    def same(self) -> bool:
        """Whether B gave what A gave, as far as that can be told."""
        return not self.problem and not self.differing and self.after is not None and self.after.phase.is_success


@dataclass(slots=True, kw_only=True)
class _Sides:
    """Both Flytes."""

    a: Client
    b: Client
    entity_a: EntityRef
    entity_b: EntityRef
    pairs: list[_Pair] = field(default_factory=list)


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the command of this file."""
    command = add_command(
        verbs, common, "compare", "run an entity's last inputs on another Flyte, and compare what comes out", _compare
    )
    command.add_argument("entity", metavar="ENTITY", help="[task:|launch_plan:][project/domain/]name[@version]")
    add_sides(command, one="whose runs are taken", other="where they run again", yes="launch without asking")
    command.add_argument("--to-entity", metavar="ENTITY", help="what it is called there; the same name without it")
    command.add_argument(
        "--inputs",
        default="last:20",
        metavar="last:N",
        help="those of the last N runs that succeeded (default: %(default)s)",
    )
    command.add_argument(
        "--concurrency", type=positive, default=4, metavar="N", help="runs at once (default: %(default)s)"
    )


def _compare(arguments: argparse.Namespace) -> int:
    count = _count(arguments.inputs)
    with side(arguments, arguments.side_from) as a, side(arguments, arguments.side_to) as b:
        sides = _Sides(
            a=a,
            b=b,
            entity_a=EntityRef.parse(arguments.entity).placed(a.config),
            entity_b=EntityRef.parse(arguments.to_entity or arguments.entity).placed(b.config),
        )
        sides.pairs = [_Pair(run, a.inputs(run.ref)) for run in _last(a, sides.entity_a, count)]
        if not sides.pairs:
            raise InvalidRequest(
                f"compare {sides.entity_a}: no run of it succeeded on {a.config.endpoint}; there are no inputs"
            )
        if not _agreed(arguments, sides):
            print("nothing was launched", file=sys.stderr)
            return 2
        _launched(sides, arguments.concurrency)
        for pair in sides.pairs:
            _judge(sides, pair)
        return _told(arguments, sides)


def _count(text: str) -> int:
    word, _, number = text.partition(":")
    if word != "last" or not number.isdecimal() or int(number) < 1:
        raise InvalidRequest(f"--inputs {text!r}: wanted last:N, as in last:20")
    return int(number)


def _last(flyte: Client, entity: EntityRef, count: int) -> list[RunSnapshot]:
    by_task = entity.kind is EntityKind.TASK and flyte.capabilities.flyte_version == 1
    query = RunQuery(
        phases=(RunPhase.SUCCEEDED,),
        entity=None if by_task else entity.name,
        where=(("task.name", "eq", entity.name),) if by_task else (),
    )
    return list(flyte.list_runs(project=entity.project, domain=entity.domain, limit=count, query=query))


def _agreed(arguments: argparse.Namespace, sides: _Sides) -> bool:
    """Lists what would run, and asks."""
    runs = "1 run" if len(sides.pairs) == 1 else f"{len(sides.pairs)} runs"
    print(f"{runs} of {sides.entity_a} on {sides.a.config.endpoint}:", file=sys.stderr)
    for pair in sides.pairs:
        text = ", ".join(line.strip() for line in outputs_lines(pair.inputs))
        print(f"  {pair.before.ref.name}: {text[:_LONGEST_INPUTS]}", file=sys.stderr)
    return agreed(
        arguments,
        f"run each once as {sides.entity_b} on {sides.b.config.endpoint}?",
        "compare launches runs, which cost money and have side effects",
    )


def _launched(sides: _Sides, concurrency: int) -> None:
    requests = [
        LaunchRequest(
            sides.entity_b,
            inputs=dict(pair.inputs),
            name=run_name("compare", sides.a.config.endpoint, str(pair.before.ref), str(sides.entity_b)),
            provenance=Provenance(source="cli", job="compare", run=str(pair.before.ref)),
        )
        for pair in sides.pairs
    ]
    for run in sides.b.run_many(requests, concurrency=concurrency, return_exceptions=True):
        pair = sides.pairs[run.number]
        pair.after = run.snapshot
        if run.error is not None:
            pair.problem = run.error.message


def _judge(sides: _Sides, pair: _Pair) -> None:
    if pair.problem or pair.after is None:
        return
    if not pair.after.phase.is_success:
        pair.problem = pair.after.describe()
        return
    try:
        one, other = sides.a.outputs(pair.before.ref), sides.b.outputs(pair.after.ref)
        names = sorted(set(one) | set(other))
        pair.differing = tuple(
            name for name in names if not (name in one and name in other and _same(sides, one[name], other[name]))
        )
        pair.unknown = tuple(name for name in names if _is_opaque(one.get(name)))
    except BridgeError as error:
        pair.problem = f"outputs could not be compared: {error.message}"


def _same(sides: _Sides, one: Any, other: Any) -> bool:
    """By value; files by their content; folders and frames are taken as they come."""
    if isinstance(one, FileRef) and isinstance(other, FileRef):
        return _content(sides.a, one) == _content(sides.b, other)
    if _is_opaque(one):
        return type(one) is type(other)
    return bool(one == other)


def _is_opaque(value: Any) -> bool:
    return isinstance(value, DirectoryRef | FrameRef)


def _content(flyte: Client, ref: FileRef) -> bytes:
    from hashlib import sha256

    digest = sha256()
    with flyte.open(ref) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.digest()


def _told(arguments: argparse.Namespace, sides: _Sides) -> int:
    pairs: Sequence[_Pair] = sides.pairs
    if arguments.output == "json":
        print_json([_plain(pair) for pair in pairs])
    else:
        rows = [
            (
                pair.before.ref.name,
                "" if pair.after is None else pair.after.ref.name,
                _seconds(pair.before),
                _seconds(pair.after),
                _verdict(pair),
            )
            for pair in pairs
        ]
        print_table((f"ON {sides.a.config.endpoint}", f"ON {sides.b.config.endpoint}", "TOOK", "TOOK", "OUTPUTS"), rows)
        print(f"{sum(pair.same for pair in pairs)} of {len(pairs)} the same")
    return 0 if all(pair.same for pair in pairs) else 1


def _verdict(pair: _Pair) -> str:
    if pair.problem:
        return pair.problem.splitlines()[0]
    if pair.differing:
        return f"differ in {', '.join(pair.differing)}"
    return f"the same, but for {', '.join(pair.unknown)} (not compared)" if pair.unknown else "the same"


def _seconds(run: RunSnapshot | None) -> str:
    return "" if run is None or run.duration is None else f"{run.duration.total_seconds():.1f} s"


def _plain(pair: _Pair) -> dict[str, Any]:
    return {
        "from": str(pair.before.ref),
        "to": None if pair.after is None else str(pair.after.ref),
        "same": pair.same,
        "differing": list(pair.differing),
        "not_compared": list(pair.unknown),
        "problem": pair.problem,
        "seconds_from": None if pair.before.duration is None else pair.before.duration.total_seconds(),
        "seconds_to": None
        if pair.after is None or pair.after.duration is None
        else pair.after.duration.total_seconds(),
    }
