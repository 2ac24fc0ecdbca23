"""What every command on a Flyte shares: which Flyte, which run, which output form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..client import Client
from ..config import Config
from ..errors import ConfigError, InvalidRequest
from ..ids import RunRef

if TYPE_CHECKING:
    import argparse

__all__ = ["add_command", "client", "pairs", "ref_of"]


def add_command(verbs: Any, common: argparse.ArgumentParser, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    """A command that talks to a Flyte."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", parents=[common], allow_abbrev=False
    )
    where = parser.add_argument_group(
        "which Flyte (else from FLYTE_* variables, or the first configuration file found)"
    )
    where.add_argument("--config", metavar="FILE", help="a Flyte configuration file (YAML or INI)")
    where.add_argument("--endpoint", metavar="HOST:PORT")
    where.add_argument("--insecure", action="store_const", const=True, help="the server speaks plaintext")
    where.add_argument("--project")
    where.add_argument("--domain")
    parser.add_argument("--output", choices=("table", "json"), default="table")
    parser.set_defaults(run=run)
    return parser


def client(arguments: argparse.Namespace) -> Client:
    """The client that the common options describe."""
    overrides = {
        "endpoint": arguments.endpoint,
        "insecure": arguments.insecure,
        "project": arguments.project,
        "domain": arguments.domain,
    }
    return Client(Config.auto(arguments.config, **overrides))


def ref_of(text: str, config: Config) -> RunRef:
    """``project/domain/name``, or a name in the configured project and domain."""
    if "/" in text:
        return RunRef.parse(text)
    if not config.project or not config.domain:
        raise ConfigError(
            f"run {text!r}: no project and domain; write project/domain/{text}, or give --project and --domain"
        )
    return RunRef(config.project, config.domain, text)


def pairs(items: list[str], option: str) -> dict[str, str]:
    """``NAME=VALUE`` arguments as a dictionary."""
    out = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise InvalidRequest(f"{option} {item!r}: wanted NAME=VALUE")
        out[name] = value
    return out
