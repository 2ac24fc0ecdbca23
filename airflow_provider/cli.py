"""``flyte-bridge airflow reap``: the sweep by hand, where no triggerer runs or somebody wants to see it. Needs no Airflow."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from bridge_core import ConfigError

from ._sweep.rest import AirflowRest
from ._sweep.unattended import Watchlist, found_unattended

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from bridge_core import Client, RunRef

__all__ = ["add_commands"]

_PAUSE = 60.0
_VARIABLE = "flyte_bridge_instance_id"


def add_commands(
    parser: argparse.ArgumentParser,
    open_client: Callable[[argparse.Namespace], Client],
    add_place: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Adds the commands (entry point ``flyte_bridge.commands``).

    Args:
        parser: Of the command ``airflow``.
        open_client: Opens the Flyte that the arguments mean.
        add_place: Adds the options that say which Flyte.
    """
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    reap = verbs.add_parser(
        "reap",
        help="abort runs that no Airflow task waits for any more",
        description="Looks twice at the live runs in one Flyte project and domain that a task of one Airflow waits for, or did, "
        "and aborts those whose task is over or gone both times. A token for Airflow's API comes from AIRFLOW_API_TOKEN.",
        allow_abbrev=False,
    )
    add_place(reap)
    reap.add_argument("--url", required=True, help="Airflow's base URL, https://airflow.example.com")
    reap.add_argument("--instance-id", help="which Airflow ([flyte] instance_id). Default: its Variable " + _VARIABLE)
    reap.add_argument(
        "--pause", type=float, default=_PAUSE, metavar="SECONDS", help="between the two looks; default: 60"
    )
    reap.add_argument("--dry-run", action="store_true", help="say what would be aborted, after the second look")
    reap.set_defaults(run=lambda arguments: _reap(arguments, open_client))


def _reap(arguments: argparse.Namespace, open_client: Callable[[argparse.Namespace], Client]) -> int:
    airflow = AirflowRest(arguments.url, os.environ.get("AIRFLOW_API_TOKEN"))
    installation = arguments.instance_id or airflow.variable(_VARIABLE)
    if not installation:
        raise ConfigError(
            f"Airflow at {arguments.url} has no Variable {_VARIABLE}: none of its tasks launched a run, or its [flyte] "
            "instance_id says which Airflow it is; give that with --instance-id"
        )
    with open_client(arguments) as flyte:
        project, domain = flyte.config.project, flyte.config.domain
        if not project or not domain:
            raise ConfigError("which project and domain? Give --project and --domain")
        watchlist = Watchlist(arguments.pause)
        reasons = found_unattended(flyte, airflow, project, domain, installation)
        watchlist.due(reasons, time.monotonic())
        if reasons:
            time.sleep(arguments.pause)
            reasons = found_unattended(flyte, airflow, project, domain, installation)
        due = watchlist.due(reasons, time.monotonic())
        for ref in due:
            if not arguments.dry_run:
                flyte.abort(ref, reason=f"{reasons[ref]}, and nobody waits for the run")
    _print(arguments, due, reasons)
    return 0


def _print(arguments: argparse.Namespace, due: list[RunRef], reasons: dict[RunRef, str]) -> None:
    rows: list[dict[str, Any]] = [
        {"run": str(ref), "aborted": not arguments.dry_run, "reason": reasons[ref]} for ref in due
    ]
    if arguments.output == "json":
        print(json.dumps(rows))
        return
    for row in rows:
        print(f"{'aborted' if row['aborted'] else 'would abort'} {row['run']}: {row['reason']}")
    print(f"{len(rows)} run{'' if len(rows) == 1 else 's'} that nobody waits for")
