"""Where tokens outlive the client: nowhere, a file, or the system's keyring. Never a reason to crash.

Opt-in (``auth.token_cache``), because an unasked-for keyring prompt or a missing backend broke more flytekit set-ups than
the cache ever helped (flyte#4354, flyte-sdk#971, #1299, #1301).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import time
from typing import TYPE_CHECKING, Protocol

from ..config.auth import PASSTHROUGH, TOKEN
from ..model.errors import Unavailable
from .token import Token

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ..config import Config

__all__ = ["TokenCache", "open_cache"]

log = logging.getLogger("bridge_core.auth")

_SERVICE = "flyte-bridge"


class TokenCache(Protocol):
    """Keeps one token."""

    shared: bool
    """Whether other processes see it."""

    def load(self) -> Token | None:
        """The token, or None."""
        ...

    def store(self, token: Token) -> None:
        """Keeps it."""
        ...

    def locked(self, pause: Callable[[float], None], patience: float) -> AbstractContextManager[None]:
        """Held while the token is replaced, so that processes do not spend one refresh token twice.

        Args:
            pause: Waits.
            patience: Seconds to wait for another process that is at it.

        Raises:
            Unavailable: That one has not ended.
        """
        ...


def open_cache(config: Config) -> TokenCache:
    """The cache that the configuration asks for. A ready-made token is its own cache, kept fresh by somebody else."""
    kind = config.auth.token_cache
    if kind == "memory" or config.auth.effective_mode in {TOKEN, PASSTHROUGH}:
        return _Nowhere()
    from pathlib import Path

    lock = _Lock(Path(config.auth.token_cache_dir).expanduser(), _identity(config))
    return _File(lock) if kind == "file" else _Keyring(lock)


def _identity(config: Config) -> str:
    """Stands for endpoint and credentials: a good and a bad credential never share a token."""
    import hashlib

    auth = config.auth
    secrets = [(one.location, one.env_var, one.value) for one in (auth.client_secret, auth.client_assertion)]
    parts = [
        config.endpoint, auth.effective_mode, auth.client_id, auth.audience, auth.use_audience_from_admin, auth.token_url,
        auth.authorization_url, auth.device_authorization_url, auth.authorization_header, auth.scopes, secrets, auth.command,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:40]


class _Nowhere:
    """The client's own memory is enough."""

    shared = False

    def load(self) -> Token | None:
        return None

    def store(self, token: Token) -> None:
        pass

    @contextlib.contextmanager
    def locked(self, pause: Callable[[float], None], patience: float) -> Iterator[None]:  # noqa: ARG002  # nobody shares it
        yield


class _Lock:
    """A file that one process at a time holds, in a folder of mode 0700. The system lets go of it when the process ends."""

    def __init__(self, folder: Path, identity: str) -> None:
        self.folder = folder
        self.identity = identity
        self._path = folder / f"{identity}.lock"

    @contextlib.contextmanager
    def held(self, pause: Callable[[float], None], patience: float) -> Iterator[None]:
        """See `TokenCache.locked`."""
        import fcntl

        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as error:
            log.warning("token cache %s cannot be locked: %s", self.folder, error.strerror)
            yield
            return
        try:
            deadline = time.monotonic() + patience
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise Unavailable(
                            f"another process is getting a token for the same login (it holds {self._path}), and has not ended "
                            f"within {patience:.0f} s",
                            code="UNAVAILABLE",
                        ) from None
                    pause(0.05)
                except OSError as error:  # a file system without locks
                    log.warning("token cache %s cannot be locked: %s", self.folder, error.strerror)
                    break
            yield
        finally:
            os.close(descriptor)  # which unlocks


class _File:
    """One file per identity, mode 0600 in a folder of mode 0700."""

    shared = True

    def __init__(self, lock: _Lock) -> None:
        self._folder = lock.folder
        self._path = lock.folder / f"{lock.identity}.json"
        self.locked = lock.held

    def load(self) -> Token | None:
        try:
            status = self._path.stat()
            if status.st_uid != os.getuid() or status.st_mode & 0o077:
                log.warning(
                    "token cache %s can be read by others and is not used; chmod 600 it, or delete it", self._path
                )
                return None
            return Token.from_mapping(json.loads(self._path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            log.warning("token cache %s cannot be read: %s", self._path, type(error).__name__)
            return None

    def store(self, token: Token) -> None:
        temporary = self._path.with_suffix(f".{os.getpid()}.{time.monotonic_ns()}")
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
                json.dump(token.to_mapping(), file)
            temporary.replace(self._path)
        except OSError as error:
            log.warning("token cache %s cannot be written: %s", self._path, error.strerror)
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


class _Keyring:
    """One entry in the system's keyring. Its backends raise what they like, so everything is caught here."""

    shared = True

    def __init__(self, lock: _Lock) -> None:
        self._identity = lock.identity
        self.locked = lock.held  # keyrings have no locks of their own

    def load(self) -> Token | None:
        try:
            import keyring

            found = keyring.get_password(_SERVICE, self._identity)
            return None if found is None else Token.from_mapping(json.loads(found))
        except Exception as error:  # noqa: BLE001  # see the class
            self._report("read", error)
            return None

    def store(self, token: Token) -> None:
        try:
            import keyring

            keyring.set_password(_SERVICE, self._identity, json.dumps(token.to_mapping()))
        except Exception as error:  # noqa: BLE001  # see the class
            self._report("written", error)

    def _report(self, done: str, error: Exception) -> None:
        advice = "; pip install 'flyte-bridge[keyring]'" if isinstance(error, ImportError) else ""
        log.warning("the keyring cannot be %s (%s)%s; tokens stay in memory", done, type(error).__name__, advice)
