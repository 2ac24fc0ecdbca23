"""Pictures of the embedded Flyte's console and of Dagster's page of an asset, with a headless Chromium (`make screenshots`).

The console shows the runs that its own tests look at (tests/console/showcase.py), Dagster an asset whose run Flyte has made.
Those of Airflow are left by tests/airflow/test_airflow_browser.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from console.showcase import build, url
from sandbox.protos import Wire
from support.browser import running_browser
from support.ports import free_ports

from bridge_core.sandbox import Sandbox

IMAGES = Path(__file__).parent / "images"
BIN = Path(sys.executable).parent
WIDTH, HEIGHT = 1100, 1000
PATIENCE = 120
DEFINITIONS = """
import os

import dagster as dg

from dagster_integration import FlyteResource, build_flyte_assets

flyte = FlyteResource(endpoint=os.environ["ENDPOINT"], insecure=True, project="flytesnacks", domain="development")
model = build_flyte_assets(
    "launch_plan:etl.train", key="model", inputs={"day": "2026-11-20", "epochs": 3}, group_name="training"
)
defs = dg.Definitions(assets=[model], resources={"flyte": flyte})
"""


def console(sandbox: Sandbox, browser: Any) -> None:
    """A run: its graph, its timeline, its nodes."""
    wire = Wire(sandbox.endpoint)
    made = build(wire)
    browser.open(sandbox.console_url + url(made.done), width=WIDTH, height=HEIGHT)
    _shot(browser, "console_run")
    wire.close()


def dagster(sandbox: Sandbox, browser: Any, folder: Path) -> None:
    """An asset: its last materialization, with what the run said."""
    sandbox.stub("etl.train", inputs={"day": str, "epochs": int}, outputs={"accuracy": 0.93, "rows": 1005}, duration=1)
    (folder / "definitions.py").write_text(DEFINITIONS)
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    env = {**os.environ, "ENDPOINT": sandbox.endpoint, "DAGSTER_HOME": str(folder)}
    command = [str(BIN / "dagster"), "asset", "materialize", "-f", "definitions.py", "--select", "model"]
    subprocess.run(command, env=env, cwd=folder, check=True, capture_output=True)
    (port,) = free_ports(1)
    at = f"http://127.0.0.1:{port}"
    command = [str(BIN / "dagster-webserver"), "-f", "definitions.py", "-h", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, env=env, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _until_up(f"{at}/server_info")
            browser.open(f"{at}/assets/model", width=WIDTH + 100, height=HEIGHT)
            browser.until("document.body.innerText.includes('accuracy')", PATIENCE)
            button = "[...document.querySelectorAll('button')].find(one => one.innerText === 'Skip')"
            browser.until(f"{button} !== undefined", PATIENCE)  # what Dagster asks of everybody once
            browser.run(f"{button}.click()")
            browser.until(f"{button} === undefined", PATIENCE)
            time.sleep(1)  # it fades
            _shot(browser, "dagster_asset")
        finally:
            server.terminate()


def _until_up(address: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(address):  # noqa: S310  # of ours
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _shot(browser: Any, name: str) -> None:
    browser.screenshot(IMAGES / f"{name}.png", highest=HEIGHT)
    sys.stdout.write(f"drew docs/images/{name}.png\n")


def main() -> None:
    """All of them, or those whose names are given."""
    wanted = sys.argv[1:] or ["console", "dagster"]
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder, running_browser(Path(folder)) as browser:
        if "console" in wanted:
            console(sandbox, browser)
        if "dagster" in wanted:
            dagster(sandbox, browser, Path(folder))


if __name__ == "__main__":
    main()
