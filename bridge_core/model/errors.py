"""The whole error tree, and what a gRPC status becomes.

One file, so that "which errors can this raise?" has one answer:

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

from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .ids import RunRef
    from .runs import RunSnapshot

__all__ = [
    "STATUS_ERRORS",
    "AlreadyExists",
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
    "RunAborted",
    "RunEnded",
    "RunFailed",
    "RunNotFound",
    "RunTimedOut",
    "SecretNotFound",
    "Unauthenticated",
    "Unavailable",
    "Unsupported",
    "WaitTimeout",
    "from_status",
]


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
        return _rebuild, (type(self), self.message, self._data)

    @property
    def data(self) -> dict[str, Any]:
        """What was given besides the message, to make another error of the same call."""
        return dict(self._data)

    def with_message(self, message: str) -> Self:
        """The same error, same type and data, in other words: for a caller who knows more about the thing asked for."""
        return type(self)(message, **self._data)


def _rebuild(cls: type[BridgeError], message: str, data: dict[str, Any]) -> BridgeError:
    return cls(message, **data)


class ConfigError(BridgeError):
    """A setting is missing, malformed, or contradicts another one."""


class AuthError(BridgeError):
    """Flyte refused the credentials."""


class Unauthenticated(AuthError):
    """No credentials, or expired or unknown ones (gRPC UNAUTHENTICATED)."""


class PermissionDenied(AuthError):
    """Known credentials without the right to do this (gRPC PERMISSION_DENIED)."""


class InvalidRequest(BridgeError):
    """The request breaks a rule of Flyte or of this library. Retrying it unchanged cannot help."""


class LiteralError(InvalidRequest):
    """One or more values do not fit their Flyte types.

    Attributes:
        problems: One line per wrong leaf, each starting with its path (``inputs.model.layers[2].width: …``).
    """

    problems: tuple[str, ...] = ()


class NotFound(BridgeError):
    """The thing asked for does not exist (gRPC NOT_FOUND). Never retried."""


class EntityNotFound(NotFound):
    """No such task, workflow or launch plan (or no such version of it)."""


class SecretNotFound(NotFound, ValueError):
    """No secret of this name in any of the places that count. Also a ValueError, as in flytekit."""


class RunNotFound(NotFound):
    """No run of that name in that project and domain."""


class AlreadyExists(BridgeError):
    """The name is taken by something that is not the same.

    Attributes:
        ref: The run that has the name, when a run has it.
        snapshot: What that run was doing when we looked.
        same_entity: Whether the run was launched from the entity that was asked for now.
        differing: Names of the inputs whose values differ, as far as they can be compared.
    """

    ref: RunRef | None = None
    snapshot: RunSnapshot | None = None
    same_entity: bool = False
    differing: tuple[str, ...] = ()


class Unavailable(BridgeError):
    """Flyte could not be asked, or could not answer. Says nothing about any run."""

    transient: ClassVar[bool] = True


class DeadlineExceeded(Unavailable):
    """One call got no answer within its own deadline."""


class LimitExceeded(BridgeError):
    """A quota, a launch plan's concurrency limit, or a message size limit."""


class Unsupported(BridgeError):
    """Asked for by name, and this backend or release cannot do it. Never silently ignored."""


class WaitTimeout(BridgeError):
    """The caller's patience ended before the run did. The run was not aborted.

    Attributes:
        ref: The run that was waited for.
        snapshot: The last thing known about it, or None when Flyte never answered.
    """

    ref: RunRef | None = None
    snapshot: RunSnapshot | None = None


class RunEnded(BridgeError):
    """The run ended, and not well. Raised by `RunSnapshot.raise_for_phase`.

    Attributes:
        snapshot: The final snapshot, with the phase, the error and the console URL.
    """

    snapshot: RunSnapshot | None = None


class RunFailed(RunEnded):
    """The run ended FAILED."""


class RunAborted(RunEnded):
    """The run was aborted by someone."""


class RunTimedOut(RunEnded):
    """The run ended TIMED_OUT: Flyte's own deadline for it passed."""


STATUS_ERRORS: Mapping[str, type[BridgeError]] = {
    "CANCELLED": Unavailable,
    "UNKNOWN": Unavailable,
    "INVALID_ARGUMENT": InvalidRequest,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "NOT_FOUND": NotFound,
    "ALREADY_EXISTS": AlreadyExists,
    "PERMISSION_DENIED": PermissionDenied,
    "RESOURCE_EXHAUSTED": LimitExceeded,
    "FAILED_PRECONDITION": InvalidRequest,
    "ABORTED": Unavailable,
    "OUT_OF_RANGE": InvalidRequest,
    "UNIMPLEMENTED": Unsupported,
    "INTERNAL": Unavailable,
    "UNAVAILABLE": Unavailable,
    "DATA_LOSS": Unavailable,
    "UNAUTHENTICATED": Unauthenticated,
}
"""gRPC status name -> error. INTERNAL and UNKNOWN are *Unavailable*: the server broke while answering, so we know nothing."""

_PROXY_SAID = "Received http2 header with status"
"""How gRPC begins when the answer was plain HTTP. It makes UNIMPLEMENTED of a 404, what an ingress without backend says."""

_ADVICE: Mapping[str, str] = {
    "UNAVAILABLE": "Is Flyte up, is the endpoint right, and is insecure (true: plaintext, false: TLS) what the server speaks?",
    "UNAUTHENTICATED": "Check the auth mode and credentials of this Flyte configuration.",
    "PERMISSION_DENIED": "Ask the owner of the project for the right, or use other credentials.",
    "RESOURCE_EXHAUSTED": "A quota, a concurrency limit or a limit on message size: try later, ask for less, or have it raised.",
    "DEADLINE_EXCEEDED": "The server or the network was too slow; nothing is known about the outcome.",
}

_HANDSHAKES: Mapping[str, str] = {
    "WRONG_VERSION_NUMBER": "The server speaks plaintext, and insecure is false: set insecure to true.",
    "CERTIFICATE_VERIFY_FAILED": "The server's certificate is not trusted here: set ca_cert_file to its authority's PEM file.",
}
"""Words of TLS handshakes that leave no doubt about the cause."""


def from_status(code: str, details: str, *, rpc: str, target: str, request_id: str | None) -> BridgeError:
    """The error for one failed call.

    Args:
        code: gRPC status name, ``"NOT_FOUND"`` for instance.
        details: The server's (or gRPC's own) text.
        rpc: Method name without its service.
        target: Whom we asked, ``host:port``.
        request_id: What was sent as ``x-request-id``.

    Returns:
        An error of the type in `STATUS_ERRORS`; unknown codes, and a proxy's 404, give `Unavailable`.
    """
    kind = STATUS_ERRORS.get(code, Unavailable)
    if code == "UNIMPLEMENTED" and details.startswith(_PROXY_SAID):
        kind = Unavailable
        message = (
            f"cannot reach Flyte at {target} ({rpc}): a proxy or ingress in between answered, not Flyte: {details}. Flyte "
            "may be restarting; if this lasts, the endpoint or a route of the ingress is wrong."
        )
    elif code == "UNAVAILABLE":
        message = f"cannot reach Flyte at {target} ({rpc}): {details}."
    else:
        message = f"{rpc} at {target} answered {code}: {details}"
    advice = next((text for mark, text in _HANDSHAKES.items() if mark in details), None) or _ADVICE.get(code)
    if advice and not message.endswith((".", "!", "?")):
        message += "."
    return kind(
        f"{message} {advice}" if advice else message, code=code, rpc=rpc, request_id=request_id, details=details
    )
