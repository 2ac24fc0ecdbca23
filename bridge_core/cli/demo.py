"""``flyte-bridge demo``: the main job on one machine, for real, in under three minutes.

Starts the embedded Flyte, registers a workflow of flytekit and a task of the Flyte 2 SDK from their sources, runs both through
one real Airflow DAG and the workflow through a real Dagster asset (the scripts under ``examples/demo``), and prints what each run
gave back. Then stops what it started.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..client import Client
from ..model.errors import BridgeError
from ..model.ids import RunRef
from ..model.references import FileRef, FrameRef
from .render import outputs_lines
from .server import SandboxProcess

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

__all__ = ["add_commands"]

EXAMPLES = Path(__file__).parents[2] / "examples" / "demo"
STEPS = 4


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the command of this file."""
    parser = verbs.add_parser(
        "demo",
        help="run a Flyte workflow through Airflow and through Dagster on this machine",
        description="Runs a Flyte workflow through Airflow and through Dagster on this machine.",
        parents=[common],
        allow_abbrev=False,
    )
    parser.add_argument("--keep", action="store_true", help="leave the embedded Flyte running afterwards")
    parser.set_defaults(run=_demo)


@dataclass(frozen=True, slots=True)
class _Part:
    """One orchestrator's half of the demo."""

    title: str
    command: tuple[str, ...]
    environment: dict[str, str]
    report: Path
    log: Path


def _demo(arguments: argparse.Namespace) -> int:
    missing = [name for name in ("airflow", "dagster", "flytekit", "flyte") if not _installed(name)]
    if missing or not EXAMPLES.is_dir():
        what = f"{', '.join(missing)} not installed here" if missing else "no examples/demo beside this package"
        raise BridgeError(
            f"the demo needs a checkout of flyte-bridge and its development environment: {what}. Run 'make demo'."
        )
    begin = time.monotonic()
    root = Path(tempfile.mkdtemp(prefix="flyte-bridge-demo-"))
    with ExitStack() as stack:
        _say(1, "starting the embedded Flyte (one machine, no cluster)")
        server = SandboxProcess.start(root / "flyte", outlives_us=arguments.keep)
        if not arguments.keep:
            stack.callback(_remove, root)
            stack.callback(server.stop)
        print(f"      {server.endpoint}, Flyte 2 at {server.flyte2_endpoint}, console {server.console_url}/console")
        _say(2, "registering examples/demo/workflow.py (flytekit) and flyte2_tasks.py (Flyte 2) from their sources")
        _register(server)
        parts = (_airflow(server, root), _dagster(server, root))
        good = True
        with Client(server.config()) as flyte, Client(server.config(2)) as flyte2:
            for step, part in enumerate(parts, start=3):
                _say(step, f"running it through {part.title}")
                good &= _run(part, {1: flyte, 2: flyte2})
        took = time.monotonic() - begin
        print(f"\n{'Both worked' if good else 'NOT everything worked'}, {took:.0f} s in all.")
        if arguments.keep:
            print(f"The embedded Flyte still runs: {server.console_url}/console\nStop it with: kill {server.pid}")
    return 0 if good else 1


def _say(step: int, text: str) -> None:
    print(f"[{step}/{STEPS}] {text}", flush=True)


def _installed(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


def _remove(root: Path) -> None:
    import shutil

    shutil.rmtree(root, ignore_errors=True)


def _tool(name: str) -> str:
    """A console script of this very environment."""
    return str(Path(sys.executable).parent / name)


def _environment(**more: str) -> dict[str, str]:
    """The caller's environment without what would make Python compile everything again at each start."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    return environment | more


def _register(server: SandboxProcess) -> None:
    """From the source code, which its SDK serialises in a process of its own."""
    for version, source in ((1, "workflow.py"), (2, "flyte2_tasks.py")):
        with Client(server.config(version)) as flyte:
            report = flyte.register(EXAMPLES / source, python=sys.executable)
        for item in report.entities:
            print(f"      {item.outcome} {item.ref}", flush=True)


def _airflow(server: SandboxProcess, root: Path) -> _Part:
    home = root / "airflow"
    home.mkdir()
    airflow = _tool("airflow")
    return _Part(
        title="Airflow: one DAG, FlyteRunOperator on Flyte 1 and on Flyte 2 (airflow dags test)",
        command=("sh", "-c", f"'{airflow}' db migrate && '{airflow}' dags test flyte_demo"),
        environment=_environment(
            AIRFLOW_HOME=str(home),
            AIRFLOW__CORE__DAGS_FOLDER=str(EXAMPLES),
            AIRFLOW__CORE__LOAD_EXAMPLES="False",
            AIRFLOW_CONN_FLYTE_DEFAULT=_connection(server, server.endpoint),
            AIRFLOW_CONN_FLYTE2=_connection(server, server.flyte2_endpoint, flyte_version=2),
            FLYTE_BRIDGE_DEMO_REPORT=str(root / "airflow.json"),
        ),
        report=root / "airflow.json",
        log=root / "airflow.log",
    )


def _connection(server: SandboxProcess, endpoint: str, **more: Any) -> str:
    """An Airflow connection as the environment has it."""
    host, _, port = endpoint.partition(":")
    extra = {
        "insecure": True,
        "project": "flytesnacks",
        "domain": "development",
        "console_endpoint": server.console_url,
    }
    return json.dumps({"conn_type": "flyte", "host": host, "port": int(port), "extra": extra | more})


def _dagster(server: SandboxProcess, root: Path) -> _Part:
    home = root / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    return _Part(
        title="Dagster: an asset from build_flyte_assets (one materialisation)",
        command=(sys.executable, str(EXAMPLES / "dagster_assets.py")),
        environment=_environment(
            DAGSTER_HOME=str(home),
            FLYTE_BRIDGE_DEMO_ENDPOINT=server.endpoint,
            FLYTE_BRIDGE_DEMO_CONSOLE=server.console_url,
            FLYTE_BRIDGE_DEMO_REPORT=str(root / "dagster.json"),
        ),
        report=root / "dagster.json",
        log=root / "dagster.log",
    )


def _run(part: _Part, clients: Mapping[int, Client]) -> bool:
    """Runs one half with a sign of life every few seconds, and prints what it gave back."""
    begin = time.monotonic()
    with part.log.open("wb") as log:
        process = subprocess.Popen(part.command, env=part.environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    print(f"      … {time.monotonic() - begin:.0f} s", flush=True)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(30)
    if process.returncode or not part.report.exists():
        tail = part.log.read_text(errors="replace")[-3000:]
        print(f"      failed with exit code {process.returncode}; the end of its log:\n{tail}")
        return False
    runs = json.loads(part.report.read_text())["runs"]
    good = True
    for item in runs:
        good &= _shown(clients[item["flyte"]], RunRef.parse(item["run"]))
    return good


def _shown(flyte: Client, ref: RunRef) -> bool:
    """Prints what one run gave back; whether it succeeded."""
    snapshot = flyte.describe(ref)
    print(f"      run     {ref}\n      phase   {snapshot.phase.value}\n      console {snapshot.console_url}")
    values = (
        {name: _value(flyte, value) for name, value in sorted(flyte.outputs(ref).items())}
        if snapshot.phase.is_success
        else {}
    )
    print("\n".join(f"    {line}" for line in outputs_lines(values)))
    return snapshot.phase.is_success


def _value(flyte: Client, value: Any) -> Any:
    """What a person wants to see of an output: the rows of a frame, the text of a file."""
    if isinstance(value, FrameRef):
        return flyte.read_frame(value).to_dict(orient="list")
    if isinstance(value, FileRef):
        with flyte.open(value) as stream:
            return stream.read(200).decode(errors="replace").strip()
    return value
