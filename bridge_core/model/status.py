"""What a gRPC status becomes: the error of one failed call, with the advice that its text allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import (
    BridgeError,
    DeadlineExceeded,
    InvalidRequest,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from .run_errors import AlreadyExists

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ANSWERED_IN_HTTP", "STATUS_ERRORS", "answered_by_proxy", "from_status"]

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
"""How gRPC begins when the answer was plain HTTP."""

ANSWERED_IN_HTTP = "answered in plain HTTP"
"""How Connect's details begin then (`transport/connect.py`)."""

_PLAIN_HTTP = (_PROXY_SAID, ANSWERED_IN_HTTP)

_OF_PROXIES = frozenset({"UNIMPLEMENTED", "PERMISSION_DENIED"})
"""What gRPC makes of a 404 (of an ingress without backend) and of a 403: not what Flyte says about us or about itself."""

_DATABASE_AWAY = "unexpected error type for"
"""How FlyteAdmin words every failure of its database that is no answer of it (gormimpl/errors). Checks that ask the database (is
there such a project, such a signal) wrap it into INVALID_ARGUMENT, as if the request were wrong (project_validator.go)."""

_BAD_SYNTAX = "failed database operation with invalid input syntax"
"""And what it makes of a filter whose value is no number or no time, as UNKNOWN, as if it were its own fault."""

_NO_TASK = "task not found"
"""How Flyte 2 words a task or version that does not exist, as UNKNOWN, as if it had broken (run_service.go, CreateRun)."""

_ITS_DEADLINE = "context deadline exceeded"
"""What Flyte 2 says, as INTERNAL, of a call whose time was over while it waited for its database (seen over Connect)."""

_NO_DECK = "no deckUrl found for request"
"""What FlyteAdmin says, as INTERNAL, of a node that wrote no deck (dataproxy/service.go)."""

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


def answered_by_proxy(error: BridgeError) -> bool:
    """Whether a call was answered in plain HTTP: by a proxy or an ingress, not by Flyte."""
    return any(mark in (error.details or "") for mark in _PLAIN_HTTP)


def from_status(code: str, details: str, *, rpc: str, target: str, request_id: str | None) -> BridgeError:
    """The error for one failed call.

    Args:
        code: gRPC status name, ``"NOT_FOUND"`` for instance.
        details: The server's (or gRPC's own) text.
        rpc: Method name without its service.
        target: Where it was sent, ``host:port``.
        request_id: What was sent as ``x-request-id``.

    Returns:
        An error of the type in `STATUS_ERRORS`; unknown codes, and a proxy's 403 and 404, give `Unavailable`.
    """
    kind = STATUS_ERRORS.get(code, Unavailable)
    if _DATABASE_AWAY in details:
        kind = Unavailable
    elif code == "UNKNOWN" and _BAD_SYNTAX in details:
        kind = InvalidRequest
    elif code == "INTERNAL" and details.startswith(_NO_DECK):
        kind = NotFound
    elif code == "INTERNAL" and details.endswith(_ITS_DEADLINE):
        kind, code = DeadlineExceeded, "DEADLINE_EXCEEDED"
    elif code == "UNKNOWN" and details.startswith(_NO_TASK):
        kind, code = NotFound, "NOT_FOUND"
    by_proxy = code in _OF_PROXIES and details.startswith(_PLAIN_HTTP)
    if by_proxy:
        kind = Unavailable
        message = (
            f"cannot reach Flyte at {target} ({rpc}): a proxy or ingress in between answered, not Flyte: {details}. Flyte "
            "may be restarting; if this lasts, the endpoint or a route of the ingress is wrong, or the proxy wants to know "
            "who we are (auth.proxy_command)."
        )
    elif _DATABASE_AWAY in details:
        message = f"Flyte at {target} cannot ask its own database now ({rpc}, {code}): {details}."
    elif code == "UNAVAILABLE":
        message = f"cannot reach Flyte at {target} ({rpc}): {details}."
    else:
        message = f"{rpc} at {target} answered {code}: {details}"
    advice = next((text for mark, text in _HANDSHAKES.items() if mark in details), None)
    advice = advice or (None if by_proxy else _ADVICE.get(code))
    if advice and not message.endswith((".", "!", "?")):
        message += "."
    return kind(
        f"{message} {advice}" if advice else message, code=code, rpc=rpc, request_id=request_id, details=details
    )
