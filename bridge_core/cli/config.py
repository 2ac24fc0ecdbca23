"""Commands on the configuration: ``config show`` tells where each setting came from, ``config check`` what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..config import Secret
from ..config.settings import leaves
from ..model.masking import MASK, Hidden
from .common import add_command, config_of, seconds
from .render import print_json

if TYPE_CHECKING:
    import argparse

    from ..config import Config

__all__ = ["add_commands"]


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the commands of this file."""
    group = verbs.add_parser("config", help="show and check the configuration", allow_abbrev=False)
    commands = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    show = add_command(commands, common, "show", "show every setting and where it came from", _show)
    show.add_argument(
        "--all", action="store_true", help="settings that have their default value too (always with json)"
    )
    check = add_command(commands, common, "check", "connect, and say what is wrong", _check)
    check.add_argument("--timeout", type=seconds, default=10.0, metavar="SECONDS", help="per step; 10 without it")


def _show(arguments: argparse.Namespace) -> int:
    config = config_of(arguments)
    rows = [
        {"key": name, "value": _shown(config, name, value), "source": config.origin(name)}
        for name, value in leaves(config)
    ]
    if arguments.output == "json":
        print_json({"settings": rows})
        return 0
    rows = [row for row in rows if arguments.all or row["source"] != "default" or row["key"] in _ALWAYS]
    widths = [max(len(_text(row[column])) for row in rows) for column in ("key", "value")]
    for row in rows:
        print(f"{row['key']:<{widths[0]}}  {_text(row['value']):<{widths[1]}}  {row['source']}")
    return 0


_ALWAYS = ("endpoint", "insecure", "project", "domain", "auth.mode")


def _shown(config: Config, name: str, value: Any) -> Any:
    """A setting as plain JSON, without what must not be shown."""
    if isinstance(value, Secret):
        return str(value) or None
    if name in {"auth.command", "auth.proxy_command"}:
        rest = len(value) - 1
        return f"{value[0]} ({rest} argument{'' if rest == 1 else 's'})" if value else None
    if isinstance(value, Hidden):
        return value.shown
    if name == "auth.mode":
        return value or config.auth.effective_mode
    if name == "metadata":
        return [f"{key}: {MASK}" for key, _ in value]
    if isinstance(value, tuple):
        return [list(item) if isinstance(item, tuple) else item for item in value]
    return value


def _text(value: Any) -> str:
    if value is None or value == []:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(str(item) for item in value) if isinstance(value, list) else str(value)


def _check(arguments: argparse.Namespace) -> int:
    from .check import check

    return check(config_of(arguments), timeout=arguments.timeout, output=arguments.output)
