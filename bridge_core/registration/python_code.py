"""Source code as a `Source`: serialised by its own SDK, in an interpreter that has it.

Of what names the content, the context that flytekit packs into dynamic tasks is left out, too: it holds paths of this machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import tasks_pb2
from flyteidl.core import workflow_pb2 as core_workflow_pb2
from google.protobuf import json_format

from ..model.errors import InvalidRequest, Unsupported
from ..model.ids import EntityKind, EntityRef
from .bundle import bundle
from .imported_code import ImportedCode, PythonOptions
from .interpreter import Interpreter
from .spec import Spec, messages_in

if TYPE_CHECKING:
    from .placeholders import Values

__all__ = ["PythonCode", "open_python"]

_SCRIPT = Path(__file__).parent / "scripts" / "serialize_flytekit.py"
_CONTEXT = "_F_SS_C"
"""The variable in which flytekit hands the serialisation context to dynamic tasks (core/constants.py)."""
_MESSAGES: Mapping[str, tuple[EntityKind, Any]] = {
    "task": (EntityKind.TASK, task_pb2.TaskSpec),
    "workflow": (EntityKind.WORKFLOW, workflow_pb2.WorkflowSpec),
    "launch_plan": (EntityKind.LAUNCH_PLAN, launch_plan_pb2.LaunchPlan),
}


def open_python(paths: tuple[Path, ...], python: str, options: PythonOptions) -> PythonCode:
    """Imports the code in that interpreter.

    Raises:
        InvalidRequest: It cannot be imported; shows the user's own frames.
        ConfigError: The interpreter has no flytekit.
        Unsupported: The code is of the Flyte 2 SDK.
    """
    root = options.source_root
    cwd = root or (paths[0] if paths[0].is_dir() else paths[0].parent)
    origin = ", ".join(str(path) for path in paths)
    interpreter = Interpreter(
        python,
        _SCRIPT,
        sdk="flytekit",
        origin=origin,
        cwd=cwd,
        patience=options.patience,
        builds_images=options.build_images,
    )
    try:
        told = interpreter.ask(
            "load",
            sources=[str(path) for path in paths],
            root=str(root or ""),
            copy=options.copy,
            sync_paths=options.sync_local_sys_paths,
        )
        if told["flyte2"] and not told["entities"]:
            raise Unsupported(
                f"{origin} holds code of the Flyte 2 SDK (flyte), and this is a Flyte 1; use flytekit, or register it with a "
                "Flyte 2"
            )
        if not told["entities"]:
            raise InvalidRequest(f"{origin} holds no task, workflow or launch plan")
        if told["images"] and not options.build_images:
            task, image = told["images"][0]
            raise InvalidRequest(
                f"{origin}: task {task} describes its image ({image}, an ImageSpec) instead of naming one; build it and name "
                "it, or register with build_images=True, which lets flytekit build it"
            )
        code = bundle(Path(told["root"]), told["files"]) if options.copy != "none" else None
        return PythonCode(interpreter, options, origin, code, Path(told["root"]), tuple(told["prefixes"]))
    except BaseException:
        interpreter.close()
        raise


class PythonCode(ImportedCode):
    """Code of flytekit."""

    __slots__ = ()

    def _arguments(self, values: Values) -> dict[str, Any]:  # noqa: ARG002 - of the protocol
        return {
            "destination": self._options.destination,
            "git_repo": self._options.git_repo,
            "account": self._options.service_account,
            "raw_data": self._options.raw_data_path,
        }

    def _spec(self, folder: Path, item: Mapping[str, Any], values: Values) -> Spec:  # noqa: ARG002 - of the protocol
        kind, message_type = _MESSAGES[item["kind"]]
        message = message_type()
        message.ParseFromString((folder / item["file"]).read_bytes())
        for node in messages_in(message, core_workflow_pb2.Node):
            node.upstream_node_ids.sort()  # flytekit makes them from a set: in another order, it would be another structure
        identifier = message.id if kind is EntityKind.LAUNCH_PLAN else message.template.id
        ref = EntityRef(kind, identifier.name, identifier.project, identifier.domain, identifier.version)
        stored = message.spec if kind is EntityKind.LAUNCH_PLAN else message
        return Spec(ref, stored, self.origin, bool(item["activate"]))

    def _content(self, spec: Spec, paths: Sequence[str]) -> bytes:
        text = json_format.MessageToJson(_blank(spec.message), sort_keys=True, indent=None)
        for path in paths:
            text = text.replace(path, "")
        return text.encode()


def _blank(stored: Any) -> Any:
    """A copy without what differs between machines."""
    message = type(stored)()
    message.CopyFrom(stored)
    for container in messages_in(message, tasks_pb2.Container):
        kept = [pair for pair in container.env if pair.key != _CONTEXT]
        del container.env[:]
        container.env.extend(kept)
    if isinstance(message, (task_pb2.TaskSpec, workflow_pb2.WorkflowSpec)):
        message.description.ClearField("source_code")
    return message
