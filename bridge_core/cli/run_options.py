"""The options of ``launch`` that say how the run is run: one for every field of `RunOptions`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest
from ..model.run_options import RunOptions
from ..model.run_settings import Notification, SecurityContext
from .common import json_object, pairs, positive

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["add_run_options", "run_options_of"]

_PAIRS = {
    "env_vars": ("--env", "an environment variable of the tasks"),
    "labels": ("--label", "a label of the run"),
    "annotations": ("--annotation", "an annotation of the run"),
    "custom_context": ("--custom-context", "context of the tasks (Flyte 2)"),
}
_TEXTS = {
    "raw_data_path": ("URI", "where tasks write files and frames"),
    "service_account": ("NAME", "Kubernetes service account of the tasks"),
    "queue": ("NAME", "queue (Flyte 2)"),
    "cluster_pool": ("NAME", "pool of clusters"),
    "execution_cluster_label": ("LABEL", "label of the cluster"),
    "cache_lookup_scope": ("SCOPE", "whose cached results count (Flyte 2)"),
    "run_base_dir": ("URI", "where the metadata of the run goes (Flyte 2)"),
}
_SWITCHES = {
    "interruptible": "whether tasks may run on machines that can go away",
    "overwrite_cache": "compute cached tasks again, and keep the new results",
    "disable_notifications": "send none of the launch plan's",
    "reset_root_logger": "let the SDK set up the root logger of the tasks (Flyte 2)",
}


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Adds them; without them, Flyte and the launch plan decide."""
    group = parser.add_argument_group("how the run is run (else Flyte or the launch plan decides)")
    for field, (flag, text) in _PAIRS.items():
        group.add_argument(
            flag, dest=field, action="append", default=[], metavar="K=V", help=f"{text}; may be repeated"
        )
    for field, text in _SWITCHES.items():
        group.add_argument(
            f"--{field.replace('_', '-')}", dest=field, action=argparse.BooleanOptionalAction, default=None, help=text
        )
    for field, (shown, text) in _TEXTS.items():
        group.add_argument(f"--{field.replace('_', '-')}", dest=field, metavar=shown, help=text)
    group.add_argument("--iam-role", metavar="ROLE", help="role of the tasks, with or without --service-account")
    group.add_argument("--max-parallelism", type=positive, metavar="N", help="nodes that run at once")
    group.add_argument(
        "--max-queued-time",
        type=positive,
        metavar="SECONDS",
        help="abort it when nothing has begun it by then (Flyte 2)",
    )
    group.add_argument("--tag", dest="tags", action="append", metavar="TAG", help="a tag of the run; may be repeated")
    group.add_argument(
        "--notify",
        action="append",
        default=[],
        metavar="KIND:TO[,TO…][:PHASE,…]",
        help="email, slack or pager_duty, e-mail addresses, and when (default: FAILED,TIMED_OUT); may be repeated",
    )
    group.add_argument("--run-log-level", metavar="LEVEL", help="log level of the tasks: debug, info, … or a number")
    group.add_argument("--run-log-format", choices=("json", "console"), help="log format of the tasks")
    group.add_argument(
        "--options", metavar="FILE", help="a JSON object with fields of RunOptions; '-' reads standard input"
    )


def run_options_of(arguments: argparse.Namespace) -> RunOptions:
    """What was asked for; an option wins over the same field of ``--options``.

    Raises:
        InvalidRequest: A value is none, or the file holds no such object.
    """
    given: dict[str, Any] = {
        field: pairs(getattr(arguments, field), flag) or None for field, (flag, _) in _PAIRS.items()
    }
    given.update(
        (field, getattr(arguments, field))
        for field in (*_TEXTS, *_SWITCHES, "max_parallelism", "max_queued_time", "tags")
    )
    given["notifications"] = [_notification(text) for text in arguments.notify] or None
    given["log_level"], given["log_format"] = arguments.run_log_level, arguments.run_log_format
    if arguments.iam_role is not None:
        account = given.pop("service_account")
        given["security_context"] = SecurityContext(service_account=account, iam_role=arguments.iam_role)
    file: Mapping[str, Any] = json_object(arguments.options, "--options") if arguments.options else {}
    return RunOptions.from_mapping({**file, **{field: value for field, value in given.items() if value is not None}})


def _notification(text: str) -> Notification:
    kind, *rest = text.split(":")
    if not 1 <= len(rest) <= 2:  # noqa: PLR2004
        raise InvalidRequest(f"--notify {text!r}: wanted KIND:TO[,TO…][:PHASE,…], as in email:me@example.com:FAILED")
    phases = {"phases": tuple(rest[1].upper().split(","))} if len(rest) > 1 else {}
    return Notification(kind=kind.replace("-", "_"), recipients=tuple(rest[0].split(",")), **phases)
