"""What a connector is asked to run: `TaskTemplate` and `TaskInputs`, plain values around what Flyte sent."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..model.ids import EntityRef
from .public import public

__all__ = ["TaskContainer", "TaskInputs", "TaskTemplate", "render_task_template"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskContainer:
    """The container of a task that has one."""

    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTemplate:
    """A registered task, as far as connectors need it; `message` has the rest."""

    type: str
    id: EntityRef | None = None
    task_type_version: int = 0
    custom: Mapping[str, Any] = field(default_factory=dict)
    """What the task's author configured, as plain data. Whole numbers are ints, though the wire knows floats only."""
    config: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Name -> ``LiteralType``."""
    outputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """Name -> ``LiteralType``."""
    container: TaskContainer | None = None
    retries: int = 0
    timeout: float | None = None
    """Seconds for each attempt; Flyte itself ends it then."""
    message: Any = field(default=None, repr=False, compare=False)
    """flyteidl's ``TaskTemplate``, whole."""

    @property
    def name(self) -> str:
        """Of the task; ``unnamed`` where nobody named it."""
        return self.id.name if self.id is not None else "unnamed"


@public
class TaskInputs(Mapping[str, Any]):
    """The inputs of a task: name -> Python value, decoded by the declared type when it is asked for.

    Attributes:
        literals: The same as flyteidl's literals, for what has no Python form.
    """

    def __init__(self, literals: Mapping[str, Any], decode: Callable[[str], Any]) -> None:
        self.literals = literals
        self._decode = decode
        self._values: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.literals:
            raise KeyError(f"no input {name!r}; the task was given {', '.join(sorted(self.literals)) or 'none'}")
        if name not in self._values:
            self._values[name] = self._decode(name)
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.literals)

    def __len__(self) -> int:
        return len(self.literals)

    def __repr__(self) -> str:
        return f"TaskInputs({', '.join(sorted(self.literals))})"  # no values: inputs may be private


@public
def render_task_template(template: TaskTemplate, prefix: str) -> TaskTemplate:
    """A template whose container's arguments name files below a prefix, for jobs that run a container somewhere else.

    FlytePropeller fills these in before it asks a connector; local runs do not.

    Args:
        template: As it was registered; returned as it is when it has no container.
        prefix: URI below which the inputs are and the outputs go.
    """
    if template.container is None:
        return template
    names = {
        "{{.input}}": f"{prefix}/inputs.pb",
        "{{.outputPrefix}}": prefix,
        "{{.rawOutputDataPrefix}}": f"{prefix}/raw_output",
        "{{.checkpointOutputPrefix}}": f"{prefix}/checkpoint_output",
        "{{.prevCheckpointPrefix}}": f"{prefix}/prev_checkpoint",
    }
    args = []
    for given in template.container.args:
        text = given
        for name, value in names.items():
            text = text.replace(name, value)
        args.append(text)
    message = type(template.message).FromString(template.message.SerializeToString()) if template.message else None
    if message is not None:
        message.container.args[:] = args
    container = dataclasses.replace(template.container, args=tuple(args))
    return dataclasses.replace(template, container=container, message=message)
