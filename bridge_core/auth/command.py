"""External command: a program of the user's prints the token (flytekit's ExternalCommand, flytectl's externalprocess).

Also what makes the token for ``proxy-authorization``, with another program.
"""

from __future__ import annotations

import errno
import subprocess
import time
from typing import TYPE_CHECKING

from ..model.errors import ConfigError, Unavailable
from ..model.masking import Hidden
from .token import Token, sendable

if TYPE_CHECKING:
    from .flow import Login

__all__ = ["ExternalCommand", "run_command"]

_TIMEOUT = 120.0
"""Seconds; such programs may ask a person."""
_BUSY = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY})
"""Why a program that is there may not start right now."""


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
        Unavailable: It failed, did not end in time, or printed no token: it may do better the next time.
        ConfigError: It is not there, or cannot be executed.
    """
    whom = f"{setting} ({command[0]})"
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=_TIMEOUT, stdin=subprocess.DEVNULL)
    except OSError as error:
        if error.errno in _BUSY:
            raise Unavailable(f"{whom} could not be started: {error.strerror}", code="UNAVAILABLE") from None
        raise ConfigError(f"{setting} cannot be started: {command[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{whom} did not end within {_TIMEOUT:.0f} s", code="UNAVAILABLE") from None
    except ValueError:
        raise ConfigError(f"{setting} cannot be started: it holds a NUL character") from None
    text = Hidden(done.stdout.decode("utf-8", "replace").strip())
    if done.returncode:
        found = f"exit code {done.returncode}" if done.returncode > 0 else f"it was ended by signal {-done.returncode}"
    elif not text:
        found = "no output"
    elif not sendable(text):
        lines = len(text.splitlines())
        what = f"{lines} lines" if lines > 1 else "characters that are not printable ASCII"
        found = f"it printed {what}, which cannot be sent; a token is one line"
    else:
        return str(text)
    raise Unavailable(f"{whom} gave no token: {found}. Run it by hand to see what it says.", code="UNAVAILABLE")
