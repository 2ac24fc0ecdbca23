"""``flyte-bridge quickstart``: from nothing to a run in Flyte, with this package alone: no Flyte SDK, no checkout, no cluster.

Starts the embedded Flyte on free ports of this machine, registers a `ShellTask`, launches it, shows what it gave back, and
prints a DAG and an asset that do the same. Nothing is left behind.
"""

from __future__ import annotations

import contextlib
import shlex
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..client import Client
from ..model.ids import EntityRef
from ..model.native_tasks import ShellTask
from ..model.requests import LaunchRequest
from . import paste
from .exit_codes import INTERRUPTED
from .progress import wait_with_progress
from .render import print_outcome
from .server import SandboxProcess

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ..config import Config

__all__ = ["TASK", "add_commands"]

TASK = ShellTask(
    name="quickstart.greet",
    image="busybox:1.36",
    script='printf "Hello, %s!" "$who" > "$outputs/greeting"\necho $((n * n)) > "$outputs/square"',
    inputs={"who": str, "n": int},
    outputs={"greeting": str, "square": int},
)
_MAPPED = "busybox:*="
"""The embedded Flyte has no containers: commands for this image are run as they are."""
_STEPS = 4
_STOPS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the command of this file."""
    parser = verbs.add_parser(
        "quickstart",
        help="start here: run a task in a Flyte on this machine, and get a DAG and an asset to paste",
        description="Starts an embedded Flyte on this machine, runs a task in it, and prints a DAG and an asset to paste.",
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="keep the embedded Flyte until Ctrl-C, to run the DAG and the asset against it",
    )
    parser.set_defaults(run=_quickstart, parser=parser)


def _quickstart(arguments: argparse.Namespace) -> int:
    try:
        with _signals_as_ctrl_c(), tempfile.TemporaryDirectory(prefix="flyte-bridge-quickstart-") as folder:
            _say(1, "starting an embedded Flyte on this machine (no cluster, no containers)")
            server = SandboxProcess.start(Path(folder) / "flyte", "--image", _MAPPED, outlives_us=False)
            try:
                print(f"      gRPC {server.endpoint}, console {server.console_url}/console", flush=True)
                code = _steps(server.config(), Path(folder) / "flyte" / "config.yaml", keep=arguments.keep)
                if arguments.keep and code == 0:
                    _until_ctrl_c()
            finally:
                server.stop()
    except KeyboardInterrupt:
        print("\nInterrupted; the embedded Flyte was stopped.")
        return INTERRUPTED
    print("The embedded Flyte was stopped.")
    return code


def _steps(config: Config, settings: Path, *, keep: bool) -> int:
    with Client(config) as flyte:
        _say(2, f"registering the task {TASK.name}: a script for a shell, no Flyte SDK needed")
        report = flyte.register(TASK)
        for item in report.entities:
            print(f"      {item.outcome} {item.ref}", flush=True)
        inputs = {"who": "Flyte", "n": 12}
        _say(3, f"launching it with {inputs}")
        ref = flyte.launch(LaunchRequest(EntityRef.task(TASK.name, version=report.version), inputs=inputs))
        print(f"      {flyte.console_url(ref)}", flush=True)
        snapshot = wait_with_progress(flyte, ref, timeout=None, plain=False)
        code = print_outcome(flyte, snapshot, "table")
    if code:
        return code
    _say(4, "the same from a shell, from Airflow and from Dagster: paste what follows")
    if not keep:
        print("      (against this Flyte, as long as it runs: 'flyte-bridge quickstart --keep' keeps it until Ctrl-C)")
    entity = f"task:{TASK.name}"
    commands = f"flyte-bridge launch {entity} -i who=me -i n=3 --wait\nflyte-bridge list runs\n"
    blocks = (
        ("shell, for flyte-bridge", f"export FLYTECTL_CONFIG={shlex.quote(str(settings))}\n{commands}"),
        (f"{paste.DAG_FILE}, in your DAGs folder ({paste.installation('airflow')})", paste.dag(entity)),
        (
            "shell, for Airflow",
            f"{paste.airflow_connection(config)}\nairflow db migrate\nairflow dags test flyte_quickstart\n",
        ),
        (f"{paste.ASSETS_FILE} ({paste.installation('dagster')})", paste.assets(entity, config)),
        ("shell, for Dagster", f"dagster asset materialize -f {paste.ASSETS_FILE} --select greeting\n"),
    )
    for head, text in blocks:
        print(f"\n----- {head} -----\n{text}", end="")
    print("-----\n")
    print(
        "Your own Flyte next: 'flyte-bridge --endpoint HOST:PORT config check' says what it takes to reach it.",
        flush=True,
    )
    return 0


def _until_ctrl_c() -> None:
    print("The embedded Flyte runs until Ctrl-C.", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        while True:  # a signal that comes just before a wait without end would not end it
            time.sleep(1.0)
    print()


@contextlib.contextmanager
def _signals_as_ctrl_c() -> Iterator[None]:
    """A closed terminal and ``kill`` end it as Ctrl-C does: what was started is stopped."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in _STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _say(step: int, text: str) -> None:
    print(f"[{step}/{_STEPS}] {text}", flush=True)
