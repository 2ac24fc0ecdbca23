"""The Flyte 2 part of the demo: plain code of its SDK, as a user would write it. Each ``letter`` is an action of its own."""

import asyncio

import flyte

env = flyte.TaskEnvironment(name="demo", image="python:3.11")


@env.task
async def letter(value: float) -> str:
    """One value, graded."""
    return "A" if value >= 4 else "B" if value >= 2 else "C"


@env.task
async def grade(scaled: list[float]) -> str:
    """All of them, side by side."""
    return "".join(await asyncio.gather(*(letter(value) for value in scaled)))
