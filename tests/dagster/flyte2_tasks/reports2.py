"""Tasks of the flyte SDK that report to Dagster: the first attempt of each reports, and fails afterwards."""

import os

import flyte

from dagster_integration.in_task import flyte_pipes

env = flyte.TaskEnvironment(name="reports2")


@env.task(retries=2)
async def item(n: int) -> int:
    attempt = int(os.environ["FLYTE_ATTEMPT_NUMBER"])
    with flyte_pipes() as pipes:
        pipes.report_asset_materialization(metadata={"rows": n, "attempt": attempt})
    if attempt == 0:
        raise RuntimeError("after it reported")
    return n


@env.task
async def both(day: str) -> int:
    with flyte_pipes() as pipes:
        pipes.log.info("of %s", pipes.extras["day"])
    return await item(n=1) + await item(n=2)
