"""`Parser`: argparse's, whose errors a person can read: one line of usage instead of thirty options, and the nearest word."""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["Parser"]

_CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")
_PAIRS = re.compile(r"unrecognized arguments:((?: [A-Za-z_]\w*=\S*)+)")


class Parser(argparse.ArgumentParser):
    """Parses one command."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._words: list[str] = []
        super().__init__(*args, **kwargs)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """Also remembers what is no option, for the line of usage."""
        if names and not str(names[0]).startswith("-"):
            shown = str(settings.get("metavar") or names[0])
            self._words.append({"*": f"[{shown} …]", "?": f"[{shown}]"}.get(str(settings.get("nargs")), shown))
        return super().add_argument(*names, **settings)

    def add_subparsers(self, **settings: Any) -> Any:
        """Also remembers what a command below is called."""
        self._words.append(f"{settings.get('metavar', 'COMMAND')} …")
        return super().add_subparsers(**settings)

    def error(self, message: str) -> NoReturn:
        """Says what is wrong, and where to look."""
        usage = " ".join([f"usage: {self.prog} [OPTIONS]", *self._words])
        self.exit(2, f"{usage}\n{self.prog}: error: {message}{_hint(message)}; {self.prog} --help says more\n")


def _hint(message: str) -> str:
    if (choice := _CHOICE.search(message)) is not None:
        import difflib

        known = re.findall(r"[\w-]+", choice[2])
        near = difflib.get_close_matches(choice[1].lower().replace("_", "-"), known, n=2, cutoff=0.6)
        return f"; did you mean {' or '.join(repr(word) for word in near)}?" if near else ""
    if (pairs := _PAIRS.fullmatch(message)) is not None:
        return f"; inputs are given with -i: {' '.join(f'-i {pair}' for pair in pairs[1].split())}"
    return ""
