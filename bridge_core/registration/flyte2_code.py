"""Code of the Flyte 2 SDK as a `Source`: serialised by that SDK in an interpreter that has it. Its messages stay bytes here: what
they mean is the backend's affair, and this room knows one wire only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest
from ..model.ids import EntityRef
from .bundle import bundle
from .imported_code import ImportedCode
from .interpreter import Interpreter
from .spec import Spec

if TYPE_CHECKING:
    from .imported_code import PythonOptions
    from .placeholders import Values

__all__ = ["Flyte2Code", "open_flyte2"]

_SCRIPT = Path(__file__).parent / "scripts" / "serialize_flyte.py"


def open_flyte2(paths: tuple[Path, ...], python: str, options: PythonOptions) -> Flyte2Code:
    """Imports the code in that interpreter.

    Raises:
        InvalidRequest: It cannot be imported, or describes images; shows the user's own frames.
        ConfigError: The interpreter has no flyte.
    """
    root = options.source_root
    cwd = root or (paths[0] if paths[0].is_dir() else paths[0].parent)
    origin = ", ".join(str(path) for path in paths)
    interpreter = Interpreter(
        python, _SCRIPT, sdk="flyte", origin=origin, cwd=cwd, patience=options.patience, builds_images=False
    )
    try:
        told = interpreter.ask("load", sources=[str(path) for path in paths], root=str(root or ""), copy=options.copy)
        if not told["entities"]:
            raise InvalidRequest(f"{origin} holds no task of a flyte.TaskEnvironment")
        if told["images"] and not options.images:
            task, image = told["images"][0]
            raise InvalidRequest(
                f"{origin}: task {task} describes its image ({image}) instead of naming one; build it with 'flyte build', and "
                "name it: images={'<environment>': 'uri'}, or images='uri' for all"
            )
        code = bundle(Path(told["root"]), told["files"]) if options.copy != "none" else None
        return Flyte2Code(interpreter, options, origin, code, Path(told["root"]), tuple(told["prefixes"]))
    except BaseException:
        interpreter.close()
        raise


class Flyte2Code(ImportedCode):
    """Code of the Flyte 2 SDK."""

    __slots__ = ()

    def _arguments(self, values: Values) -> dict[str, Any]:
        return {"destination": values.destination}

    def _spec(self, folder: Path, item: Mapping[str, Any], values: Values) -> Spec:
        message = (folder / item["file"]).read_bytes()
        where = {"project": values.project, "domain": values.domain, "version": values.version}
        if "task" not in item:
            return Spec(EntityRef.task(item["name"], **where), message, self.origin)
        trigger, task = EntityRef.launch_plan(item["name"], **where), EntityRef.task(item["task"], **where)
        return Spec(trigger, message, self.origin, activate=bool(item["active"]), needs=(task,))

    def _content(self, spec: Spec, paths: Sequence[str]) -> bytes:
        raw = spec.message
        assert isinstance(raw, bytes)
        for path in paths:
            raw = raw.replace(path.encode(), b"")
        return raw
