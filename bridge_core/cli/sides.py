"""What commands on two Flytes have in common: ``--from`` and ``--to``, and asking before anything happens."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..client import Client
from ..config import Config
from ..model.errors import InvalidRequest
from .common import config_of

if TYPE_CHECKING:
    import argparse

__all__ = ["add_sides", "agreed", "side"]


def add_sides(command: argparse.ArgumentParser, *, one: str, other: str, yes: str) -> None:
    """Adds the options.

    Args:
        command: Its parser.
        one: What ``--from`` is.
        other: What ``--to`` is.
        yes: What ``--yes`` does without asking.
    """
    for name, text in (("from", one), ("to", other)):
        command.add_argument(
            f"--{name}",
            dest=f"side_{name}",
            required=True,
            metavar="HOST:PORT|FILE",
            help=f"{text}: an endpoint, or a Flyte configuration file",
        )
    command.add_argument("--yes", action="store_true", help=yes)


def side(arguments: argparse.Namespace, text: str) -> Client:
    """A file is a configuration, anything else an endpoint beside the usual options."""
    if Path(text).is_file():
        return Client(Config.auto(text, project=arguments.project, domain=arguments.domain))
    return Client(replace(config_of(arguments), endpoint=text))


def agreed(arguments: argparse.Namespace, question: str, why: str) -> bool:
    """Whether somebody says yes.

    Args:
        arguments: With ``yes``.
        question: For a person at a terminal.
        why: Must be asked, for the message when there is no terminal.

    Raises:
        InvalidRequest: There is nobody to ask.
    """
    if arguments.yes:
        return True
    if not sys.stdin.isatty():
        raise InvalidRequest(f"{why}: say --yes, or run it on a terminal")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
