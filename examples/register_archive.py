"""Register what `pyflyte package` wrote, as one release: the archive that CI built is what production gets.

    pyflyte --pkgs workflows package --image registry.example.com/flows:v1.4.0 --output flows.tgz
    python register_archive.py flows.tgz v1.4.0

Which Flyte: FLYTE_* variables, or ~/.flyte/config.yaml. No flytekit is needed here.
"""

import sys

from bridge_core import BridgeError, Client, Config


def main(archive: str, version: str) -> int:
    try:
        with Client(Config.auto()) as flyte:
            report = flyte.register(archive, version=version, activate=True)
    except BridgeError as error:  # a damaged archive, a version that holds something else: nothing was written
        print(error)
        return 1
    for item in report.entities:
        print(item.outcome, item.ref)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: {sys.argv[0]} ARCHIVE VERSION")
    sys.exit(main(sys.argv[1], sys.argv[2]))
