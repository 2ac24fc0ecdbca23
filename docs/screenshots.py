"""Pictures of the embedded Flyte's console for the pages, with a headless Chromium (`make screenshots`).

What is shown are the runs that the console's own tests look at (tests/console/showcase.py); run anew when the console changes.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from console.showcase import build, url
from sandbox.protos import Wire
from support.browser import running_browser

from bridge_core.sandbox import Sandbox

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 1100, 1000


def main() -> None:
    """A run: its graph, its timeline, its nodes."""
    with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder, running_browser(Path(folder)) as browser:
        wire = Wire(sandbox.endpoint)
        made = build(wire)
        target = IMAGES / "console_run.png"
        browser.open(sandbox.console_url + url(made.done), width=WIDTH, height=HEIGHT)
        browser.screenshot(target, highest=HEIGHT)
        sys.stdout.write(f"drew docs/images/{target.name}\n")
        wire.close()


if __name__ == "__main__":
    main()
