"""Which file has which command, so that only the file of the command that was given is imported.

Importing all of them takes longer than most commands do; it was half of the start of a connector service. An overview, and a
command that does not exist, need them all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .extensions import add_extensions

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

__all__ = ["COMMANDS", "add_commands"]

COMMANDS = {
    "quickstart": ("quickstart",),
    "launch": ("launch", "relaunch", "recover"),
    "register": ("register",),
    "runs": (
        *("get", "wait", "watch", "outputs", "inputs", "nodes", "explain", "logs", "deck", "abort", "signal"),
        "archive",
    ),
    "lists": ("projects", "list"),
    "origin": ("origin",),
    "contracts": ("snapshot", "check"),
    "compare": ("compare",),
    "cutover": ("cutover",),
    "sandbox": ("sandbox",),
    "demo": ("demo",),
    "config": ("config",),
    "scheduler": ("scheduler",),
    "connector": ("connector",),
    "trigger": ("trigger",),
}
"""File of this room -> the commands it adds, in the order of the overview."""

_FLAGS = frozenset({"--insecure", "--version"})
_OVERVIEW = frozenset({"-h", "--help"})


def add_commands(verbs: Any, common: argparse.ArgumentParser, argv: Sequence[str]) -> None:
    """Adds the commands that a command line may mean.

    Args:
        verbs: Where they are added.
        common: Options of every command.
        argv: The command line without the program's name.
    """
    verb = _verb(argv)
    own = [file for file, names in COMMANDS.items() if verb in names]
    for file in own or COMMANDS:
        importlib.import_module(f".{file}", __package__).add_commands(verbs, common)
    add_extensions(verbs, common, verb)


def _verb(argv: Sequence[str]) -> str | None:
    """The first word that is no option and no option's value; None when the overview is asked for."""
    before = ""
    for word in argv:
        if word in _OVERVIEW:
            return None
        if not word.startswith("-") and not (before.startswith("--") and "=" not in before and before not in _FLAGS):
            return word
        before = word
    return None
