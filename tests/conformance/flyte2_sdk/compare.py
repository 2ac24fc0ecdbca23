"""Run by the interpreter with the flyte SDK: what a run put out, and what the same task puts out when it runs locally.

compare.py RUN FILE TASK: prints one line of JSON: whether both are equal, and both as text.
"""

from __future__ import annotations

import asyncio
import dataclasses
import enum
import importlib
import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """A value without its classes: a remote output may come back as what its type could be guessed to be."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, enum.Enum):
        return value.name
    if type(value).__name__ in ("File", "Dir") and hasattr(value, "path"):
        return content(Path(str(value.path).removeprefix("file://")))
    if hasattr(value, "model_dump"):
        return plain(dict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    return value if isinstance(value, int | float | str | bool | None) else str(value)


def content(path: Path) -> Any:
    if path.is_dir():
        return {
            str(file.relative_to(path)): file.read_text(errors="replace")
            for file in sorted(path.rglob("*"))
            if file.is_file()
        }
    return path.read_text(errors="replace")


def data_of(run: str) -> Any:
    """Inputs and outputs as the server has them."""
    from flyteidl2.dataproxy import dataproxy_service_pb2

    request = dataproxy_service_pb2.GetActionDataRequest()
    request.action_id.name, request.action_id.run.name = "a0", run
    request.action_id.run.project, request.action_id.run.domain = "flytesnacks", "development"
    url = f"http://{os.environ['COMPARE_ENDPOINT']}/flyteidl2.dataproxy.DataProxyService/GetActionData"
    call = urllib.request.Request(url, request.SerializeToString(), {"content-type": "application/proto"})
    with urllib.request.urlopen(call) as answer:
        return dataproxy_service_pb2.GetActionDataResponse.FromString(answer.read())


def main() -> None:
    run, file, task = sys.argv[1:4]
    import flyte
    from flyte._internal.runtime.convert import Inputs, Outputs, convert_inputs_to_native, convert_outputs_to_native

    flyte.init_from_config(root_dir=Path.cwd())
    sys.path.insert(0, str(Path(file).parent))
    found = getattr(importlib.import_module(Path(file).stem), task)
    data = data_of(run)
    interface = found.native_interface
    inputs = asyncio.run(convert_inputs_to_native(Inputs(data.inputs), interface))
    remote = asyncio.run(convert_outputs_to_native(interface, Outputs(data.outputs)))
    local = flyte.with_runcontext(mode="local").run(found, **inputs).outputs()
    there, here = plain(remote), plain(tuple(local))
    if len(interface.outputs) <= 1:
        here = here[0] if here else None
    print("\n" + json.dumps({"equal": there == here, "remote": str(there)[:300], "local": str(here)[:300]}))


if __name__ == "__main__":
    main()
