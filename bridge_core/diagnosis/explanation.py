"""`Explanation`: why a run is as it is, as one value; its text is what Airflow raises and Dagster shows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..model.public import public
from .advice import advice_for
from .kinds import FailureKind

if TYPE_CHECKING:
    from ..model.ids import EntityRef, RunRef
    from ..model.nodes import Attempt, LogLink
    from ..model.run_failure import RunError
    from ..model.runs import RunSnapshot
    from .waits import Wait

__all__ = ["Explanation", "last_lines"]

_LINES = 12
_LINKS = 5
_ATTEMPTS = 5
_WIDTH = 300


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why a run ended badly, or what it waits for. ``str()`` of it is its `text`."""

    snapshot: RunSnapshot
    """The run that was asked about."""
    kind: FailureKind
    node: str | None = None
    """Id of the first leaf that failed; None when no node did, or Flyte did not say."""
    name: str | None = None
    """What the workflow calls that node."""
    run: RunRef | None = None
    """The run that the node is in: another one than was asked about where a launch plan node started it."""
    items: str = ""
    """``[1]`` or ``[0][2-4]``: which items of a map task failed; empty elsewhere."""
    task: EntityRef | None = None
    """What ran in the node, when that is known."""
    error: RunError | None = None
    """What Flyte says about the node, else about the run."""
    abort_reason: str | None = None
    """Why somebody aborted `run`."""
    attempts: tuple[Attempt, ...] = ()
    """Of the node, oldest first."""
    logs: tuple[LogLink, ...] = ()
    """Of those attempts, the last one first."""
    waits: tuple[Wait, ...] = ()
    """What waited for what."""
    last_success: RunRef | None = None
    """The last run of the same entity that succeeded before this one; None when there is none, or it was not asked for."""
    differing_inputs: tuple[str, ...] = ()
    """Names of inputs that differ from those of `last_success`."""
    unknown: tuple[str, ...] = ()
    """What could not be asked, and why: a sentence each."""

    @property
    def code(self) -> str:
        """Flyte's code of the error itself; empty when there is none."""
        if self.error is None:
            return ""
        return self.error.cause_code or self.error.text.reason

    @property
    def traceback(self) -> tuple[str, ...]:
        """The last lines of the traceback; of a container that died, of its log."""
        return () if self.error is None else last_lines(self.error)

    @property
    def advice(self) -> str:
        """What to do about it, by its kind."""
        task = f"task {self.task.name}" if self.task is not None else "the task"
        return advice_for(self.kind, task=task, node=self.node or "the workflow")

    @property
    def text(self) -> str:
        """All of it, for people: the first line says what happened, the others what is known besides."""
        return "\n".join([self.snapshot.describe(), *self._lines()])

    def __str__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON of what a program may want; `text` is beside it."""
        return {
            "run": str(self.snapshot.ref),
            "phase": self.snapshot.phase.value,
            "kind": self.kind.value,
            "node": self.node,
            "name": self.name,
            "in_run": None if self.run is None else str(self.run),
            "items": self.items,
            "task": None if self.task is None else str(self.task),
            "code": self.code,
            "error_kind": None if self.error is None else self.error.cause_kind,
            "summary": None if self.error is None else self.error.summary,
            "abort_reason": self.abort_reason,
            "traceback": list(self.traceback),
            "attempts": [_attempt_dict(item) for item in self.attempts],
            "logs": [{"node": log.node, "attempt": log.attempt, "name": log.name, "uri": log.uri} for log in self.logs],
            "waits": [
                {
                    "what": wait.what,
                    "reason": wait.reason,
                    "seconds": None if wait.duration is None else wait.duration.total_seconds(),
                    "text": wait.text,
                }
                for wait in self.waits
            ],
            "last_success": None if self.last_success is None else str(self.last_success),
            "differing_inputs": list(self.differing_inputs),
            "advice": self.advice,
            "unknown": list(self.unknown),
            "console_url": self.snapshot.console_url,
            "text": self.text,
        }

    def _lines(self) -> Iterator[str]:
        if self.kind is not FailureKind.NOTHING:
            yield f"  what: {self.kind.value}{self._where()}"
        if self.run not in (None, self.snapshot.ref):
            if self.abort_reason:
                yield f"  aborted: {_cut(self.abort_reason)}"
            elif self.error is not None:
                yield f"  error: {_cut(self.error.summary)}"
        shown = self.attempts[-_ATTEMPTS:] if len(self.attempts) > 1 else ()
        for attempt in shown:
            why = "" if attempt.error is None else f": {_cut(attempt.error.summary)}"
            yield f"  attempt {attempt.number + 1} of {len(self.attempts)}: {attempt.phase}{why}"
        if (lines := self.traceback) and len(lines) > 1:
            yield "  last lines:"
            yield from (f"    {line}" for line in lines)
        for log in self.logs[:_LINKS]:
            item = "" if log.item is None else f", item {log.item}"
            yield f"  log of node {log.node}, attempt {log.attempt + 1}{item}: {log.uri}"
        yield from (f"  {wait}" for wait in self.waits)
        if self.differing_inputs:
            yield f"  inputs that differ from {self.last_success}, which succeeded: {', '.join(self.differing_inputs)}"
        elif self.last_success is not None:
            yield f"  inputs: the same as those of {self.last_success}, which succeeded"
        yield from (f"  not known: {_cut(sentence)}" for sentence in self.unknown)
        if self.advice:
            yield f"  advice: {self.advice}"

    def _where(self) -> str:
        parts = [f" (code {self.code})" if self.code else ""]
        if self.node is not None:
            named = f" ({self.name})" if self.name not in (None, self.node) else ""
            parts.append(f" in node {self.node}{named}")
        if self.items:
            parts.append(f", items {self.items}")
        if self.task is not None:
            parts.append(f", task {self.task.name}")
        if self.run not in (None, self.snapshot.ref):
            parts.append(f", of run {self.run}")
        return "".join(parts)


def last_lines(error: RunError) -> tuple[str, ...]:
    """The end of what was written: of the traceback, else of the container's log, else of the message."""
    told = error.text
    source = told.log_end or error.message
    lines = [line.rstrip() for line in source.splitlines() if line.strip() and not _HEADING.search(line)]
    return tuple(_cut(line) for line in lines[-_LINES:])


_HEADING = re.compile(r"(^|: |::)(Trace|Message):\s*$")
"""flytekit's, with what Flyte's engine puts before it."""


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


def _attempt_dict(attempt: Attempt) -> Mapping[str, Any]:
    return {
        "number": attempt.number,
        "phase": attempt.phase,
        "started_at": None if attempt.started_at is None else attempt.started_at.isoformat(),
        "ended_at": None if attempt.ended_at is None else attempt.ended_at.isoformat(),
        "summary": None if attempt.error is None else attempt.error.summary,
        "code": None if attempt.error is None else attempt.error.cause_code,
    }
