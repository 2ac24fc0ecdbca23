"""Who launched a run: one schema for Airflow, Dagster, the scheduler, the command line and plain clients.

Whoever cleans up, re-attaches or explains finds runs by it, so it must come back exactly as it was sent. Kubernetes decides
what may be a label (63 characters of few kinds, and one bad label makes a run fail or hang), Flyte 1 takes 16 of them with the
user's, and its filters match one label at a time. So there are few labels, each short, legal and enough for one question;
exact names, which may be any text, are one annotation of JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from .digests import digest_of
from .errors import InvalidRequest
from .public import public

__all__ = [
    "Provenance",
    "label_value",
]

_LABEL_LIMIT = 63
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_READABLE = 44
_DIGEST_CHARS = 16


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """Who launched a run, in the launcher's own names. Empty texts mean "there is no such thing here".

    Example:
        >>> by = Provenance(source="airflow", installation="prod", job="etl", run="manual__1", task="train", part="3")
        >>> Provenance.of(by.labels(), by.annotations()) == by
        True
    """

    SOURCE_LABEL: ClassVar[str] = "flyte-bridge-source"
    """Kind of launcher."""
    ORIGIN_LABEL: ClassVar[str] = "flyte-bridge-origin"
    """`origin`: the same for every run that one piece of work ever had."""
    AWAITED_LABEL: ClassVar[str] = "flyte-bridge-awaited"
    """`label_value` of the installation in which somebody waits for the run. Not there when nobody does."""
    ANNOTATION: ClassVar[str] = "flyte-bridge-provenance"
    """All of it as JSON."""

    source: str
    """``airflow``, ``dagster``, ``scheduler``, ``cli`` or ``client``; others may come. A legal label as it is."""
    installation: str = ""
    """Which Airflow, Dagster or scheduler."""
    job: str = ""
    """DAG id, Dagster job, name of a trigger."""
    run: str = ""
    """DAG run id or Dagster run id."""
    task: str = ""
    """Task id or step key."""
    part: str = ""
    """Map index or partition key."""
    asset: str = ""
    """Asset key."""
    tick: str = ""
    """The time that a schedule fired for, as ISO text."""
    attempt: int | None = None
    """Number of the try that launched it."""
    identity: str = ""
    """Tells this piece of work from another one under the same names: a run that was deleted and made again."""
    url: str = ""
    """Where a person finds the launcher's side of it."""
    awaited: bool = False
    """Whether the launcher waits for the run and wants it aborted when the waiting is given up."""

    def __post_init__(self) -> None:
        if not isinstance(self.source, str) or not _is_label(self.source):
            raise InvalidRequest(
                f"provenance: source {self.source!r} is no legal label value; wanted at most {_LABEL_LIMIT} characters of "
                "A-Z, a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit, for instance 'airflow'"
            )

    @property
    def origin(self) -> str:
        """A digest of what the work is called: every field but the try, the identity, the URL and who waits."""
        names = (self.source, self.installation, self.job, self.run, self.task, self.part, self.asset, self.tick)
        return digest_of(*names, chars=2 * _DIGEST_CHARS)

    def labels(self) -> dict[str, str]:
        """At most three labels, always legal in Kubernetes."""
        out = {self.SOURCE_LABEL: self.source}
        if self._has_names():
            out[self.ORIGIN_LABEL] = self.origin
        if self.awaited:
            out[self.AWAITED_LABEL] = label_value(self.installation)
        return out

    def annotations(self) -> dict[str, str]:
        """One annotation with all that is set; none when there is only a source."""
        told = self.to_dict()
        return {} if set(told) == {"source"} else {self.ANNOTATION: json.dumps(told, separators=(",", ":"))}

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON of what is set."""
        given = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: value for name, value in given.items() if value not in ("", None) and value is not False}

    @classmethod
    def of(cls, labels: Mapping[str, str], annotations: Mapping[str, str]) -> Self | None:
        """Reads it back from a run; None when the run says nothing that we understand. Fields of the future are left out."""
        text = annotations.get(cls.ANNOTATION)
        told: Any = {"source": labels.get(cls.SOURCE_LABEL, "")}
        if text is not None:
            try:
                told = json.loads(text)
            except ValueError:
                return None
        if not isinstance(told, dict):
            return None
        known = {name: value for name, value in told.items() if name in _FIELDS}
        for name, value in known.items():
            if type(value) is not str and not isinstance(value, _KINDS.get(name, str)):
                return None
        try:
            return cls(**known)
        except (InvalidRequest, TypeError):
            return None

    def _has_names(self) -> bool:
        return any((self.installation, self.job, self.run, self.task, self.part, self.asset, self.tick))


_FIELDS = frozenset(item.name for item in fields(Provenance))
_KINDS: Mapping[str, Any] = {"attempt": int | None, "awaited": bool}


def label_value(text: str) -> str:
    """A legal label value for any text: the text itself when it is one, else what is readable of it and a digest."""
    if _is_label(text):
        return text
    readable = re.sub(r"[^A-Za-z0-9]+", "-", text)[:_READABLE].strip("-")
    return f"{readable}-{digest_of(text, chars=_DIGEST_CHARS)}" if readable else digest_of(text, chars=_DIGEST_CHARS)


def _is_label(text: str) -> bool:
    return len(text) <= _LABEL_LIMIT and _LABEL.fullmatch(text) is not None
