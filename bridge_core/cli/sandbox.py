"""``flyte-bridge sandbox start``: the embedded Flyte in the foreground; what follows is handed to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import argparse

__all__ = ["add_commands"]


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the command of this file."""
    parser = verbs.add_parser("sandbox", help="the embedded Flyte of this machine", allow_abbrev=False)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    start = actions.add_parser(
        "start", help="run it in the foreground until Ctrl-C", add_help=False, parents=[common], allow_abbrev=False
    )
    start.set_defaults(run=_start, takes_rest=True)


def _start(arguments: argparse.Namespace) -> int:
    from .server import check_parts

    check_parts()
    from ..sandbox.cli import main

    return main(arguments.rest, prog="flyte-bridge sandbox start")
