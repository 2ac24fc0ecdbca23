"""Two tasks without any Flyte SDK, here or in the image: a script for a shell, and a container's command.

python -m bridge_core.sandbox --image 'busybox:*=' &      # the embedded Flyte runs commands of this image as they are
python register_native.py README.md
"""

import sys

from bridge_core import (
    BridgeError,
    Client,
    Config,
    ContainerTask,
    EntityRef,
    FileRef,
    LaunchRequest,
    Resources,
    ShellTask,
)

COUNT = ShellTask(
    name="tools.count",
    image="busybox:1.36",
    script='wc -l < "$text" > "$outputs/lines"',  # an input is a variable: the value, or the path of a file
    inputs={"text": FileRef},
    outputs={"lines": int},
)
ADD = ContainerTask(
    name="tools.add",
    image="busybox:1.36",
    command=("/bin/sh", "-c", "echo $(({{.inputs.left}} + {{.inputs.right}})) > /var/outputs/sum"),
    inputs={"left": int, "right": int},
    outputs={"sum": int},
    resources=Resources(cpu="1", mem="128Mi"),
    cache=True,  # as long as the task stays as it is
)


def main(text: str) -> int:
    try:
        with Client(Config.auto()) as flyte:
            version = flyte.register([COUNT, ADD]).version
            for name, inputs in (("tools.count", {"text": text}), ("tools.add", {"left": 40, "right": 2})):
                ref = flyte.launch(LaunchRequest(EntityRef.task(name, version=version), inputs=inputs))
                flyte.wait(ref).raise_for_phase()
                print(name, dict(flyte.outputs(ref)))
    except BridgeError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FILE")
    sys.exit(main(sys.argv[1]))
