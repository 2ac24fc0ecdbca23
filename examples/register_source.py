"""Register flytekit code from its source and launch exactly that version. This process never imports flytekit.

    python register_source.py workflows.py .venv-flyte/bin/python

The interpreter is one that has flytekit and what the code imports; it serialises the code in a process of its own.
"""

import sys

from bridge_core import BridgeError, Client, Config, EntityRef, LaunchRequest


def main(source: str, python: str) -> int:
    try:
        with Client(Config.auto()) as flyte:
            report = flyte.register(source, python=python)
            print(f"version {report.version}: {len(report.of('created'))} new, {len(report.of('unchanged'))} unchanged")
            ref = flyte.launch(
                LaunchRequest(
                    EntityRef.launch_plan("workflows.extract", version=report.version),
                    inputs={"day": "2026-11-20", "limit": 100},
                )
            )
            flyte.wait(ref).raise_for_phase()
            print(dict(flyte.outputs(ref)))
    except BridgeError as error:  # code that cannot be imported: its own frames; a run that failed: where it is
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} SOURCE PYTHON")
    sys.exit(main(sys.argv[1], sys.argv[2]))
