"""Why a run ended badly, in Flyte's words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .public import public

if TYPE_CHECKING:
    from datetime import datetime

    from .failure_text import FailureText

__all__ = ["RunError"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run ended badly, in Flyte's words."""

    code: str
    message: str
    kind: str = "UNKNOWN"
    """``USER``, ``SYSTEM`` or ``UNKNOWN``: whose fault Flyte thinks it is."""
    node: str | None = None
    """The node that failed, when it is known."""
    occurred_at: datetime | None = None
    """When the task raised it, where its SDK says so."""
    worker: str = ""
    """Which worker raised it, of a task that has several; empty where that is not said."""

    @property
    def text(self) -> FailureText:
        """The message taken apart: exit code, reason, attempts, end of the log."""
        from .failure_text import FailureText

        return FailureText.parse(self.message)

    @property
    def cause_code(self) -> str:
        """The code of the error itself, without the ``RetriesExhausted|`` that FlytePropeller puts before it."""
        return self.code.rpartition("|")[2]

    @property
    def cause_kind(self) -> str:
        """Whose fault the error itself was: FlytePropeller calls every error USER whose retries are used up."""
        return self.text.kind or self.kind

    @property
    def summary(self) -> str:
        """One line: what happened, how the container ended, after how many attempts, and the last line of its log.

        A task's exception stands for itself. Whatever Flyte's engine says begins with its code:
        ``OOMKilled: exit code 137 (SIGKILL), reason OOMKilled; 2 attempts; end of the log: loading``.
        """
        text, code = self.text, self.cause_code
        what = "; ".join(part for part in (text.cause, text.death) if part)
        if text.is_exception and not what:
            what = code or "an exception, whose text Flyte cut"
        engine = not text.is_exception and bool(text.death or text.attempts or self.kind == "SYSTEM")
        if engine and code and code not in text.cause:
            what = what.removesuffix(".")
            what = f"{code}: {what}" if what else code
        parts = [f"{text.items}: {what}" if text.items and what else what]
        if text.attempts:
            parts.append("1 attempt" if text.attempts == 1 else f"{text.attempts} attempts")
        if text.log_line:
            parts.append(f"end of the log: {text.log_line}")
        return "; ".join(part for part in parts if part) or self.code or "no message"
