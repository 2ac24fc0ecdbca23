"""Command that registers."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import TYPE_CHECKING, Any

from .common import add_command, client, pairs, seconds
from .render import print_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from ..model.registration import RegistrationProgress, RegistrationReport

__all__ = ["add_commands"]

_MARKS = {"created": "+", "unchanged": "=", "different": "!", "activated": "*", "failed": "x"}
_CLEAR = "\r\x1b[K"


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the command of this file."""
    register = add_command(verbs, common, "register", "register tasks, workflows and launch plans", _register)
    register.add_argument(
        "source",
        metavar="SOURCE",
        nargs="*",
        help="a package of 'pyflyte package', a Python file, a folder of code, a dotted module, or a YAML file of launch plans; "
        "none: workflow_packages of the section sdk in the configuration file",
    )
    register.add_argument("--version", dest="entity_version", metavar="V", help="default: a digest of the content")
    register.add_argument("--dry-run", action="store_true", help="say what would happen, write nothing")
    register.add_argument("--activate", action="store_true", help="activate all launch plans")
    register.add_argument("--skip-errors", action="store_true", help="register what can be")
    code = register.add_argument_group("for source code")
    code.add_argument("--python", metavar="PATH", help="the interpreter that has flytekit; default: this one")
    code.add_argument("--image", action="append", default=[], metavar="[NAME=]URI", help="one default image at most")
    code.add_argument("--env", action="append", default=[], metavar="K=V", help="an environment variable of the tasks")
    code.add_argument(
        "--source-root", metavar="DIR", help="where imports begin; default: the first folder without __init__.py"
    )
    code.add_argument("--destination-dir", metavar="DIR", help="where containers unpack the code; default: /root")
    code.add_argument(
        "--copy", choices=("auto", "all", "none"), default="auto", help="which files make the code archive"
    )
    code.add_argument("--copy-bundle-to", metavar="PATH", help="keep a copy of the code archive")
    code.add_argument("--git-repo", metavar="URL", help="where the code is kept, for the console")
    code.add_argument("--raw-data-path", metavar="URI", help="where launch plans let their runs write")
    code.add_argument("--service-account", metavar="NAME", help="of the launch plans")
    code.add_argument(
        "--build-images", action="store_true", help="let flytekit build the images that the code describes"
    )
    code.add_argument(
        "--no-sync-local-sys-paths",
        dest="sync_local_sys_paths",
        action="store_false",
        help="leave folders that modules are found in here out of the containers' PYTHONPATH",
    )
    code.add_argument(
        "--fresh", action="store_true", help="serialise it even when no file has changed since the last time"
    )
    code.add_argument("--timeout", type=seconds, default=600.0, metavar="SECONDS", help="for importing and serialising")


def _register(arguments: argparse.Namespace) -> int:
    seen = sys.stderr.isatty() and arguments.output != "json"
    with client(arguments) as flyte, _line(wanted=seen) as progress:
        report = flyte.register(
            arguments.source or None,
            version=arguments.entity_version,
            images=arguments.image or None,
            env=pairs(arguments.env, "--env") or None,
            source_root=arguments.source_root,
            destination_dir=arguments.destination_dir,
            copy=arguments.copy,
            python=arguments.python,
            git_repo=arguments.git_repo,
            raw_data_path=arguments.raw_data_path,
            service_account=arguments.service_account,
            activate=arguments.activate,
            build_images=arguments.build_images,
            skip_errors=arguments.skip_errors,
            dry_run=arguments.dry_run,
            copy_bundle_to=arguments.copy_bundle_to,
            timeout=arguments.timeout,
            sync_local_sys_paths=arguments.sync_local_sys_paths,
            fresh=arguments.fresh,
            progress=progress,
        )
    if arguments.output == "json":
        print_json(report.to_dict())
    else:
        _print(report)
    return 2 if report.of("failed") or report.of("different") else 0


@contextlib.contextmanager
def _line(*, wanted: bool) -> Iterator[Callable[[RegistrationProgress], None] | None]:
    """One line of a terminal that says how far it is, and is gone afterwards, however it ends."""
    if not wanted:
        yield None
        return
    lock, most = threading.Lock(), 0

    def show(progress: RegistrationProgress) -> None:
        nonlocal most
        with lock:
            most = max(most, progress.done)  # several threads tell, and the later may come first
            count = f" {most} of {progress.total}" if progress.total else ""
            print(f"{_CLEAR}{progress.step}{count}", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        print(_CLEAR, end="", file=sys.stderr, flush=True)


def _print(report: RegistrationReport) -> None:
    for item in report.entities:
        print(f"{_MARKS[item.outcome]} {item.outcome:<10} {item.ref}")
        for line in item.diff.strip().splitlines():
            print(f"    {line}")
    counts = {outcome: len(report.of(outcome)) for outcome in _MARKS if report.of(outcome)}
    told = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
    print(f"{'would be: ' if report.dry_run else ''}{told}; version {report.version}", file=sys.stderr)
