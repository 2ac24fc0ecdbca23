"""What every command on a Flyte shares: which Flyte, which run, which output form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model.errors import BridgeError, InvalidRequest

if TYPE_CHECKING:
    import argparse
    from datetime import datetime

    from ..client import Client
    from ..config import Config
    from ..model.ids import RunRef

__all__ = [
    "add_command",
    "add_place",
    "client",
    "config_of",
    "json_object",
    "moment",
    "nowhere_named",
    "pairs",
    "positive",
    "ref_of",
    "seconds",
]


def add_command(verbs: Any, common: argparse.ArgumentParser, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    """A command that talks to a Flyte."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", parents=[common], allow_abbrev=False
    )
    add_place(parser)
    parser.set_defaults(run=run, parser=parser)
    return parser


def add_place(parser: argparse.ArgumentParser) -> None:
    """Options that say which Flyte and which output form; they may stand before or after the verb."""
    import argparse

    where = parser.add_argument_group(
        "which Flyte (else from FLYTE_* variables, or the first configuration file found)",
        argument_default=argparse.SUPPRESS,  # the defaults are in `main`, so that a verb does not undo what stood before it
    )
    where.add_argument("--config", metavar="FILE", help="a Flyte configuration file (YAML or INI)")
    where.add_argument("--endpoint", metavar="HOST:PORT")
    where.add_argument("--insecure", action="store_const", const=True, help="the server speaks plaintext")
    where.add_argument("--project")
    where.add_argument("--domain")
    where.add_argument(
        "--data-upload-location",
        metavar="URI",
        help="where local files given as inputs go: flyte://… through Flyte, else the store itself",
    )
    parser.add_argument("--output", choices=("table", "json"), default=argparse.SUPPRESS, help="default: table")


def seconds(text: str) -> float:
    """The type of options that are durations: a number of seconds, or Go's spelling (``1h30m``)."""
    import argparse
    import math

    from ..model.durations import NoDuration, parse_go_duration

    try:
        value = float(text)
    except ValueError:
        try:
            value = float(parse_go_duration(text))
        except NoDuration:
            value = math.nan
    if not math.isfinite(value) or value < 0:
        raise argparse.ArgumentTypeError(
            f"wanted a number of seconds from 0 on, or a duration like 1h30m, got {text!r}"
        )
    return value


def moment(text: str, option: str) -> datetime:
    """An ISO time; UTC unless it has a zone.

    Raises:
        InvalidRequest: It is none.
    """
    from datetime import UTC, datetime

    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(f"{option} {text!r}: wanted an ISO time, for instance 2026-11-20T08:00:00Z") from None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def positive(text: str) -> int:
    """The type of options that are counts."""
    import argparse

    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"wanted a whole number from 1 on, got {text!r}")
    return int(text)


def client(arguments: argparse.Namespace) -> Client:
    """The client that the common options describe."""
    from ..client import Client

    return Client(config_of(arguments))


def config_of(arguments: argparse.Namespace) -> Config:
    """The configuration that the common options describe."""
    from ..config import Config

    overrides = {
        "endpoint": arguments.endpoint,
        "insecure": arguments.insecure,
        "project": arguments.project,
        "domain": arguments.domain,
        "data_upload_location": arguments.data_upload_location,
    }
    return Config.auto(arguments.config, **overrides)


def ref_of(text: str, config: Config) -> RunRef:
    """``project/domain/name``, the address of a run's page, or a name in the configured project and domain."""
    from ..model.text_forms import run_of

    return run_of(text, config)


def json_object(path: str, option: str) -> dict[str, Any]:
    """What a file with one JSON object holds; ``-`` is standard input.

    Raises:
        InvalidRequest: It cannot be read, or holds something else.
    """
    import sys
    from pathlib import Path

    from ..literals.coercion import parsed_json

    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        found = parsed_json(text)
    except OSError as error:
        raise InvalidRequest(f"{option} {path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"{option} {path}: not UTF-8: {error}") from None
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{option} {path}: not JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidRequest(f"{option} {path}: wanted a JSON object, found {type(found).__name__}")
    return found


def pairs(items: list[str], option: str) -> dict[str, str]:
    """``NAME=VALUE`` arguments as a dictionary."""
    out: dict[str, str] = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise InvalidRequest(f"{option} {item!r}: wanted NAME=VALUE")
        if name in out:
            raise InvalidRequest(f"{option} gives {name} twice; give it once")
        out[name] = value
    return out


def nowhere_named(arguments: argparse.Namespace, error: BridgeError) -> bool:
    """Whether it was the default that could not be reached: no option, variable or file says which Flyte."""
    try:
        config = config_of(arguments)
    except BridgeError:
        return False
    return config.origin("endpoint") == "default" and str(config.endpoint) in str(error)
