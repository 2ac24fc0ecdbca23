"""Exit codes of every command.

0 ok, 1 the run ended badly, 2 bad usage or input, 3 cannot reach Flyte, 4 not found, 5 not allowed, 6 wait timed out,
130 interrupted, 141 the reader of the output went away. A quota or limit of Flyte is 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..model.errors import BridgeError

__all__ = ["BROKEN_PIPE", "INTERRUPTED", "exit_code"]

INTERRUPTED = 130
BROKEN_PIPE = 141
"""128 + SIGPIPE: what a shell says of a program that a closed pipe ended."""


def exit_code(error: BridgeError) -> int:
    """The exit code that stands for an error."""
    from ..model.errors import AuthError, NotFound, Unavailable
    from ..model.run_errors import WaitTimeout
    from ..model.runs import RunEnded

    table: tuple[tuple[type[BridgeError], int], ...] = (
        (RunEnded, 1),
        (Unavailable, 3),
        (NotFound, 4),
        (AuthError, 5),
        (WaitTimeout, 6),
    )
    return next((code for kind, code in table if isinstance(error, kind)), 2)
