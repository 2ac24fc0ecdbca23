"""Pages have their place in one of four parts, and every example one in the gallery; the triggers of the examples run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from support.flyte import INTEGER, STRING, RawFlyte

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

ROOT = Path(__file__).parents[1]
PARTS = ("Start", "How to", "Reference", "Operations")


def test_every_page_has_its_place_in_one_part() -> None:
    guides = (ROOT / "README.md").read_text().partition("## Guides\n")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"^\* \*\*(.+?)\*\*", guides, re.MULTILINE)) == PARTS
    linked = sorted(re.findall(r"\]\(docs/([\w.]+)\)", guides))
    assert linked == sorted(path.name for path in (ROOT / "docs").glob("*.md"))


def test_every_example_is_in_the_gallery_once() -> None:
    shown = sorted(re.findall(r"\| \[([\w.]+)\]\(\.\./examples/\1\) \|", (ROOT / "docs" / "examples.md").read_text()))
    assert shown == sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_file())


def test_the_triggers_of_the_examples_run(flyte_sandbox: Sandbox, tmp_path: Path) -> None:
    raw = RawFlyte(flyte_sandbox.endpoint)
    raw.register("workflows.extract", {"day": STRING, "limit": INTEGER}, activate=True)
    before = {one.id.name for one in raw.executions()}
    path = tmp_path / "triggers.yaml"
    path.write_text((ROOT / "examples" / "triggers.yaml").read_text())
    command = [sys.executable, "-m", "bridge_core.cli", "scheduler", "run", str(path), "--insecure"]
    command += ["--endpoint", flyte_sandbox.endpoint, "--project", "flytesnacks", "--domain", "development"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FLYTE")}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            while not (
                runs := [
                    one
                    for one in raw.executions()
                    if one.spec.labels.values.get("team") == "forecasting" and one.id.name not in before
                ]
            ):
                assert process.poll() is None
                time.sleep(0.1)
        finally:
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=60)
    assert process.returncode == 0, log
    assert runs[0].spec.labels.values["flyte-bridge-trigger"] == "often"
