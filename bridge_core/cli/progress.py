"""Waiting with a picture: the node tree, live, on a terminal; one line per phase elsewhere; nothing for JSON."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from ..errors import BridgeError
from ..patience import timed_out
from .render import node_lines

if TYPE_CHECKING:
    from ..client import Client
    from ..ids import RunRef
    from ..runs import RunSnapshot

__all__ = ["wait_with_progress"]

_NODES_EVERY = 2.0
"""Seconds between looks at the nodes: they cost a call per parent node, the phase costs one."""

_COLOURS = {"SUCCEEDED": "green", "FAILED": "red", "ABORTED": "red", "TIMED_OUT": "red", "RUNNING": "cyan"}


def wait_with_progress(flyte: Client, ref: RunRef, *, timeout: float | None, plain: bool) -> RunSnapshot:
    """Waits until the run ends and shows how it goes.

    Args:
        flyte: Where the run is.
        ref: The run.
        timeout: Seconds; None waits for ever.
        plain: Show nothing: the output is for a program.
    """
    if plain:
        return flyte.wait(ref, timeout=timeout)
    if sys.stdout.isatty():
        try:
            from rich.live import Live
        except ImportError:  # the extra `cli` is not installed: lines are enough
            pass
        else:
            return _live(flyte, ref, timeout, Live)
    last: RunSnapshot | None = None
    for last in flyte.watch(ref, timeout=timeout):
        if not last.phase.is_terminal:
            print(f"  {last.phase.value}", flush=True)
    assert last is not None
    return last


def _live(flyte: Client, ref: RunRef, timeout: float | None, live_type: Any) -> RunSnapshot:
    begin = time.monotonic()
    with live_type(refresh_per_second=4, transient=True) as live:
        while True:
            patience = _NODES_EVERY
            if timeout is not None:
                patience = min(patience, timeout - (time.monotonic() - begin))
            snapshot = flyte.describe(ref)
            if snapshot.phase.is_terminal:
                return snapshot
            if patience <= 0:
                assert timeout is not None
                raise timed_out(ref, timeout, snapshot, None)
            try:
                lines = [line for node in flyte.nodes(ref) for line in node_lines(node)]
            except BridgeError as error:  # the picture may fail; the wait goes on
                lines = [f"(nodes cannot be shown: {error.code or type(error).__name__})"]
            live.update(_picture(f"{ref} {snapshot.phase.value} {time.monotonic() - begin:.0f} s", lines))
            time.sleep(patience)


def _picture(title: str, lines: list[str]) -> Any:
    from rich.text import Text

    text = Text(title, style="bold")
    for line in lines:
        word = next((word for word in _COLOURS if word in line), "")
        text.append("\n" + line, style=_COLOURS.get(word, "dim"))
    return text
