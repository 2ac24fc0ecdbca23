"""How a local run shows what its job does: live on a terminal, as lines elsewhere, each log link once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Self

from .masks import masked

if TYPE_CHECKING:
    from types import TracebackType

    from .values import Resource

__all__ = ["Progress"]


class Progress:
    """Writes to stderr.

    Args:
        title: Whose job it is.
        shown: Whether anything is written at all.
    """

    def __init__(self, title: str, *, shown: bool) -> None:
        self._title = title
        self._shown = shown
        self._last = ""
        self._links: set[str] = set()
        self._status: Any = None

    def show(self, resource: Resource) -> None:
        """Shows a state of the job, if it is news."""
        if not self._shown:
            return
        for log in resource.log_links or ():
            if log.uri not in self._links:
                self._links.add(log.uri)
                self._line(f"{log.name}: {masked(log.uri)}")
        text = f"{self._title}: {resource.phase.name}" + (f" ({masked(resource.message)})" if resource.message else "")
        if text == self._last:
            return
        self._last = text
        if self._status is not None and not resource.phase.is_terminal:
            self._status.update(_plain(text))
        else:
            self._line(text)

    def _line(self, text: str) -> None:
        if self._status is not None:
            self._status.console.print(_plain(text))
        else:
            sys.stderr.write(f"{text}\n")
            sys.stderr.flush()

    def __enter__(self) -> Self:
        if self._shown and sys.stderr.isatty():
            try:
                from rich.console import Console
            except ImportError:  # the extra `cli` is not installed: lines are enough
                return self
            self._status = Console(stderr=True).status(_plain(f"{self._title}: being created"))
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()


def _plain(text: str) -> Any:
    """Text that is no markup of rich's."""
    from rich.text import Text

    return Text(text)
