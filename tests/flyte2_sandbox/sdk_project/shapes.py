"""Tasks of users, one of each shape that the flyte SDK has: what they put out remotely and locally is the same."""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass

import flyte
import flyte.report
from flyte.io import Dir, File

env = flyte.TaskEnvironment(name="shapes", image=flyte.Image.from_base("python:3.11"))
token = flyte.Secret(key="shape-token", as_env_var="SHAPE_TOKEN")
private = flyte.TaskEnvironment(name="private", image=flyte.Image.from_base("python:3.11"), secrets=token)
cached = flyte.TaskEnvironment(name="cached", image=flyte.Image.from_base("python:3.11"), cache="auto")


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


@dataclass
class Order:
    item: str
    size: Size
    count: int = 1


@env.task
async def scaled(x: int, factor: int = 2) -> int:
    return x * factor


@env.task
async def fan_out(n: int = 3) -> list[int]:
    return list(await asyncio.gather(*[scaled(i) for i in range(n)]))


@env.task
def mapped(n: int = 3) -> list[int]:
    return list(flyte.map(scaled, range(n)))


@env.task
async def grouped() -> int:
    with flyte.group("pair"):
        one, two = await asyncio.gather(scaled(1), scaled(2))
    return one + two


@env.task
async def counted(order: Order) -> Order:
    return Order(order.item, order.size, order.count + 1)


@env.task
async def ordered() -> Order:
    return await counted(Order("shirt", Size.LARGE))


@env.task
async def write() -> File:
    file = File.new_remote()
    async with file.open("wb") as target:
        await target.write(b"from afar")
    return file


@env.task
async def read_file() -> str:
    file = await write()
    async with file.open("rb") as source:
        return bytes(await source.read()).decode()


@env.task
async def make_directory() -> Dir:
    import tempfile
    from pathlib import Path

    place = Path(tempfile.mkdtemp())
    (place / "a.txt").write_text("a")
    (place / "b.txt").write_text("b")
    return await Dir.from_local(str(place))


@env.task
async def read_directory() -> list[str]:
    directory = await make_directory()
    return sorted([file.name async for file in directory.walk()])


@flyte.trace
async def doubled(x: int) -> int:
    return 2 * x


@env.task
async def traced() -> int:
    return await doubled(1) + await doubled(2)


@env.task
async def fails(x: int) -> int:
    raise ValueError(f"no {x}")


@env.task
async def caught() -> str:
    try:
        await fails(3)
    except flyte.errors.RuntimeUserError as error:
        return f"caught {error.code}: {str(error).rpartition('ValueError: ')[2][:4]}"
    return "not reached"


@cached.task
async def slow_square(x: int) -> int:
    return x * x


@env.task
async def squares() -> int:
    return await slow_square(7) + await slow_square(7)


env.depends_on.append(cached)


@env.task(report=True)
async def reported() -> int:
    await flyte.report.replace.aio("<h1>done</h1>")
    await flyte.report.flush.aio()
    return 1


@env.task(retries=2)
async def flaky() -> int:
    """Fails until its checkpoint says that it has failed once."""
    from flyte import ctx

    checkpoint = ctx().checkpoint
    if checkpoint is not None and ctx().mode == "remote" and await checkpoint.load() is None:
        await checkpoint.save(b"seen")
        raise RuntimeError("once more")
    return 5


@env.task
async def approved(x: int) -> int:
    condition = await flyte.new_condition.aio("approve", prompt="ok?", data_type=bool)
    return x + 1 if await condition.wait.aio() else -1


@private.task
async def secretive() -> int:
    import os

    return len(os.environ["SHAPE_TOKEN"])
