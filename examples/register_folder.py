"""Look at what registering a folder of serialised entities would change, then do it. Its content names the version.

pyflyte --pkgs workflows package --image registry.example.com/flows:v1.4.0 --output flows.tgz
mkdir flows && tar -xzf flows.tgz -C flows
python register_folder.py flows
"""

import sys

from bridge_core import BridgeError, Client, Config


def main(folder: str) -> int:
    try:
        with Client(Config.auto()) as flyte:
            planned = flyte.register(folder, dry_run=True)
            new = planned.of("created")
            print(f"{len(new)} of {len(planned.entities)} entities are new in version {planned.version}")
            if new:
                done = flyte.register(folder)
                print("\n".join(f"{item.outcome} {item.ref}" for item in done.entities))
    except BridgeError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FOLDER")
    sys.exit(main(sys.argv[1]))
