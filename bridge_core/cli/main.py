"""Parses the command line, runs one verb, and turns every error into a sentence and an exit code (`exit_codes`)."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from ..model.errors import BridgeError, Unavailable
from .commands import add_commands
from .common import add_place, nowhere_named
from .exit_codes import BROKEN_PIPE, INTERRUPTED, exit_code
from .parser import Parser

if TYPE_CHECKING:
    import logging
    from collections.abc import Sequence

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: Arguments without the program's name. None: those of the process.

    Returns:
        The exit code.
    """
    try:
        try:
            return _run(argv)
        finally:
            sys.stdout.flush()  # here, where a broken pipe can still be caught
    except BrokenPipeError:  # ``flyte-bridge list runs | head``
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE


def _run(argv: Sequence[str] | None) -> int:
    parser = _parser(sys.argv[1:] if argv is None else argv)
    arguments, rest = parser.parse_known_args(argv)
    if rest and not arguments.takes_rest:
        arguments.parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.rest = rest
    _logging(arguments.log_level, arguments.log_format)
    try:
        code: int = arguments.run(arguments)
    except BridgeError as error:
        print(f"flyte-bridge: {error}", file=sys.stderr)
        if isinstance(error, Unavailable) and nowhere_named(arguments, error):
            print(
                "flyte-bridge: nothing says which Flyte: give --endpoint HOST:PORT, or FLYTE_PLATFORM_URL, or write "
                "~/.flyte/config.yaml; 'flyte-bridge quickstart --keep' starts one on this machine",
                file=sys.stderr,
            )
        return exit_code(error)
    except KeyboardInterrupt:
        print("flyte-bridge: interrupted; runs that were launched go on", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except (OSError, UnicodeError) as error:
        named = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else error
        print(f"flyte-bridge: {named}", file=sys.stderr)
        return 2
    return code


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    parser = Parser(
        prog="flyte-bridge", description="Launch, wait for, look at and abort Flyte runs.", allow_abbrev=False
    )

    def usage(_: argparse.Namespace) -> int:
        parser.print_help()
        return 2

    common = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    _logging_options(common)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    _logging_options(parser)
    add_place(parser)
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND")
    add_commands(verbs, common, argv)
    parser.set_defaults(run=usage, takes_rest=False, log_level="warning", log_format="console", output="table")
    parser.set_defaults(
        parser=parser,
        config=None,
        endpoint=None,
        insecure=None,
        project=None,
        domain=None,
        data_upload_location=None,
    )
    return parser


def _logging_options(parser: argparse.ArgumentParser) -> None:
    """Options that may stand before or after the verb; their defaults are those of the whole parser."""
    for name, choices in (("level", ("debug", "info", "warning", "error")), ("format", ("console", "json"))):
        parser.add_argument(f"--log-{name}", default=argparse.SUPPRESS, choices=choices)


class _Version(argparse.Action):
    """Prints the version of the installed package, which is looked up only when somebody asks."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from .. import __version__

        print(f"flyte-bridge {__version__}")
        parser.exit()


def _logging(level: str, form: str) -> None:
    """Logs of this library go to stderr. The root logger is left alone: that is the user's."""
    import logging

    logger = logging.getLogger("bridge_core")
    logger.setLevel(level.upper())
    if not logger.handlers:
        handler = _to_stderr()
        handler.setFormatter(
            _json_lines() if form == "json" else logging.Formatter("%(asctime)s %(levelname)s %(message)s")
        )
        logger.addHandler(handler)


def _to_stderr() -> logging.Handler:
    """Writes where stderr is at that moment: a live picture puts lines above itself."""
    import logging

    class ToStderr(logging.StreamHandler[Any]):
        def emit(self, record: logging.LogRecord) -> None:
            self.stream = sys.stderr
            super().emit(record)

    return ToStderr()


def _json_lines() -> logging.Formatter:
    """One JSON object a line, for collectors."""
    import json
    import logging

    class JsonLines(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return json.dumps(
                {
                    "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
                    "level": record.levelname,
                    "logger": record.name,
                    "message": record.getMessage(),
                    **getattr(record, "fields", {}),  # what a log line is about, piece by piece
                }
            )

    return JsonLines()
