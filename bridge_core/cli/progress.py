"""Waiting with a picture: the node tree, live, on a terminal; one line per phase elsewhere; nothing for JSON."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from ..model.errors import BridgeError
from ..model.retry_policy import may_pass
from .render import node_lines

if TYPE_CHECKING:
    from ..client import Client
    from ..model.ids import RunRef
    from ..model.runs import RunSnapshot

__all__ = ["wait_with_progress"]

_LOOK_EVERY = 2.0
"""Seconds between looks at a run and its nodes: they cost a call per parent node, the phase costs one."""

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
    """Waits here, and lets a thread look at the nodes: what is shown may be late, the end of a wait may not."""
    picture = _Picture(flyte, ref)
    with live_type(get_renderable=picture.drawn, refresh_per_second=4, transient=True):
        threading.Thread(target=picture.keep_up, daemon=True).start()
        try:
            return flyte.wait(ref, timeout=timeout, poll_interval=_LOOK_EVERY)
        finally:
            picture.over.set()


class _Picture:
    """What is known of a run, to be drawn any time."""

    def __init__(self, flyte: Client, ref: RunRef) -> None:
        self._flyte = flyte
        self._ref = ref
        self._begin = time.monotonic()
        self._phase = "not seen yet"
        self._lines: list[str] = []
        self._trouble: list[str] = []
        self.over = threading.Event()

    def keep_up(self) -> None:
        """Looks again and again until it is over."""
        while not self.over.is_set():
            try:
                self._phase = self._flyte.describe(self._ref).phase.value
                self._lines = [line for node in self._flyte.nodes(self._ref) for line in node_lines(node)]
                self._trouble = []
            except BridgeError as error:  # the picture may fail; the wait goes on
                again = f"no answer, asking again: {error}"
                why = again if may_pass(error) else f"nodes cannot be shown: {error.code or type(error).__name__}"
                self._trouble = [f"({why})"]
            self.over.wait(_LOOK_EVERY)

    def drawn(self) -> Any:
        """As it looks now."""
        from rich.text import Text

        waited = time.monotonic() - self._begin
        text = Text(f"{self._ref} {self._phase} {waited:.0f} s", style="bold")
        for line in (*self._trouble, *self._lines):
            word = next((word for word in _COLOURS if word in line), "")
            text.append("\n" + line, style=_COLOURS.get(word, "dim"))
        return text
