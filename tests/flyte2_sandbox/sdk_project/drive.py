"""Run by the interpreter with the flyte SDK: runs tasks remotely and locally, and prints what they put out as JSON.

drive.py ENDPOINT TASK…
"""

from __future__ import annotations

import dataclasses
import enum
import json
import sys
from pathlib import Path


def plain(value):
    if dataclasses.is_dataclass(value):  # remotely of a class that the SDK has guessed
        return {name: plain(item) for name, item in vars(value).items()}
    return value.value if isinstance(value, enum.Enum) else value


def main():
    endpoint, *names = sys.argv[1:]
    import flyte
    import shapes

    flyte.init(
        endpoint=endpoint,
        insecure=True,
        org="local",
        project="flytesnacks",
        domain="development",
        root_dir=Path(__file__).parent,
    )
    runs = {name: flyte.run(getattr(shapes, name)) for name in names}
    found = {}
    for name, run in runs.items():
        run.wait(quiet=True)
        task = getattr(shapes, name)
        local = flyte.with_runcontext(mode="local").run(task).outputs()
        remote = flyte.remote.Run.get(run.name).outputs()
        found[name] = {
            "run": run.name,
            "phase": run.phase.value,
            "remote": [plain(value) for value in remote],
            "local": [plain(value) for value in local],
        }
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()
