"""Waiting with a picture: the node tree, live, on a terminal; one line per phase elsewhere; nothing for JSON."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from ..errors import BridgeError
from ..patience import timed_out
from ..policies import may_pass
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
    last: RunSnapshot | None = None
    lines: list[str] = []
    with live_type(refresh_per_second=4, transient=True) as live:
        while True:
            patience = _NODES_EVERY
            if timeout is not None:
                patience = min(patience, timeout - (time.monotonic() - begin))
            trouble: BridgeError | None = None
            try:
                last = flyte.describe(ref)
            except BridgeError as error:  # as in `Client.wait`: an outage does not end a wait
                if not may_pass(error):
                    raise
                trouble = error
            if last is not None and last.phase.is_terminal:
                return last
            if patience <= 0:
                assert timeout is not None
                raise timed_out(ref, timeout, last, trouble)
            title = f"{ref} {last.phase.value if last else 'not seen yet'} {time.monotonic() - begin:.0f} s"
            if trouble is not None:
                live.update(_picture(title, [f"(no answer, asking again: {trouble})", *lines]))
            else:
                lines = _nodes(flyte, ref)
                live.update(_picture(title, lines))
            time.sleep(patience)


def _nodes(flyte: Client, ref: RunRef) -> list[str]:
    try:
        return [line for node in flyte.nodes(ref) for line in node_lines(node)]
    except BridgeError as error:  # the picture may fail; the wait goes on
        return [f"(nodes cannot be shown: {error.code or type(error).__name__})"]


def _picture(title: str, lines: list[str]) -> Any:
    from rich.text import Text

    text = Text(title, style="bold")
    for line in lines:
        word = next((word for word in _COLOURS if word in line), "")
        text.append("\n" + line, style=_COLOURS.get(word, "dim"))
    return text
