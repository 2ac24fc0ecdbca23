"""Workflows that launch plans are made of."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from flytekit import task, workflow
from flytekit.types.file import FlyteFile


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Model:
    layers: int
    rate: float = 0.5


@task
def describe(top: int, word: str, rate: float, sizes: list[int]) -> str:
    return f"{top} {word} {rate} {sizes}"


@workflow
def report(top: int, word: str = "none", rate: float = 0.5, sizes: list[int] = [1]) -> str:  # noqa: B006
    """Reports.

    Args:
        top: How many.
        word: What is said.
    """
    return describe(top=top, word=word, rate=rate, sizes=sizes)


@task
def look(  # noqa: PLR0917
    day: datetime,
    wait: timedelta,
    model: Model,
    size: Size,
    table: dict[str, int],
    file: FlyteFile,
    maybe: int | None,
) -> str:
    return f"{model.layers} {size} {table} {maybe}"


@workflow
def rich(  # noqa: PLR0917
    day: datetime,
    wait: timedelta,
    model: Model,
    table: dict[str, int],
    file: FlyteFile,
    size: Size = Size.SMALL,
    maybe: int | None = None,
) -> str:
    return look(day=day, wait=wait, model=model, size=size, table=table, file=file, maybe=maybe)
