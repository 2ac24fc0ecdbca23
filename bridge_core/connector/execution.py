"""Whose job it is: `TaskExecutionMetadata`, as Flyte sends it with every task that a connector starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model.ids import EntityRef, RunRef
from .public import public

__all__ = ["Identity", "NodeExecutionId", "TaskExecutionId", "TaskExecutionMetadata"]


@public
@dataclass(frozen=True, slots=True)
class NodeExecutionId:
    """A node of a run (Flyte 2: an action)."""

    node_id: str
    execution_id: RunRef


@public
@dataclass(frozen=True, slots=True)
class TaskExecutionId:
    """One attempt of one task in one run: what names a job before it exists."""

    node_execution_id: NodeExecutionId
    task_id: EntityRef | None = None
    retry_attempt: int = 0
    """0 for the first."""

    @property
    def run(self) -> RunRef:
        """The run that wants the job."""
        return self.node_execution_id.execution_id

    def __str__(self) -> str:
        run = self.run
        where = "/".join((run.project or "", run.domain or "", run.name))
        return f"{where}/{self.node_execution_id.node_id}/{self.retry_attempt}"


@public
@dataclass(frozen=True, slots=True)
class Identity:
    """As whom the run acts."""

    iam_role: str = ""
    k8s_service_account: str = ""
    execution_identity: str = ""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskExecutionMetadata:
    """What Flyte says about the run when it starts a task. Names are flytekit's.

    Example:
        >>> metadata = TaskExecutionMetadata.of("flytesnacks", "development", "a7f3c0", node_id="n0")
        >>> str(metadata.task_execution_id)
        'flytesnacks/development/a7f3c0/n0/0'
    """

    task_execution_id: TaskExecutionId | None = None
    """None: Flyte did not say, as when a task runs locally. There is then nothing to be idempotent by."""
    namespace: str = ""
    """Of Kubernetes, where pods of the run live."""
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    k8s_service_account: str = ""
    environment_variables: Mapping[str, str] = field(default_factory=dict)
    max_attempts: int = 0
    """How often the task may be tried; 0: unknown."""
    interruptible: bool = False
    identity: Identity = Identity()
    message: Any = field(default=None, repr=False, compare=False)
    """flyteidl's ``TaskExecutionMetadata``, whole; None when it was made here."""

    @classmethod
    def of(
        cls, project: str, domain: str, name: str, *, node_id: str = "n0", retry_attempt: int = 0
    ) -> TaskExecutionMetadata:
        """Of a run that is named by hand: for tests, and for local runs that shall be found again."""
        node = NodeExecutionId(node_id, RunRef(project, domain, name))
        return cls(task_execution_id=TaskExecutionId(node, retry_attempt=retry_attempt))
