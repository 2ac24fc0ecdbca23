"""What crosses from the triggerer to the worker: small, versioned, and checked on arrival.

Airflow logs an event and stores it in its database, and the two processes may run different releases during a deployment.
So it carries no outputs and no traceback, and a worker that cannot read it says why instead of guessing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from bridge_core import BridgeError, InvalidRequest, RunPhase, RunRef

if TYPE_CHECKING:
    from bridge_core import RunSnapshot

__all__ = ["EventError", "RunEvent", "raise_for_failed_search", "search_failed"]

_VERSION = 1
_MESSAGE_LIMIT = 1000


class EventError(ValueError):
    """An event that cannot be trusted. Says nothing about the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """How a wait ended."""

    ref: RunRef
    phase: RunPhase
    """Terminal when the run ended; the last known one otherwise."""
    code: str | None = None
    """Flyte's error code when the run ended; the name of our error when the wait ended without it."""
    message: str = ""
    """One paragraph for people, at most 1000 characters."""

    @classmethod
    def ended(cls, snapshot: RunSnapshot) -> Self:
        """The run reached a terminal phase."""
        code = snapshot.error.code if snapshot.error else None
        return cls(ref=snapshot.ref, phase=snapshot.phase, code=code, message=_trim(snapshot.describe()))

    @classmethod
    def gave_up(cls, ref: RunRef, error: Exception) -> Self:
        """The wait ended and the run, as far as we know, did not."""
        from bridge_core import RunSnapshot

        snapshot = getattr(error, "snapshot", None)
        phase = snapshot.phase if isinstance(snapshot, RunSnapshot) else RunPhase.UNKNOWN
        text = error.message if isinstance(error, BridgeError) else repr(error)
        return cls(ref=ref, phase=phase, code=type(error).__name__, message=_trim(text))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON, as a trigger event carries it."""
        return {
            "version": _VERSION,
            "run": self.ref.to_dict(),
            "phase": self.phase.value,
            "code": self.code,
            "message": self.message,
        }

    @classmethod
    def from_dict(cls, data: object, *, expected: RunRef | None = None) -> Self:
        """Reads and checks an event.

        Args:
            data: What Airflow handed over.
            expected: The run that the task waits for.

        Raises:
            EventError: It is no event of this version, is malformed, or is about another run.
        """
        if not isinstance(data, Mapping):
            raise EventError(f"the trigger's event must be a mapping, got {data!r}")
        if data.get("version") != _VERSION:
            raise EventError(
                f"the trigger's event has version {data.get('version')!r}, this worker reads {_VERSION}: triggerer and worker "
                "run different releases of flyte-bridge. Bring them to one release."
            )
        try:
            ref, phase = RunRef.from_dict(data["run"]), RunPhase(data["phase"])
        except (KeyError, TypeError, ValueError, BridgeError) as error:
            raise EventError(f"the trigger's event is malformed ({error!r}): {dict(data)!r}") from None
        code, message = data.get("code"), data.get("message", "")
        if not isinstance(message, str) or not (code is None or isinstance(code, str)):
            raise EventError(f"the trigger's event is malformed (code and message must be texts): {dict(data)!r}")
        if expected is not None and ref != expected:
            raise EventError(f"the trigger's event is about run {ref}, this task waits for {expected}")
        return cls(ref=ref, phase=phase, code=code, message=message)


def _trim(text: str) -> str:
    return text if len(text) <= _MESSAGE_LIMIT else f"{text[: _MESSAGE_LIMIT - 1]}…"


def search_failed(error: Exception) -> dict[str, Any]:
    """The event of a trigger that found no run: why, as `raise_for_failed_search` understands it."""
    text = error.message if isinstance(error, BridgeError) else repr(error)
    return {"version": _VERSION, "run": None, "code": type(error).__name__, "message": _trim(text)}


def raise_for_failed_search(data: object) -> None:
    """Nothing, unless the event says that no run was found.

    Raises:
        EventError: Asking again may help.
        InvalidRequest: It cannot: a mistake in the arguments, or no such run.
    """
    if not isinstance(data, Mapping) or data.get("version") != _VERSION or data.get("run") is not None:
        return
    message = str(data.get("message"))
    if data.get("code") in _FINAL:
        raise InvalidRequest(message)
    raise EventError(message)


_FINAL = frozenset({"ConfigError", "InvalidRequest", "RunNotFound", "EntityNotFound", "NotFound", "Unsupported"})
