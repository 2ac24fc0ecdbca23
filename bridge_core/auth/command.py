"""External command: a program of the user's prints the token (flytekit's ExternalCommand, flytectl's externalprocess).

Also what makes the token for ``proxy-authorization``, with another program.
"""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from ..model.errors import ConfigError, Unauthenticated, Unavailable
from .token import Token

if TYPE_CHECKING:
    from .flow import Login

__all__ = ["ExternalCommand", "run_command"]

_TIMEOUT = 120.0
"""Seconds; such programs may ask a person."""


class ExternalCommand:
    """The output of ``auth.command`` is the token."""

    def obtain(self, login: Login, previous: Token | None) -> Token:  # noqa: ARG002  # the program knows nothing of it
        """Runs the program. See `Flow.obtain`."""
        auth = login.config.auth
        if not auth.command:
            raise ConfigError(
                "auth mode ExternalCommand needs auth.command: set admin.command in the file, or FLYTE_CREDENTIALS_COMMAND"
            )
        expires = None if auth.command_ttl is None else time.time() + auth.command_ttl
        return Token(run_command(auth.command, "auth.command"), expires_at=expires)


def run_command(command: tuple[str, ...], setting: str) -> str:
    """The program's output, stripped. Neither its arguments nor what it printed are ever shown: both may be secrets.

    Raises:
        Unauthenticated: It failed, or printed nothing.
        Unavailable: It did not end in time.
        ConfigError: It cannot be started.
    """
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise ConfigError(f"{setting} cannot be started: {command[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{setting} ({command[0]}) did not end within {_TIMEOUT:.0f} s", code="UNAVAILABLE") from None
    token = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode or not token:
        found = f"exit code {done.returncode}" if done.returncode else "no output"
        raise Unauthenticated(
            f"{setting} ({command[0]}) gave no token: {found}. Run it by hand to see what it says.",
            code="UNAUTHENTICATED",
        )
    return token
