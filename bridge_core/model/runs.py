"""What is known about a run, and the errors of one that ended badly. What is asked for at a launch is in `requests.py`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from .errors import BridgeError
from .ids import EntityRef, RunRef
from .phases import RunPhase
from .public import public
from .run_failure import RunError

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from .provenance import Provenance
__all__ = ["Launched", "RunAborted", "RunEnded", "RunFailed", "RunSnapshot", "RunTimedOut", "read_whole"]


class _Unread:
    """What of a snapshot was not read yet. A list of thousands is mostly looked through for a name or a phase.

    The other fields have no value until one of them is asked for; who compares, copies, shows or pickles a snapshot asks for
    all of them.
    """

    __slots__ = ("_read",)
    _read: Callable[[], Any]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in type(self).__dataclass_fields__:
                try:
                    whole = object.__getattribute__(self, "_read")()
                except AttributeError:
                    pass
                else:
                    for field in type(self).__dataclass_fields__:
                        object.__setattr__(self, field, getattr(whole, field))
                    object.__setattr__(self, "_read", lambda: self)  # the message that it was read from may go
                    return getattr(whole, name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class RunSnapshot(_Unread):
    """What was true of a run when Flyte was asked."""

    ref: RunRef
    phase: RunPhase
    entity: EntityRef | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    """When it reached a terminal phase; None before."""
    error: RunError | None = None
    abort_reason: str | None = None
    console_url: str = ""
    provenance: Provenance | None = None
    """Who launched it, when that left its mark."""

    @classmethod
    def unread(cls, ref: RunRef, phase: RunPhase, read: Callable[[], RunSnapshot]) -> RunSnapshot:
        """A snapshot of which only the run and its phase are known; ``read`` gives the whole when more is asked for."""
        made = cls.__new__(cls)
        keep = object.__setattr__
        keep(made, "ref", ref)
        keep(made, "phase", phase)
        keep(made, "_read", read)
        return made

    @property
    def duration(self) -> timedelta | None:
        """From start (or creation) to end; None while it runs."""
        begin = self.started_at or self.created_at
        return self.ended_at - begin if begin and self.ended_at else None

    def raise_for_phase(self) -> Self:
        """Returns itself, or raises when the run ended badly. A run that has not ended does not raise.

        Raises:
            RunFailed: The run ended FAILED.
            RunAborted: The run was aborted.
            RunTimedOut: The run ended TIMED_OUT.
        """
        kind = _ENDED.get(self.phase)
        if kind is not None:
            raise kind(self.describe(), snapshot=self)
        return self

    def describe(self) -> str:
        """One sentence: which run, how it is, for how long, why, and where to look."""
        text = f"run {self.ref} {self.phase.value}"
        if self.phase.is_terminal and self.duration is not None:
            text += f" after {_human(self.duration.total_seconds())}"
        if self.error is not None:
            where = f" in node {self.error.node}" if self.error.node else ""
            text += f"{where}: {self.error.summary}"
        elif self.abort_reason:
            text += f": {self.abort_reason}"
        return f"{text}. Console: {self.console_url}" if self.console_url else text


@public
class RunEnded(BridgeError):
    """The run ended, and not well. Raised by `RunSnapshot.raise_for_phase`.

    Attributes:
        snapshot: The final snapshot, with the phase, the error and the console URL.
    """

    snapshot: RunSnapshot | None = None


@public
class RunFailed(RunEnded):
    """The run ended FAILED."""


@public
class RunAborted(RunEnded):
    """The run was aborted by someone."""


@public
class RunTimedOut(RunEnded):
    """The run ended TIMED_OUT: Flyte's own deadline for it passed."""


_ENDED: Mapping[RunPhase, type[RunEnded]] = {
    RunPhase.FAILED: RunFailed,
    RunPhase.ABORTED: RunAborted,
    RunPhase.TIMED_OUT: RunTimedOut,
}


def read_whole(snapshot: RunSnapshot) -> RunSnapshot:
    """The same, for keeping: one that is not read yet holds the message of the whole list."""
    try:
        read: Callable[[], RunSnapshot] = object.__getattribute__(snapshot, "_read")
    except AttributeError:
        return snapshot
    return read()


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """What `launch_or_attach` did."""

    ref: RunRef
    created: bool
    """True when this call made the run; False when it found the identical one."""
    snapshot: RunSnapshot
    """The run right after: callers decide by its phase."""


def _human(seconds: float) -> str:
    """``4 m 12 s``: the two largest units, as people read durations."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} m {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m"
