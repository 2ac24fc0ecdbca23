"""Commands on runs: launch, get, wait, outputs, abort."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from ..client import Client
from ..config import Config
from ..errors import ConfigError, InvalidRequest
from ..ids import EntityRef, RunRef
from ..runs import LaunchRequest, RunOptions
from .render import outputs_lines, print_json, snapshot_dict

if TYPE_CHECKING:
    import argparse

    from ..runs import RunSnapshot

__all__ = ["add_commands", "client"]


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the commands of this file."""
    launch = _command(verbs, common, "launch", "launch a task, workflow or launch plan", _launch)
    launch.add_argument(
        "entity", metavar="ENTITY", help="[task:|workflow:|launch_plan:][project/domain/]name[@version]"
    )
    launch.add_argument(
        "--input",
        "-i",
        action="append",
        default=[],
        metavar="K=V",
        help="an input; V is JSON, or a text that is not JSON",
    )
    launch.add_argument("--inputs", metavar="FILE", help="a JSON object with inputs; '-' reads standard input")
    launch.add_argument("--name", help="run name: launching twice under one name gives one run")
    launch.add_argument(
        "--env", action="append", default=[], metavar="K=V", help="an environment variable of the tasks"
    )
    launch.add_argument("--label", action="append", default=[], metavar="K=V", help="a label of the run")
    launch.add_argument("--wait", action="store_true", help="wait for the end and print the outputs")
    launch.add_argument("--timeout", type=float, metavar="SECONDS", help="with --wait: how long at most")
    get = _command(verbs, common, "get", "show a run", _get)
    wait = _command(verbs, common, "wait", "wait until a run ends", _wait)
    wait.add_argument("--timeout", type=float, metavar="SECONDS", help="how long at most; for ever without it")
    outputs = _command(verbs, common, "outputs", "print the outputs of a run", _outputs)
    abort = _command(verbs, common, "abort", "abort a run", _abort)
    abort.add_argument("--reason", help="recorded with the run")
    for command in (get, wait, outputs, abort):
        command.add_argument(
            "ref", metavar="RUN", help="project/domain/name, or name in the configured project and domain"
        )


def client(arguments: argparse.Namespace) -> Client:
    """The client that the common options describe."""
    overrides = {
        "endpoint": arguments.endpoint,
        "insecure": arguments.insecure,
        "project": arguments.project,
        "domain": arguments.domain,
    }
    return Client(Config.auto(arguments.config, **overrides))


def _command(verbs: Any, common: argparse.ArgumentParser, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(
        name, help=text, description=text.capitalize() + ".", parents=[common], allow_abbrev=False
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


def _launch(arguments: argparse.Namespace) -> int:
    request = LaunchRequest(
        EntityRef.parse(arguments.entity),
        inputs=_inputs(arguments),
        name=arguments.name,
        options=RunOptions(
            env_vars=_pairs(arguments.env, "--env") or None, labels=_pairs(arguments.label, "--label") or None
        ),
    )
    with client(arguments) as flyte:
        launched = flyte.launch_or_attach(request)
        if arguments.output == "table":
            word = "launched" if launched.created else "attached to"
            print(f"{word} {launched.ref}\n{launched.snapshot.console_url}", flush=True)
        if not arguments.wait:
            if arguments.output == "json":
                print_json({**snapshot_dict(launched.snapshot), "created": launched.created})
            return 0
        snapshot = flyte.wait(launched.ref, timeout=arguments.timeout)
        return _finish(flyte, snapshot, arguments.output)


def _get(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        snapshot = flyte.describe(_ref(arguments.ref, flyte.config))
    if arguments.output == "json":
        print_json(snapshot_dict(snapshot))
    else:
        print(snapshot.describe())
    return 0


def _wait(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        snapshot = flyte.wait(_ref(arguments.ref, flyte.config), timeout=arguments.timeout)
    if arguments.output == "json":
        print_json(snapshot_dict(snapshot))
    else:
        print(snapshot.describe())
    return 0 if snapshot.phase.is_success else 1


def _outputs(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        found = flyte.outputs(_ref(arguments.ref, flyte.config))
    if arguments.output == "json":
        print_json(dict(found))
    else:
        print("\n".join(outputs_lines(found)))
    return 0


def _abort(arguments: argparse.Namespace) -> int:
    with client(arguments) as flyte:
        ref = _ref(arguments.ref, flyte.config)
        flyte.abort(ref, reason=arguments.reason)
        snapshot = flyte.describe(ref)
    if arguments.output == "json":
        print_json(snapshot_dict(snapshot))
    else:
        print(snapshot.describe())
    return 0


def _finish(flyte: Client, snapshot: RunSnapshot, output: str) -> int:
    found = flyte.outputs(snapshot.ref) if snapshot.phase.is_success else {}
    if output == "json":
        print_json({**snapshot_dict(snapshot), "outputs": dict(found)})
    else:
        print(snapshot.describe())
        print("\n".join(outputs_lines(found)))
    return 0 if snapshot.phase.is_success else 1


def _ref(text: str, config: Config) -> RunRef:
    if "/" in text:
        return RunRef.parse(text)
    if not config.project or not config.domain:
        raise ConfigError(
            f"run {text!r}: no project and domain; write project/domain/{text}, or give --project and --domain"
        )
    return RunRef(config.project, config.domain, text)


def _inputs(arguments: argparse.Namespace) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if arguments.inputs:
        text = sys.stdin.read() if arguments.inputs == "-" else _read(arguments.inputs)
        try:
            values = json.loads(text)
        except json.JSONDecodeError as error:
            raise InvalidRequest(f"--inputs {arguments.inputs}: not JSON: {error}") from None
        if not isinstance(values, dict):
            raise InvalidRequest(f"--inputs {arguments.inputs}: wanted a JSON object, found {type(values).__name__}")
    for name, text in _pairs(arguments.input, "--input").items():
        try:
            values[name] = json.loads(text)
        except json.JSONDecodeError:
            values[name] = text
    return values


def _read(path: str) -> str:
    from pathlib import Path

    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidRequest(f"--inputs {path}: {error.strerror}") from None


def _pairs(items: list[str], option: str) -> dict[str, str]:
    out = {}
    for item in items:
        name, equals, value = item.partition("=")
        if not equals or not name:
            raise InvalidRequest(f"{option} {item!r}: wanted NAME=VALUE")
        out[name] = value
    return out
