"""Why a run ended badly, in Flyte's words."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RunError"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run ended badly, in Flyte's words."""

    code: str
    message: str
    kind: str = "UNKNOWN"
    """``USER``, ``SYSTEM`` or ``UNKNOWN``: whose fault Flyte thinks it is."""
    node: str | None = None
    """The node that failed, when it is known."""

    @property
    def summary(self) -> str:
        """The last line that says something: flytekit puts the exception behind a traceback, under ``Message:``."""
        _, found, tail = self.message.rpartition("Message:")
        lines = [line.strip() for line in (tail if found else self.message).splitlines() if line.strip()]
        return (lines[0] if found and lines else lines[-1] if lines else "") or self.code or "no message"
