"""A task of the Flyte 2 SDK that waits for an answer."""

import flyte

env = flyte.TaskEnvironment(name="gated2", image="python:3.11")


@env.task
async def approved(x: int) -> int:
    condition = await flyte.new_condition.aio("approve", prompt="ok?", data_type=bool)
    return x + 1 if await condition.wait.aio() else -1
