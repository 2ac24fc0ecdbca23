"""Tasks without a Flyte SDK: a container and its command. Inert; `registration/native.py` writes them for the wire.

No Python is needed in the image: Flyte's copilot puts inputs into files before the container starts and reads outputs from files
when it has ended (flyteplugins ``copilot``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from .arguments import need
from .durations import seconds
from .errors import InvalidRequest
from .pod_template import PodTemplate
from .public import public
from .resources import Resources
from .task_checks import check_counts, check_texts, check_variables

__all__ = ["ContainerTask", "ShellTask"]

_SECRET = re.compile(r"[^/]+/[^/]+")


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerTask:
    """A task that runs a command in an image.

    Inputs are files: ``/var/inputs/NAME`` holds the value as text (JSON for structures; the file or folder itself for files and
    folders). In `command` and `arguments`, ``{{.inputs.NAME}}`` stands for the value of a simple input. Outputs are what the
    command leaves as ``/var/outputs/NAME``: simple values of at most 1,024 bytes, files and folders.

    Example:
        >>> task = ContainerTask(
        ...     name="tools.squeeze",
        ...     image="example.com/squeeze:1",
        ...     command=("squeeze", "--level", "{{.inputs.level}}", "/var/inputs/data", "/var/outputs/result"),
        ...     inputs={"level": int, "data": "file"},
        ...     outputs={"result": "file"},
        ...     resources=Resources(cpu="1", mem="2Gi"),
        ...     retries=2,
        ... )
    """

    name: str
    """Fully qualified, as all names in Flyte are: ``"tools.squeeze"``."""
    image: str
    command: tuple[str, ...] = ()
    """None: the image's entry point."""
    arguments: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Name -> type: what `literal_type` takes."""
    outputs: Mapping[str, Any] = field(default_factory=dict)
    """Name -> type; simple types, files and directories: copilot reads no others."""
    env: Mapping[str, str] = field(default_factory=dict)
    resources: Resources | None = None
    """What it is given."""
    limits: Resources | None = None
    """What it may use at most. None: as given."""
    secrets: tuple[str, ...] = ()
    """``group/key`` each, as environment variables."""
    retries: int = 0
    """After failures of its own; the platform retries its own failures by its own rule."""
    timeout: float | timedelta | None = None
    """Seconds for each attempt."""
    cache: bool | str = False
    """A text is the cache version. True: a digest of the task names it, so that a changed task computes anew."""
    cache_serialize: bool = False
    """Of identical tasks at once, one computes and the others wait for it."""
    cache_ignored_inputs: tuple[str, ...] = ()
    """Inputs that make no difference to the cache."""
    interruptible: bool | None = None
    """Whether it may run on nodes that can be taken away. None: as the workflow or the platform says."""
    shared_memory: bool | str = False
    """True: as much as it has memory; a text: that much."""
    pod_template: str | PodTemplate = ""
    """Name of a PodTemplate in the cluster, or the pod itself."""
    service_account: str = ""
    input_path: str = "/var/inputs"
    output_path: str = "/var/outputs"
    description: str = ""
    project: str | None = None
    """None: where it is registered."""
    domain: str | None = None
    version: str | None = None
    """None: the registration's, which is a digest of the content unless one is given."""

    def __post_init__(self) -> None:
        where = f"task {self.name!r}"
        check_texts(self, "name", "image")
        for name in ("command", "arguments", "secrets", "cache_ignored_inputs"):
            value = getattr(self, name)
            if isinstance(value, str) or not all(isinstance(item, str) for item in value):
                raise InvalidRequest(f"{where}: {name} must be a list of texts, got {value!r}")
            object.__setattr__(self, name, tuple(value))
        check_variables(self)
        check_counts(self, "retries")
        object.__setattr__(self, "timeout", seconds(self.timeout, f"{where}: timeout", positive=True))
        for secret in self.secrets:
            if not _SECRET.fullmatch(secret):
                raise InvalidRequest(f"{where}: secret {secret!r}: wanted 'group/key'")
        need(f"{where}: pod_template", self.pod_template, str | PodTemplate, "a name or a PodTemplate")
        unknown = [name for name in self.cache_ignored_inputs if name not in self.inputs]
        if unknown:
            raise InvalidRequest(f"{where}: cache_ignored_inputs names {unknown[0]!r}, which is no input of it")


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class ShellTask:
    """A script for a shell, in an image that has one.

    Each simple input is a shell variable of its name; for a file or folder, it holds the path. ``$outputs`` is the folder
    for outputs. Values never become part of the script's text, so no value can change what it does.

    Example:
        >>> task = ShellTask(
        ...     name="tools.count", image="busybox:1.36", script='wc -l < "$data" > "$outputs/lines"',
        ...     inputs={"data": "file"}, outputs={"lines": int},
        ... )  # fmt: skip
        >>> task.container().command[0]
        '/bin/sh'
    """

    name: str
    script: str
    image: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    shell: tuple[str, ...] = ("/bin/sh", "-eu", "-c")
    """What runs the script, which follows as one argument."""
    options: ContainerTask | None = None
    """Everything else (resources, retries, cache …), taken from this task."""

    def __post_init__(self) -> None:
        if not isinstance(self.script, str) or not self.script.strip():
            raise InvalidRequest(f"task {self.name!r}: script must be a text that is not empty, got {self.script!r}")
        for name in self.inputs:
            if name in ("outputs", "IFS", "PATH", "HOME"):
                raise InvalidRequest(
                    f"task {self.name!r}: an input called {name!r} would hide the shell's own; rename it"
                )
        self.container()

    def container(self) -> ContainerTask:
        """The same as a container task."""
        base = self.options or ContainerTask(name=self.name, image=self.image)
        return replace(
            base,
            name=self.name,
            image=self.image,
            inputs=self.inputs,
            outputs=self.outputs,
            command=(*self.shell, self._script(base)),
        )

    def _script(self, base: ContainerTask) -> str:
        lines = [f'outputs="{base.output_path}"']
        for name, kind in self.inputs.items():
            path = f"{base.input_path}/{name}"
            is_path = kind in ("file", "directory") or getattr(kind, "__name__", "") in _PATHS
            lines.append(f'{name}="{path}"' if is_path else f'{name}="$(cat "{path}")"')
        return "\n".join([*lines, self.script])


_PATHS = frozenset({"FileRef", "DirectoryRef", "Path", "PosixPath", "PathLike", "FlyteFile", "FlyteDirectory"})
