"""The error tree. Those that carry a run are defined where runs are: `run_errors.py`, `runs.py`.

"Which errors can this raise?" has one answer:

    BridgeError
    ├── ConfigError                     the configuration is wrong or incomplete
    ├── AuthError
    │   ├── Unauthenticated             Flyte does not know who we are
    │   └── PermissionDenied            Flyte knows, and says no
    ├── InvalidRequest                  the request breaks a rule; sending it again cannot help
    │   └── LiteralError                a value does not fit its Flyte type
    ├── NotFound
    │   ├── EntityNotFound              task, workflow, launch plan
    │   ├── RunNotFound
    │   └── SecretNotFound              also a ValueError
    ├── AlreadyExists                   the name is taken by something else
    ├── Unavailable                     we could not ask: nothing is known about the run
    │   └── DeadlineExceeded
    ├── LimitExceeded                   quota, concurrency limit, message size
    ├── Unsupported                     this Flyte, or this release, cannot do it
    ├── WaitTimeout                     still running when our patience ended; the run goes on
    └── RunEnded                        the run ended, and not well
        ├── RunFailed
        ├── RunAborted
        └── RunTimedOut

"The run failed" (`RunEnded`) and "we could not ask" (`Unavailable`, `WaitTimeout`) share no ancestor but the root, so that
no ``except`` can take one for the other. Every error survives pickling with its attributes: Airflow and Dagster send
exceptions between processes.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from .public import public

__all__ = [
    "AuthError",
    "BridgeError",
    "ConfigError",
    "DeadlineExceeded",
    "EntityNotFound",
    "InvalidRequest",
    "LimitExceeded",
    "LiteralError",
    "NotFound",
    "PermissionDenied",
    "RunNotFound",
    "SecretNotFound",
    "Unauthenticated",
    "Unavailable",
    "Unsupported",
]


@public
class BridgeError(Exception):
    """Base of every error this library raises.

    Args:
        message: What failed, on what, what was found and wanted, and the way out. One paragraph, no traceback.
        **data: Kept as attributes. Errors that come from a call carry ``code`` (gRPC status name), ``rpc`` (method name),
            ``request_id`` (sent as ``x-request-id``) and ``details`` (the server's text); on others these are None.
    """

    code: str | None = None
    rpc: str | None = None
    request_id: str | None = None
    details: str | None = None

    transient: ClassVar[bool] = False
    """True when the same call may succeed later without anyone changing anything."""

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self._data = data
        for name, value in data.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).rebuilt, (self.message, self._data)

    @classmethod
    def rebuilt(cls, message: str, data: dict[str, Any]) -> Self:
        """The same error again, in another process: what pickles call."""
        return cls(message, **data)

    @property
    def data(self) -> dict[str, Any]:
        """What was given besides the message, to make another error of the same call."""
        return dict(self._data)

    def with_message(self, message: str) -> Self:
        """The same error, same type and data, in other words: for a caller who knows more about the thing asked for."""
        return type(self)(message, **self._data)


@public
class ConfigError(BridgeError):
    """A setting is missing, malformed, or contradicts another one."""


@public
class AuthError(BridgeError):
    """Flyte refused the credentials."""


@public
class Unauthenticated(AuthError):
    """No credentials, or expired or unknown ones (gRPC UNAUTHENTICATED)."""


@public
class PermissionDenied(AuthError):
    """Known credentials without the right to do this (gRPC PERMISSION_DENIED)."""


@public
class InvalidRequest(BridgeError):
    """The request breaks a rule of Flyte or of this library. Retrying it unchanged cannot help."""


@public
class LiteralError(InvalidRequest):
    """One or more values do not fit their Flyte types.

    Attributes:
        problems: One line per wrong leaf, each starting with its path (``inputs.model.layers[2].width: …``).
    """

    problems: tuple[str, ...] = ()


@public
class NotFound(BridgeError):
    """The thing asked for does not exist (gRPC NOT_FOUND). Never retried."""


@public
class EntityNotFound(NotFound):
    """No such task, workflow or launch plan (or no such version of it)."""


@public
class SecretNotFound(NotFound, ValueError):
    """No secret of this name in any of the places that count. Also a ValueError, as in flytekit."""


@public
class RunNotFound(NotFound):
    """No run of that name in that project and domain."""


@public
class Unavailable(BridgeError):
    """Flyte could not be asked, or could not answer. Says nothing about any run."""

    transient: ClassVar[bool] = True


@public
class DeadlineExceeded(Unavailable):
    """One call got no answer within its own deadline."""


@public
class LimitExceeded(BridgeError):
    """A quota, a launch plan's concurrency limit, or a message size limit."""


@public
class Unsupported(BridgeError):
    """Asked for by name, and this backend or release cannot do it. Never silently ignored."""
