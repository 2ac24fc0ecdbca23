"""What a backend answers, besides what users see: inert values between `backends` and `_operations`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..model.entities import TaskSpec
    from ..model.ids import EntityRef, RunRef
    from ..model.runs import RunSnapshot

__all__ = ["Existing", "Interface", "NodeValues", "SignedUpload", "StoredLiterals"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """One version of an entity, as far as launching it needs."""

    entity: EntityRef
    """Pinned, with project and domain."""
    parameters: Mapping[str, Any]
    """Input name -> ``interface_pb2.Parameter``: type, and default or required."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Input name -> ``literals_pb2.Literal`` that the launch plan fixes."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Output name -> ``types_pb2.LiteralType``."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Launch plans: what they say about further `RunOptions`, by field."""
    active: bool | None = None
    """Launch plans: whether this version is the active one. None for others."""
    workflow: EntityRef | None = None
    """Launch plans and workflows: the workflow, pinned."""
    task: TaskSpec | None = None
    """Tasks: how it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Existing:
    """A run that already has the name we want."""

    snapshot: RunSnapshot
    launched: EntityRef
    """What it was launched from, pinned: a launch plan or a task."""
    fingerprint: str | None
    """Our label on it; None when something else launched it."""
    launch_id: str | None = None
    """Marks the request that made it, when it was ours."""
    origin: tuple[str, RunRef] | None = None
    """``("relaunch", ref)`` or ``("recover", ref)`` when it was made from another run."""
    interface: Interface | None = None
    """Of what it was launched from, as it was then, when the run itself tells. None: ask for that of `launched`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUpload:
    """Where to PUT one object, and what tasks will call it."""

    url: str = field(repr=False)
    uri: str
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLiterals:
    """Inputs or outputs of a run, a node or an attempt. Exactly one of the two is set, unless there are none."""

    literals: Any
    """``literals_pb2.LiteralMap`` that came inline."""
    url: str = field(default="", repr=False)
    """Signed URL of the serialised map, when it was too large to come inline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeValues:
    """What a node, or one attempt of it, was given and gave."""

    phase: str
    """Flyte's own word."""
    inputs: StoredLiterals
    outputs: StoredLiterals
    task: EntityRef | None = None
    """Whose types these values have; None when they are another entity's, or lists of a task's."""
