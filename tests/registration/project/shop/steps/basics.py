"""Tasks and workflows in the shape of flytekit's examples."""

import typing
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum

from flytekit import Cache, Resources, Secret, conditional, dynamic, map_task, task, workflow

from shop.numbers import scaled


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Model:
    layers: int
    rate: float = 0.5
    names: list[str] = field(default_factory=list)


@task
def double(value: int) -> int:
    """Doubles.

    What is longer than a line.
    """
    return scaled(value)


@task(retries=2, timeout=timedelta(minutes=5), interruptible=True, requests=Resources(cpu="500m", mem="128Mi"))
def add(left: int, right: int = 3) -> int:
    return left + right


@task(cache=Cache(version="1", serialize=True), environment={"MODE": "test"})
def describe(model: Model, colour: Colour = Colour.RED) -> str:
    return f"{model.layers} {colour.value}"


@task(secret_requests=[Secret(group="g", key="k")], limits=Resources(mem="1Gi"))
def both(table: typing.Dict[str, int] = None) -> typing.NamedTuple("Out", total=int, name=str):
    return sum((table or {}).values()), "total"


@task
def maybe(value: int | None = None) -> int | str:
    return value if value is not None else "none"


@dynamic
def many(count: int) -> list[int]:
    return [double(value=number) for number in range(count)]


@workflow
def inner(value: int) -> int:
    return add(left=double(value=value), right=1)


@workflow
def outer(value: int = 4) -> tuple[int, list[int], str]:
    first = inner(value=value)
    second = add(left=first, right=first).with_overrides(node_name="second", retries=1)
    third = describe(model=Model(layers=2))
    first >> third
    second >> third
    return second, many(count=2), third


@workflow
def mapped(values: list[int]) -> list[int | None]:
    return map_task(double, concurrency=2, min_success_ratio=0.5)(value=values)


@workflow
def chosen(value: int) -> int:
    return (
        conditional("size")
        .if_(value > 10)
        .then(double(value=value))
        .elif_(value == 0)
        .then(add(left=1, right=1))
        .else_()
        .then(inner(value=value))
    )
