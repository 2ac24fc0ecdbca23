"""Tasks of the Flyte 2 SDK, as a user writes them."""

import enum

import flyte

from shop2.numbers import FACTOR

env = flyte.TaskEnvironment(name="shop2", image="python:3.11", description="a shop")


class Shade(enum.Enum):
    DARK = "d"
    LIGHT = "l"


@env.task
async def triple(x: int, y: int = 5) -> int:
    """Three times the sum."""
    return FACTOR * (x + y)


@env.task
async def shade(of: Shade, names: list[str]) -> str:
    return f"{of.name} {len(names)}"


@env.task
async def fails(x: int) -> int:
    raise ValueError(f"negative: {x}")


@env.task
async def parent(n: int) -> list[int]:
    return [await triple(x=number, y=0) for number in range(n)]
