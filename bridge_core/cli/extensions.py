"""Commands that integrations add, through entry points of the group ``flyte_bridge.commands``: the core knows none of them.

An entry point is named like its command and loads a function ``add(parser, open_client, add_place)``: it adds its arguments and
sets ``run``, a function from the parsed arguments to the exit code. ``open_client`` opens the Flyte that the arguments mean, and
``add_place`` lets a command below take the options that say which, too. Asking which packages are installed costs more than
most commands, so it is done only for a command that is not the core's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .common import add_command, add_place, client

if TYPE_CHECKING:
    import argparse

__all__ = ["add_extensions"]

GROUP = "flyte_bridge.commands"


def add_extensions(verbs: Any, common: argparse.ArgumentParser, verb: str | None) -> None:
    """Adds the commands of integrations when the core's are not enough for this command line.

    Args:
        verbs: Where commands are added.
        common: Options of every command.
        verb: The command that was given, None for an overview.
    """
    if verb in verbs.choices:
        return
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP):
        if verb is None or point.name == verb:
            text = f"commands of {point.module.partition('.')[0]}"
            parser = add_command(verbs, common, point.name, text, _usage)
            if verb is not None:  # in an overview, they are named and not loaded
                point.load()(parser, client, add_place)


def _usage(arguments: argparse.Namespace) -> int:
    arguments.parser.print_help()
    return 2
