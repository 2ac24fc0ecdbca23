"""Launch a task together with what it is: registered first, once per content, so that starting this again runs nothing twice.

Run it against any Flyte, as plain_launch.py. Neither here nor in the image is anything of flytekit needed.
"""

import sys
from datetime import date

from bridge_core import BridgeError, Client, Config, LaunchRequest, ShellTask, run_name

COUNT = ShellTask(
    name="tools.count",
    image="busybox:1.36",
    script='wc -l < "$data" > "$outputs/lines"',
    inputs={"data": "file"},
    outputs={"lines": int},
)


def main(path: str) -> int:
    request = LaunchRequest(
        "task:tools.count",
        inputs={"data": path},
        # Ten characters of the version are put behind it: a changed script is another run, the same one is found again.
        name=run_name("count", path, date.today().isoformat()),  # noqa: DTZ011
        register=COUNT,
    )
    try:
        with Client(Config.auto()) as flyte:
            launched = flyte.launch_or_attach(request)
            print("launched" if launched.created else "attached to", launched.ref)
            flyte.wait(launched.ref, timeout=3600).raise_for_phase()
            print("lines:", flyte.outputs(launched.ref)["lines"])
    except BridgeError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FILE")
    sys.exit(main(sys.argv[1]))
