"""Source code as a `Source`: serialised by its own SDK, in an interpreter that has it.

What names the content must be the same on every machine, in every folder and for every interpreter of one minor version: it is a
digest of the code archive and of the entities as they are serialised for no project, no domain, no version and no archive, with
paths of this machine and the context that flytekit packs into dynamic tasks (which holds such paths) left out.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import tasks_pb2
from flyteidl.core import workflow_pb2 as core_workflow_pb2
from google.protobuf import json_format

from ..model.errors import ConfigError, InvalidRequest, Unsupported
from ..model.ids import EntityKind, EntityRef
from .bundle import bundle
from .interpreter import Interpreter
from .placeholders import BLANK, Values
from .source import Code, version_of
from .spec import Spec, messages_in

__all__ = ["PythonCode", "PythonOptions", "open_python"]

_SCRIPT = Path(__file__).parent / "scripts" / "serialize_flytekit.py"
_CONTEXT = "_F_SS_C"
"""The variable in which flytekit hands the serialisation context to dynamic tasks (core/constants.py)."""
_MESSAGES: Mapping[str, tuple[EntityKind, Any]] = {
    "task": (EntityKind.TASK, task_pb2.TaskSpec),
    "workflow": (EntityKind.WORKFLOW, workflow_pb2.WorkflowSpec),
    "launch_plan": (EntityKind.LAUNCH_PLAN, launch_plan_pb2.LaunchPlan),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonOptions:
    """How code is serialised; see `Client.register`."""

    images: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None
    source_root: Path | None = None
    destination: str = "/root"
    copy: str = "auto"
    git_repo: str | None = None
    raw_data_path: str | None = None
    service_account: str | None = None
    build_images: bool = False
    patience: float = 600.0
    sync_local_sys_paths: bool = True


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
    interpreter = Interpreter(python, _SCRIPT, cwd=cwd, patience=options.patience, builds_images=options.build_images)
    try:
        said = interpreter.ask(
            "load",
            sources=[str(path) for path in paths],
            root=str(root or ""),
            copy=options.copy,
            sync_paths=options.sync_local_sys_paths,
        )
        told = _answer(said, interpreter, origin)
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


@dataclass(slots=True)
class PythonCode:
    """Code that was imported. Holds its interpreter until `close`."""

    _interpreter: Interpreter
    _options: PythonOptions
    origin: str
    code: Code | None
    _root: Path
    _prefixes: tuple[str, ...]
    _digest: str = field(default="", init=False)
    _draft: list[Spec] | None = field(default=None, init=False)

    @property
    def digest(self) -> str:
        """See the module."""
        if not self._digest:
            content = hashlib.sha256()
            paths = sorted({str(self._root), str(self._root.resolve()), *self._prefixes}, key=len, reverse=True)
            for spec in self.draft():
                text = json_format.MessageToJson(_blank(spec.message), sort_keys=True, indent=None)
                for path in paths:
                    text = text.replace(path, "")
                content.update(f"{spec.ref}\0{text}\0".encode())
            if self.code is not None:
                content.update(self.code.name.encode())
            self._digest = version_of(content)
        return self._digest

    def draft(self) -> list[Spec]:
        """Serialised for no project, domain, version and archive; once."""
        if self._draft is None:
            self._draft = self.specs(BLANK)
        return self._draft

    def specs(self, values: Values) -> list[Spec]:
        """Serialises for these values."""
        with tempfile.TemporaryDirectory(prefix="flyte-bridge-") as folder:
            told = _answer(
                self._interpreter.ask(
                    "serialize",
                    project=values.project,
                    domain=values.domain,
                    version=values.version,
                    images=list(self._options.images),
                    env=dict(self._options.env) if self._options.env else None,
                    destination=self._options.destination,
                    code=values.code if self.code is not None else "",
                    git_repo=self._options.git_repo,
                    account=self._options.service_account,
                    raw_data=self._options.raw_data_path,
                    folder=folder,
                ),
                self._interpreter,
                self.origin,
            )
            return [_spec(Path(folder), item, self.origin) for item in told["entities"]]

    def close(self) -> None:
        """Ends the interpreter."""
        self._interpreter.close()


def _spec(folder: Path, item: Mapping[str, Any], origin: str) -> Spec:
    kind, message_type = _MESSAGES[item["kind"]]
    message = message_type()
    message.ParseFromString((folder / item["file"]).read_bytes())
    for node in messages_in(message, core_workflow_pb2.Node):
        node.upstream_node_ids.sort()  # flytekit makes them from a set: in another order, it would be another structure
    identifier = message.id if kind is EntityKind.LAUNCH_PLAN else message.template.id
    ref = EntityRef(kind, identifier.name, identifier.project, identifier.domain, identifier.version)
    return Spec(ref, message.spec if kind is EntityKind.LAUNCH_PLAN else message, origin, bool(item["activate"]))


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


def _answer(told: dict[str, Any], interpreter: Interpreter, origin: str) -> dict[str, Any]:
    if told["ok"]:
        return told
    if told["kind"] == "sdk":
        raise ConfigError(
            f"the interpreter {interpreter.python} cannot import flytekit ({told['error']}); name one that can with "
            "python='/path/to/venv/bin/python' (on the command line: --python)"
        )
    if told["kind"] == "root":
        raise InvalidRequest(f"{told['error']}; choose a source_root= above it")
    raise InvalidRequest(f"{origin} cannot be imported or serialised by {interpreter.python}:\n{told['error']}")
