r"""What Flyte's engine wraps around an error, taken apart: attempts, the pod's exit code and reason, the end of its log.

FlytePropeller has one text for all of it (1.16.8: pod_helper.go:1237-1244, nodes/executor.go):

    [3/3] currentAttempt done. Last Error: SYSTEM::Pod failed. No message received from kubernetes.\r\n
    [pod] terminated with exit code (137). Reason [OOMKilled]. Message: \n<end of the log>.

What follows the last ``Message:`` is a line of the task's log there, and the exception's own text in what flytekit writes.
Nothing is refused: a text that is cut (a node's is, at 100 bytes) or unknown gives what can be read of it.
"""

from __future__ import annotations

import re
import signal
from dataclasses import dataclass

__all__ = ["FailureText"]

_ITEMS = re.compile(r"((?:\[\d+(?:-\d+)?\])+): ")
"""Begins the text of a map task: the items that failed with what follows."""
_ATTEMPTS = re.compile(r"\[(\d+)/(\d+)\] currentAttempt done\. Last Error: (USER|SYSTEM|UNKNOWN)::")
_CONTAINER = re.compile(
    r"\s*\[[^\]\r\n]+\] terminated with (?:ExitCode 0\.|exit code \((-?\d+)\)\. Reason \[([^\]]*)\]\. Message:)"
)
_NOTHING_SAID = "Pod failed. No message received from kubernetes"
_CUT = re.compile(r"\r\n\[[^\r\n]*$")
"""Begins to speak of a container, and was cut."""
_TRACE = "Trace:"
_EXCEPTION = re.compile(r"^Message:[ \t]*$", re.MULTILINE)
"""flytekit's heading; whatever a user's text says is indented below it."""
_SIGNALS = frozenset({"SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGINT", "SIGKILL", "SIGSEGV", "SIGTERM"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureText:
    """One error text of Flyte, taken apart.

    Attributes:
        cause: The sentence that says what happened; empty when there is none.
        items: ``[1]`` or ``[0][2-4]``: which items of a map task it is about; empty elsewhere.
        kind: ``USER``, ``SYSTEM`` or ``UNKNOWN``, of the error that was wrapped when retries ran out; empty when none was.
        attempts: How many attempts ended so, None when the text does not say. Flyte counts the system's retries apart from
            the user's: attempts of the other kind come on top.
        exit_code: Of the container.
        reason: Kubernetes' word for the end of the container, ``OOMKilled`` for instance.
        log_end: The end of the task's log, as the pod left it; empty when it left none.
        is_exception: Whether `cause` is the exception that flytekit reported.
    """

    cause: str = ""
    items: str = ""
    kind: str = ""
    attempts: int | None = None
    exit_code: int | None = None
    reason: str = ""
    log_end: str = ""
    is_exception: bool = False

    @classmethod
    def parse(cls, text: str) -> FailureText:
        """Reads any text; what is not Flyte's wrapping is the cause."""
        items = ""
        if found := _ITEMS.match(text):
            items, text = found.group(1), text[found.end() :]
        kind, attempts = "", None
        while found := _ATTEMPTS.match(
            text
        ):  # a failed child is wrapped again by its parent: the innermost is the cause
            kind = found.group(3)
            # The system's counter begins with the first retry, the user's with the first attempt.
            attempts = int(found.group(1)) + (kind == "SYSTEM")
            text = text[found.end() :]
        containers = list(_CONTAINER.finditer(text))
        if containers:
            code, reason, log = _died(containers, text)
            head = text[: containers[0].start()].strip().rstrip(".")
            cause = "" if head == _NOTHING_SAID else head
            return cls(
                cause=cause, items=items, kind=kind, attempts=attempts, exit_code=code, reason=reason, log_end=log
            )
        cause, is_exception = _cause(text)
        return cls(cause=cause, items=items, kind=kind, attempts=attempts, is_exception=is_exception)

    @property
    def death(self) -> str:
        """``exit code 137 (SIGKILL), reason OOMKilled``; empty when no container is said to have ended."""
        if self.exit_code is None:
            return ""
        name = _signal(self.exit_code)
        text = f"exit code {self.exit_code}{f' ({name})' if name else ''}"
        return f"{text}, reason {self.reason}" if self.reason else text

    @property
    def log_line(self) -> str:
        """The last line of the log that says something."""
        return next((line.strip() for line in reversed(self.log_end.splitlines()) if line.strip()), "")


def _died(containers: list[re.Match[str]], text: str) -> tuple[int, str, str]:
    """Exit code, reason and log of the container to blame: one that ran out of memory, else the first that failed."""
    ends: list[tuple[int, str, str]] = []
    for index, found in enumerate(containers):
        stop = containers[index + 1].start() if index + 1 < len(containers) else len(text)
        log = text[found.end() : stop].strip().removesuffix(".")
        ends.append((int(found.group(1) or 0), found.group(2) or "", log.rstrip()))
    return next((end for end in ends if "OOM" in end[1]), next((end for end in ends if end[0]), ends[0]))


def _cause(text: str) -> tuple[str, bool]:
    """The exception behind flytekit's heading, else the last line that says something."""
    if found := _EXCEPTION.search(text):
        return next((line.strip() for line in text[found.end() :].splitlines() if line.strip()), ""), True
    if text.startswith(_TRACE):
        return "", True
    text = _CUT.sub("", text)
    if text.startswith(_NOTHING_SAID):
        return "the pod failed", False
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), ""), False


def _signal(exit_code: int) -> str:
    """The signal an exit code stands for: 128 + n by a shell, -n as a byte (256 - n) by a Python parent."""
    for number in (exit_code - 128, 256 - exit_code):
        try:
            name = signal.Signals(number).name
        except ValueError:
            continue
        if name in _SIGNALS:
            return name
    return ""
