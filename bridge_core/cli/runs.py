"""Commands on one run: get, wait, watch, outputs, inputs, nodes, explain, logs, deck, abort, signal, archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .common import add_command, client, ref_of, seconds
from .progress import wait_with_progress
from .render import node_dict, node_lines, outputs_lines, plain, print_json, print_outcome, snapshot_dict

if TYPE_CHECKING:
    import argparse

__all__ = ["add_commands"]


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the commands of this file."""
    add = {
        name: add_command(verbs, common, name, text, run)
        for name, text, run in (
            ("get", "show a run", _get),
            ("wait", "wait until a run ends", _wait),
            ("watch", "print each phase of a run until it ends", _watch),
            ("outputs", "print the outputs of a run", _outputs),
            ("inputs", "print the inputs of a run", _inputs),
            ("nodes", "show the nodes of a run as a tree", _nodes),
            ("explain", "say why a run ended badly, or what it waits for", _explain),
            ("logs", "print where the logs of a run are", _logs),
            ("deck", "save the deck of a node as HTML", _deck),
            ("abort", "abort a run", _abort),
            ("signal", "give a gate of a run its value", _signal),
            ("archive", "hide a run from lists", _archive),
        )
    }
    for command in add.values():
        command.add_argument(
            "ref", metavar="RUN", help="project/domain/name, or name in the configured project and domain"
        )
    for name in ("wait", "watch"):
        add[name].add_argument(
            "--timeout", type=seconds, metavar="SECONDS", help="how long at most; for ever without it"
        )
    add["nodes"].add_argument("--attempts", action="store_true", help="with the attempts of each node")
    for name in ("logs", "deck"):
        add[name].add_argument("--node", help="id or name of a node")
    add["deck"].add_argument(
        "--to", metavar="FILE", default="deck.html", help="where to save it (default: %(default)s)"
    )
    add["abort"].add_argument("--reason", help="recorded with the run")
    add["signal"].add_argument("signal_id", metavar="SIGNAL")
    add["signal"].add_argument("value", metavar="VALUE", help="JSON, or a text that is not JSON")
    add["signal"].add_argument(
        "--timeout", type=seconds, default=60.0, metavar="SECONDS", help="how long to wait for the gate"
    )
    add["archive"].add_argument("--undo", action="store_true", help="show it again")


def _get(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        snapshot = flyte.describe(ref_of(arguments.ref, flyte.config))
    if arguments.output == "json":
        print_json(snapshot_dict(snapshot))
    else:
        print(snapshot.describe())
    return 0


def _wait(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        ref = ref_of(arguments.ref, flyte.config)
        snapshot = wait_with_progress(flyte, ref, timeout=arguments.timeout, plain=arguments.output == "json")
    if arguments.output == "json":
        print_json(snapshot_dict(snapshot))
    else:
        print(snapshot.describe())
    return 0 if snapshot.phase.is_success else 1


def _watch(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        for snapshot in flyte.watch(ref_of(arguments.ref, flyte.config), timeout=arguments.timeout):
            if arguments.output == "json":
                print(json.dumps(snapshot_dict(snapshot), default=plain), flush=True)  # one document a line
            else:
                print(snapshot.describe(), flush=True)
    return 0 if snapshot.phase.is_success else 1


def _outputs(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        found = flyte.outputs(ref_of(arguments.ref, flyte.config))
    _print_values(found, arguments.output)
    return 0


def _inputs(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        found = flyte.inputs(ref_of(arguments.ref, flyte.config))
    _print_values(found, arguments.output)
    return 0


def _print_values(found: Any, output: str) -> None:
    if output == "json":
        print_json(dict(found))
    else:
        print("\n".join(outputs_lines(found)))


def _nodes(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        tree = flyte.nodes(ref_of(arguments.ref, flyte.config), attempts=arguments.attempts)
    if arguments.output == "json":
        print_json([node_dict(node) for node in tree])
    else:
        print("\n".join(line for node in tree for line in node_lines(node)))
    return 0


def _explain(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        found = flyte.explain(ref_of(arguments.ref, flyte.config))
    if arguments.output == "json":
        print_json(found.to_dict())
    else:
        print(found.text)
    return 0


def _logs(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        found = flyte.logs(ref_of(arguments.ref, flyte.config), node=arguments.node)
    if arguments.output == "json":
        print_json([{"node": log.node, "attempt": log.attempt, "name": log.name, "uri": log.uri} for log in found])
    else:
        print(
            "\n".join(f"{log.node} attempt {log.attempt + 1} {log.name}: {log.uri}" for log in found) or "no log links"
        )
    return 0


def _deck(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        html = flyte.deck(ref_of(arguments.ref, flyte.config), node=arguments.node)
    target = Path(arguments.to)
    target.write_text(html, encoding="utf-8")
    if arguments.output == "json":
        print_json({"file": str(target), "characters": len(html)})
    else:
        print(f"saved {target}")
    return 0


def _abort(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        ref = ref_of(arguments.ref, flyte.config)
        flyte.abort(ref, reason=arguments.reason)
        return print_outcome(flyte, flyte.describe(ref), arguments.output, outcome=False)


def _signal(arguments: argparse.Namespace) -> int:
    try:
        value = json.loads(arguments.value)
    except json.JSONDecodeError:
        value = arguments.value
    with client(arguments) as flyte:
        ref = ref_of(arguments.ref, flyte.config)
        flyte.signal(ref, arguments.signal_id, value, timeout=arguments.timeout)
        return print_outcome(flyte, flyte.describe(ref), arguments.output, outcome=False)


def _archive(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        ref = ref_of(arguments.ref, flyte.config)
        flyte.archive(ref, archived=not arguments.undo)
        return print_outcome(flyte, flyte.describe(ref), arguments.output, outcome=False)
