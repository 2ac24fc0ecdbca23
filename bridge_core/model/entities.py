"""What a registered entity takes and gives, for people: no wire types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .public import public

if TYPE_CHECKING:
    from datetime import timedelta

    from .graph import WorkflowGraph
    from .ids import EntityRef

__all__ = ["Entity", "InputSpec", "TaskSpec"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class InputSpec:
    """One input of an entity."""

    type: str
    """As messages show it: ``integer``, ``list[string]``, ``file (csv)``."""
    required: bool
    default: Any = None
    """Decoded default; None when there is none."""
    description: str = ""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """How a task runs, as it was registered."""

    type: str
    """``python-task``, ``container``, ``sql`` …: whose plugin runs it."""
    image: str = ""
    command: tuple[str, ...] = ()
    """The container's command and its arguments."""
    requests: Mapping[str, str] = field(default_factory=dict)
    """What is asked for of ``cpu``, ``memory``, ``gpu``, ``ephemeral_storage``: Kubernetes' quantities."""
    limits: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    retries: int = 0
    """After errors of the user's that may pass."""
    timeout: timedelta | None = None
    """Of one attempt; None for none."""
    cache: bool = False
    cache_version: str = ""
    cache_serialize: bool = False
    """Whether runs that would do the same wait for one of them."""
    interruptible: bool | None = None
    """None: as the launch or the server says."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One version of a task, workflow or launch plan."""

    ref: EntityRef
    """Pinned to its version, with project and domain."""
    inputs: Mapping[str, InputSpec]
    outputs: Mapping[str, str]
    """Output name -> type, as messages show it."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Inputs that the launch plan fixes, decoded."""
    active: bool | None = None
    """Launch plans: whether this version is the active one. None for others."""
    description: str = ""
    """What its author wrote about it, when Flyte keeps that."""
    graph: WorkflowGraph | None = None
    """Nodes and edges of a workflow, and of the workflow of a launch plan. None for tasks."""
    task: TaskSpec | None = None
    """How a task runs. None for others."""
