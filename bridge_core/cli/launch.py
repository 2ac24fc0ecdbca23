"""Commands that make runs: launch, relaunch, recover."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest
from ..model.ids import EntityRef
from ..model.provenance import Provenance
from ..model.registration import RegisterRequest
from ..model.requests import LaunchRequest
from .common import add_command, client, json_object, pairs, ref_of, seconds
from .progress import wait_with_progress
from .render import print_json, print_outcome, snapshot_dict
from .run_options import add_run_options, run_options_of

if TYPE_CHECKING:
    import argparse

    from ..client import Client
    from ..model.ids import RunRef

__all__ = ["add_commands"]


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the commands of this file."""
    launch = add_command(verbs, common, "launch", "launch a task, workflow or launch plan", _launch)
    launch.add_argument(
        "entity", metavar="ENTITY", help="[task:|workflow:|launch_plan:][project/domain/]name[@version]"
    )
    launch.add_argument(
        "--input",
        "-i",
        action="append",
        default=[],
        metavar="K=V",
        help="an input; V is read by its type: 3, true, a text, JSON for lists, maps and structures",
    )
    launch.add_argument("--inputs", metavar="FILE", help="a JSON object with inputs; '-' reads standard input")
    launch.add_argument("--plan", action="store_true", help="say what it would do, and send nothing")
    add_run_options(launch)
    brings = launch.add_argument_group("registering first, under the version that the run then has")
    brings.add_argument(
        "--register",
        action="append",
        default=[],
        metavar="SOURCE",
        help="what holds ENTITY, as 'flyte-bridge register' takes it; the version becomes part of the run's name",
    )
    brings.add_argument("--python", metavar="PATH", help="the interpreter that has flytekit; default: this one")
    brings.add_argument("--image", action="append", default=[], metavar="[NAME=]URI", help="one default image at most")
    relaunch = add_command(verbs, common, "relaunch", "launch a run again with the same inputs", _relaunch)
    relaunch.add_argument("--overwrite-cache", action="store_true", help="compute cached tasks again")
    recover = add_command(verbs, common, "recover", "launch a run again and keep what succeeded in it", _recover)
    for command in (relaunch, recover):
        command.add_argument(
            "ref", metavar="RUN", help="project/domain/name, or name in the configured project and domain"
        )
    for command in (launch, relaunch, recover):
        command.add_argument("--name", help="run name: launching twice under one name gives one run")
        command.add_argument("--wait", action="store_true", help="wait for the end and print the outputs")
        command.add_argument("--timeout", type=seconds, metavar="SECONDS", help="with --wait: how long at most")


def _patience(arguments: argparse.Namespace) -> None:
    if arguments.timeout is not None and not arguments.wait:
        raise InvalidRequest("--timeout says how long to wait, and nothing waits here: add --wait, or leave it out")


def _launch(arguments: argparse.Namespace) -> int:
    _patience(arguments)
    request = LaunchRequest(
        EntityRef.parse(arguments.entity),
        inputs=_inputs(arguments),
        coerce_json=True,
        name=arguments.name,
        options=run_options_of(arguments),
        provenance=Provenance(source="cli"),
        register=_brought(arguments),
    )
    with client(arguments) as flyte:
        if arguments.plan:
            return _plan(flyte, request, arguments)
        launched = flyte.launch_or_attach(request)
        return _after(flyte, launched.ref, "launched" if launched.created else "attached to", arguments)


def _plan(flyte: Client, request: LaunchRequest, arguments: argparse.Namespace) -> int:
    if arguments.wait:
        raise InvalidRequest("--plan launches nothing, so that there is nothing to --wait for: leave one of them out")
    found = flyte.plan(request)
    if arguments.output == "json":
        print_json(found.to_dict())
    else:
        print(found.text)
    return 2 if found.action == "clash" else 0


def _brought(arguments: argparse.Namespace) -> RegisterRequest | None:
    if not arguments.register:
        if arguments.python or arguments.image:
            raise InvalidRequest("--python and --image are for what --register names; add it, or leave them out")
        return None
    return RegisterRequest(arguments.register, python=arguments.python, images=arguments.image or None)


def _relaunch(arguments: argparse.Namespace) -> int:
    _patience(arguments)
    with client(arguments) as flyte:
        ref = ref_of(arguments.ref, flyte.config)
        new = flyte.relaunch(ref, name=arguments.name, overwrite_cache=arguments.overwrite_cache)
        return _after(flyte, new, "relaunched as", arguments)


def _recover(arguments: argparse.Namespace) -> int:
    _patience(arguments)
    with client(arguments) as flyte:
        new = flyte.recover(ref_of(arguments.ref, flyte.config), name=arguments.name)
        return _after(flyte, new, "recovered as", arguments)


def _after(flyte: Client, ref: RunRef, word: str, arguments: argparse.Namespace) -> int:
    """Says what was made, then waits if asked to."""
    if arguments.output == "table":
        print(f"{word} {ref}\n{flyte.console_url(ref)}", flush=True)
    if arguments.wait:
        snapshot = wait_with_progress(flyte, ref, timeout=arguments.timeout, plain=arguments.output == "json")
        return print_outcome(flyte, snapshot, arguments.output)
    if arguments.output == "json":
        print_json({**snapshot_dict(flyte.describe(ref)), "created": word != "attached to"})
    return 0


def _inputs(arguments: argparse.Namespace) -> dict[str, Any]:
    values = json_object(arguments.inputs, "--inputs") if arguments.inputs else {}
    return {**values, **pairs(arguments.input, "--input")}
