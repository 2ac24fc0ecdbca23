"""What a user's project looks like: plain flytekit, knowing nothing of the sandbox or the bridge."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
from flytekit import conditional, map_task, task, workflow
from flytekit.types.file import FlyteFile


@dataclasses.dataclass
class Model:
    name: str
    rate: float
    layers: list[int]


@task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@task
def double(n: int) -> int:
    return n * 2


@task
def describe(model: Model, lines: FlyteFile) -> str:
    count = len(Path(lines).read_text().splitlines())
    return f"{model.name}:{model.rate}:{model.layers[0]}:{count}"


@task
def write(n: int) -> FlyteFile:
    Path("lines.txt").write_text("line\n" * n)
    return FlyteFile("lines.txt")


@task
def grow(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(y=frame["x"] * 10)


@task
def make_frame(n: int) -> pd.DataFrame:
    return pd.DataFrame({"x": list(range(n))})


@workflow
def quadruple(n: int) -> int:
    return double(n=double(n=n))


@workflow
def shapes(numbers: list[int], model: Model) -> tuple[int, str, pd.DataFrame, list[int], int]:
    n = total(numbers=numbers)
    text = describe(model=model, lines=write(n=n))
    frame = grow(frame=make_frame(n=n))
    doubled = map_task(double)(n=numbers)
    last = conditional("size").if_(n > 100).then(double(n=n)).else_().then(quadruple(n=n))
    return n, text, frame, doubled, last
