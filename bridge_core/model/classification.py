"""One table of what can go wrong, and what another try may do about it: for runs that ended, and for questions that failed.

Every part that decides by an error (operators, assets, schedulers, exit codes) reads it here, so that no two of them call one
thing by two names. FlytePropeller makes the first half necessary: it reports every error whose retries are used up as
``USER`` with the code ``RetriesExhausted|…``, a preempted pod as well as a bug. What is final is decided by the error inside.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import AuthError, BridgeError, LimitExceeded, Unavailable
from .phases import RunPhase
from .public import public
from .run_errors import AlreadyExists, WaitTimeout
from .run_failure import RunError
from .runs import RunEnded, RunSnapshot

if TYPE_CHECKING:
    from .failure_text import FailureText

__all__ = ["Classification", "ErrorClass", "ErrorRule", "NextTry", "classify"]


@public
class NextTry(enum.Enum):
    """What another try of the same piece of work may do."""

    NEVER = "never"
    """It would end the same way, or somebody meant it to end: nothing is tried again until a person changes something."""
    LAUNCH = "launch"
    """The run is over, and a new one may do better: launch it under the next name."""
    ATTACH = "attach"
    """Nothing is known to have ended: ask again under the same name. If the run exists it is found; nothing runs twice."""


@public
class ErrorClass(enum.Enum):
    """Kinds of errors that are told apart. The value is the word for logs and metadata."""

    USER = "user"
    SERVICE_AWAY = "service away"
    RETRIES_EXHAUSTED = "retries exhausted"
    OUT_OF_MEMORY = "out of memory"
    SYSTEM = "system"
    TIMED_OUT = "timed out"
    UNKNOWN = "unknown"
    ABORTED = "aborted"
    WAIT_ENDED = "wait ended"
    COULD_NOT_ASK = "could not ask"
    REFUSED_BY_FLYTE = "refused by Flyte"
    REFUSED_BY_PROVIDER = "refused by the provider"
    LIMIT = "limit"
    NAME_TAKEN = "name taken"
    MISTAKE = "mistake"

    @property
    def rule(self) -> ErrorRule:
        """The row of the table."""
        return _RULES[self]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRule:
    """One row of the table.

    Attributes:
        meaning: When an error is of this class.
        next_try: What another try may do.
        run_ended: Whether it says that the run ended; otherwise it says nothing about any run.
    """

    meaning: str
    next_try: NextTry
    run_ended: bool = False


def _ended(meaning: str, next_try: NextTry) -> ErrorRule:
    return ErrorRule(meaning=meaning, next_try=next_try, run_ended=True)


_RULES: Mapping[ErrorClass, ErrorRule] = {
    ErrorClass.USER: _ended(
        "a task raised, a gate was rejected, or the workflow cannot work as written", NextTry.NEVER
    ),
    ErrorClass.SERVICE_AWAY: _ended(
        "a task raised because something it asked was away: HTTP 429, 502, 503, 504, a connection refused or reset",
        NextTry.LAUNCH,
    ),
    ErrorClass.RETRIES_EXHAUSTED: _ended(
        "a task said that another try may help (FlyteRecoverableException), and used up its retries", NextTry.LAUNCH
    ),
    ErrorClass.OUT_OF_MEMORY: _ended("Kubernetes killed the container for its memory (OOMKilled)", NextTry.LAUNCH),
    ErrorClass.SYSTEM: _ended(
        "the pod was preempted, evicted, killed or deleted, or Flyte broke while running it", NextTry.LAUNCH
    ),
    ErrorClass.TIMED_OUT: _ended("a deadline inside Flyte passed: of a task, a node or the run", NextTry.LAUNCH),
    ErrorClass.UNKNOWN: _ended("the run failed, and Flyte does not say whose fault it was", NextTry.LAUNCH),
    ErrorClass.ABORTED: _ended("somebody aborted the run", NextTry.NEVER),
    ErrorClass.WAIT_ENDED: ErrorRule(
        meaning="our patience ended before the run did; it goes on", next_try=NextTry.ATTACH
    ),
    ErrorClass.COULD_NOT_ASK: ErrorRule(
        meaning="Flyte, or what stands before it, gave no answer that says anything", next_try=NextTry.ATTACH
    ),
    ErrorClass.REFUSED_BY_FLYTE: ErrorRule(
        meaning="Flyte does not know us, or does not let us do this; a token may have expired while the run went on",
        next_try=NextTry.ATTACH,
    ),
    ErrorClass.REFUSED_BY_PROVIDER: ErrorRule(
        meaning="the identity provider, or whatever else gives us tokens, said no", next_try=NextTry.ATTACH
    ),
    ErrorClass.LIMIT: ErrorRule(meaning="a quota, a concurrency limit or a size limit", next_try=NextTry.ATTACH),
    ErrorClass.NAME_TAKEN: ErrorRule(meaning="another run has the name", next_try=NextTry.NEVER),
    ErrorClass.MISTAKE: ErrorRule(
        meaning="what was asked for is not there, breaks a rule, or cannot be done by this Flyte; the configuration is wrong",
        next_try=NextTry.NEVER,
    ),
}
"""The table: exactly one row for each class."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Classification:
    """Which class, and why."""

    error_class: ErrorClass
    because: str
    """What decided, in words for a log: ``code Interrupted of kind SYSTEM inside RetriesExhausted``."""

    @property
    def rule(self) -> ErrorRule:
        """The row of the table."""
        return self.error_class.rule

    @property
    def next_try(self) -> NextTry:
        """What another try may do."""
        return self.rule.next_try

    def __str__(self) -> str:
        return f"{self.error_class.value} ({self.because})"


_CODES: Mapping[str, ErrorClass] = {
    "BindingResolutionFailure": ErrorClass.USER,  # SYSTEM says Flyte, but the same inputs bind the same way again
    "ReceivedRejectSignal": ErrorClass.USER,
    "UserProvidedError": ErrorClass.USER,
    "OOMKilled": ErrorClass.OUT_OF_MEMORY,
    "Interrupted": ErrorClass.SYSTEM,
    "ResourceDeletedExternally": ErrorClass.SYSTEM,
    "Timeout": ErrorClass.TIMED_OUT,
    "TimeoutExpired": ErrorClass.TIMED_OUT,
    "USER:Recoverable": ErrorClass.RETRIES_EXHAUSTED,
}
"""Codes of FlytePropeller and flytekit that say more than the kind beside them."""

_REASONS: Mapping[str, ErrorClass] = {
    "OOM": ErrorClass.OUT_OF_MEMORY,
    "DeadlineExceeded": ErrorClass.TIMED_OUT,
    "Evicted": ErrorClass.SYSTEM,
    "NodeLost": ErrorClass.SYSTEM,
    "Preempt": ErrorClass.SYSTEM,
    "Shutdown": ErrorClass.SYSTEM,
    "Terminated": ErrorClass.SYSTEM,
}
"""Parts of Kubernetes' reasons for the end of a container or pod that decide whatever the code beside them is."""

_AWAY = re.compile(
    r"^(?:[\w.]*\.)?(?:Connect|Connection|Read|Write|Pool|Network|RemoteProtocol|Timeout|ServiceUnavailable|"
    r"ServiceRequest|TooManyRequests|BadGateway|GatewayTimeout|RemoteDisconnected|BrokenPipe|IncompleteRead)\w*:"
    r"|^(?:[\w.]*\.)?\w*(?:HTTP|Http|Status|Api|API|Response|Client)\w*:.*\b(?:429|502|503|504)\b"
    r"|\b(?:429 Too Many Requests|502 Bad Gateway|503 Service Unavailable|504 Gateway Time-?out)\b",
)
"""An exception of the task that speaks of the network or of another server, by its type or its status."""


@public
def classify(error: BridgeError | RunSnapshot | RunError) -> Classification:
    """The class of an error, or of a run that ended badly.

    Args:
        error: An error of this library; for a `RunEnded` its snapshot decides. Or a snapshot or run error itself.

    Returns:
        Exactly one class: what nobody knows is UNKNOWN when a run ended, and MISTAKE when nothing was asked.

    Example:
        >>> from bridge_core import Unavailable, classify
        >>> classify(Unavailable("no route")).error_class.value
        'could not ask'
    """
    if isinstance(error, RunEnded) and error.snapshot is not None:
        error = error.snapshot
    if isinstance(error, RunSnapshot):
        return _of_run(error)
    if isinstance(error, RunError):
        return _of_failure(error)
    found = next((kind for kind, applies in _ASKING if applies(error)), ErrorClass.MISTAKE)
    return Classification(error_class=found, because=type(error).__name__ + (f", {error.code}" if error.code else ""))


_ASKING: tuple[tuple[ErrorClass, Callable[[BridgeError], bool]], ...] = (
    (ErrorClass.WAIT_ENDED, lambda error: isinstance(error, WaitTimeout)),
    (ErrorClass.COULD_NOT_ASK, lambda error: isinstance(error, Unavailable)),
    # Without a status of gRPC it was no answer of Flyte's: the token could not be had in the first place.
    (ErrorClass.REFUSED_BY_FLYTE, lambda error: isinstance(error, AuthError) and error.code is not None),
    (ErrorClass.REFUSED_BY_PROVIDER, lambda error: isinstance(error, AuthError)),
    (ErrorClass.LIMIT, lambda error: isinstance(error, LimitExceeded)),
    (ErrorClass.NAME_TAKEN, lambda error: isinstance(error, AlreadyExists)),
    (ErrorClass.UNKNOWN, lambda error: isinstance(error, RunEnded)),
)
"""Errors of this library, first match wins; what matches none is a mistake."""


def _of_run(snapshot: RunSnapshot) -> Classification:
    if snapshot.phase is RunPhase.ABORTED:
        return Classification(error_class=ErrorClass.ABORTED, because=f"phase {snapshot.phase.value}")
    if snapshot.phase is RunPhase.TIMED_OUT:
        return Classification(error_class=ErrorClass.TIMED_OUT, because=f"phase {snapshot.phase.value}")
    if snapshot.error is None:
        return Classification(error_class=ErrorClass.UNKNOWN, because=f"phase {snapshot.phase.value}, no error given")
    return _of_failure(snapshot.error)


def _of_failure(error: RunError) -> Classification:
    """By what says most: Kubernetes' reason, the code, the kind, and for a task's own exception its text."""
    text = error.text
    code, kind = error.cause_code, error.cause_kind
    wrapped = code != error.code or bool(text.kind)
    found = _class_of(text, code, kind, wrapped=wrapped)
    because = f"code {code or 'none'} of kind {kind}"
    if text.reason:
        because += f", reason {text.reason}"
    if found is ErrorClass.SERVICE_AWAY:
        because += f", and its text: {text.cause[:120]}"
    return Classification(error_class=found, because=f"{because}{' inside RetriesExhausted' if wrapped else ''}")


def _class_of(text: FailureText, code: str, kind: str, *, wrapped: bool) -> ErrorClass:
    reason = next((found for word, found in _REASONS.items() if word in text.reason or word == code), None)
    if reason is not None or code in _CODES:
        return reason or _CODES[code]
    if kind == "SYSTEM":
        return ErrorClass.SYSTEM
    if text.is_exception and _AWAY.search(text.cause):
        return ErrorClass.SERVICE_AWAY
    if kind == "USER":  # what Flyte itself tried again was no plain exception
        return ErrorClass.RETRIES_EXHAUSTED if wrapped else ErrorClass.USER
    # An item of a map has neither code nor kind: its exception is the user's, unless Flyte tried it again.
    return ErrorClass.USER if text.items and text.is_exception and not wrapped else ErrorClass.UNKNOWN
