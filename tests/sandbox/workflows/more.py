"""More of what users write: dynamic workflows, retries, gates, failure handlers, launch plans, eager workflows."""

from __future__ import annotations

import os
import time
from datetime import timedelta

from flytekit import LaunchPlan, dynamic, eager, task, wait_for_input, workflow
from flytekit.exceptions.user import FlyteRecoverableException
from flytekit.types.error import FlyteError


@task
def square(n: int) -> int:
    return n * n


@task(retries=2)
def flaky(n: int) -> int:
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        raise FlyteRecoverableException("not the first time")
    return n + 1


@task
def broken(n: int) -> int:
    if n:
        raise ValueError(f"{n} is wrong")
    return n


@task
def slow(seconds: int) -> int:
    time.sleep(seconds)
    return seconds


@dynamic
def squares(n: int) -> list[int]:
    return [square(n=i) for i in range(n)]


@workflow
def dynamic_and_flaky(n: int = 2) -> tuple[list[int], int]:
    return squares(n=n), flaky(n=n)


@workflow
def failing(n: int) -> int:
    return broken(n=n)


@workflow
def sleeping(seconds: int) -> int:
    return slow(seconds=seconds)


@workflow
def waiting(n: int) -> int:
    given = wait_for_input("number", timeout=timedelta(hours=1), expected_type=int)
    return square(n=given)


@task
def clean_up(n: int, err: FlyteError | None = None) -> None:
    print(f"cleaning up after {err.failed_node_id}: {err.message}")


@workflow(on_failure=clean_up)
def guarded(n: int) -> int:
    return broken(n=n)


square_plan = LaunchPlan.get_or_create(sleeping, "more.sleeping_one", default_inputs={"seconds": 1})


@workflow
def through_a_plan(seconds: int) -> int:
    return square_plan(seconds=seconds)


@eager
async def hurry(n: int) -> int:
    return square(n=square(n=n))
