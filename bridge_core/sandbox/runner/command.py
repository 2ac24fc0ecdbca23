"""What is executed for a task: the container's command line, made to run flat on this machine.

*Flat*: for ``pyflyte-fast-execute --additional-distribution A --dest-dir D -- pyflyte-execute …`` the sandbox places the code
itself and runs only the inner command, which saves a whole Python start. ``D`` is never used: users pass ``/root`` or ``.``
and mean a directory inside a container; unpacking there would write over the host.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from ..model.outcome import Failure, unsupported

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .images import Images

__all__ = ["Command", "command_of", "flattened"]

_FAST = "pyflyte-fast-execute"
_FLYTEKITS = frozenset({"pyflyte-execute", "pyflyte-map-execute"})


@dataclass(frozen=True, slots=True)
class Command:
    """A command line with the environment that belongs to it."""

    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)
    distribution: str | None = None
    """Native URL of the code to place into the working directory first."""
    data: Any = None
    """DataLoadingConfig of a raw container: its inputs and outputs are files."""
    destination: str = ""
    """Folder of the container that the code would be unpacked in."""

    def paths(self, env: Mapping[str, str], code: Path | None) -> list[str]:
        """``PYTHONPATH`` of the container's environment, with the folder where the code really lies."""
        folder, out = self.destination.rstrip("/"), []
        for entry in filter(None, env.get("PYTHONPATH", "").split(":")):
            inside = code is not None and folder and f"{entry}/".startswith(f"{folder}/")
            out.append(f"{code}{entry[len(folder) :]}" if inside else entry)
        return out


def command_of(task: Any, images: Images) -> Command:
    """The command line of a task template, templates not yet filled in.

    Args:
        task: The template.
        images: What stands in for the images of raw containers.

    Raises:
        Failure: The task is of a kind that needs a cluster.
    """
    target = task.WhichOneof("target")
    if target == "container":
        env = {pair.key: pair.value for pair in task.container.env}
        if task.container.data_config.enabled:
            local = _of_image(task, task.container.image, images)
            argv = [*local, *task.container.command, *task.container.args]
            return Command(argv, env, data=task.container.data_config)
        return Command([*task.container.command, *task.container.args], env)
    if target == "k8s_pod":
        spec = json_format.MessageToDict(task.k8s_pod.pod_spec)
        name = task.k8s_pod.primary_container_name or task.config.get("primary_container_name", "primary")
        for container in spec.get("containers", ()):
            if container.get("name") == name:
                env = {pair["name"]: pair.get("value", "") for pair in container.get("env", ())}
                argv = [*container.get("command", ()), *container.get("args", ())]
                if task.k8s_pod.data_config.enabled:
                    argv = [*_of_image(task, container.get("image", ""), images), *argv]
                    return Command(argv, env, data=task.k8s_pod.data_config)
                return Command(argv, env)
        raise unsupported(f"task {task.id.name!r} has a pod without its primary container {name!r}")
    raise unsupported(
        f"task {task.id.name!r} is of type {task.type!r} and has no container to run: a connector, or a plugin of the cluster"
    )


def _of_image(task: Any, image: str, images: Images) -> Sequence[str]:
    """What stands for a raw container's image on this machine."""
    local = images.command(image)
    if local is None:
        raise unsupported(
            f"task {task.id.name!r} is a raw container, and its image {image!r} is not mapped to a command of this "
            f"machine (Sandbox(images={{{image!r}: []}}), --image)"
        )
    return local


def flattened(command: Command, bin_directory: Path) -> Command:
    """The command without its fast-registration wrapper, its program taken from the task interpreter's ``bin``.

    Raises:
        Failure: There is nothing to run, or the wrapper has another form than flytekit's.
    """
    argv, distribution, destination = command.argv, None, ""
    if argv and Path(argv[0]).name == _FAST:
        try:
            distribution = argv[argv.index("--additional-distribution") + 1]
            destination = argv[argv.index("--dest-dir") + 1] if "--dest-dir" in argv else ""
            argv = argv[argv.index("--") + 1 :]
        except (ValueError, IndexError):
            raise unsupported(f"the command line {' '.join(argv)!r}") from None
        if "--resolver" in argv:  # dynamic tasks hand the distribution on to the tasks they make
            at = argv.index("--resolver")
            argv = [*argv[:at], "--dynamic-addl-distro", distribution, "--dynamic-dest-dir", ".", *argv[at:]]
    if not argv:
        raise unsupported("a container without a command and arguments")
    program = bin_directory / argv[0]
    if "/" not in argv[0] and program.exists():
        argv = [str(program), *argv[1:]]
    elif argv[0] in _FLYTEKITS and shutil.which(argv[0]) is None:
        raise Failure(
            "FlytekitMissing",
            f"{argv[0]} is not in {bin_directory}: install flytekit for the interpreter there, or choose another one "
            "with --python",
        )
    return Command(argv, command.env, distribution, command.data, destination)
