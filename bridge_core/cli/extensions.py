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
    from collections.abc import Sequence

__all__ = ["add_extensions"]

GROUP = "flyte_bridge.commands"
_FLAGS = frozenset({"--insecure", "--version", "--help"})


def add_extensions(verbs: Any, common: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Adds the commands of integrations when the core's are not enough for this command line.

    Args:
        verbs: Where commands are added.
        common: Options of every command.
        argv: The command line without the program's name.
    """
    verb = _verb(argv)
    if verb in verbs.choices:
        return
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP):
        if verb is None or point.name == verb:
            text = f"commands of {point.module.partition('.')[0]}"
            parser = add_command(verbs, common, point.name, text, _usage)
            if verb is not None:  # in an overview, they are named and not loaded
                point.load()(parser, client, add_place)


def _verb(argv: Sequence[str]) -> str | None:
    """The first word that is no option and no option's value."""
    before = ""
    for word in argv:
        if not word.startswith("-") and not (before.startswith("--") and "=" not in before and before not in _FLAGS):
            return word
        before = word
    return None


def _usage(arguments: argparse.Namespace) -> int:
    arguments.parser.print_help()
    return 2
