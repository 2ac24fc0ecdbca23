"""flytekit tasks that report to Dagster: tried again after they did, side by side, held until a test lets them go."""

import time
from pathlib import Path

from flytekit import current_context, map_task, task, workflow
from flytekit.exceptions.user import FlyteRecoverableException

from dagster_integration.in_task import flyte_pipes


@task(retries=2)
def flaky(dies: str) -> int:
    """Its first attempt reports, and fails afterwards ("after"), or in the middle ("within")."""
    import os

    attempt = int(os.environ["FLYTE_ATTEMPT_NUMBER"])
    with flyte_pipes() as pipes:
        pipes.report_asset_materialization(metadata={"attempt": attempt, f"of_{attempt}": True})
        pipes.report_custom_message({"attempt": attempt})
        if attempt == 0 and dies == "within":
            raise FlyteRecoverableException("in the middle")
    if attempt == 0:
        raise FlyteRecoverableException("after it reported")
    return attempt


@workflow
def tried_again(dies: str) -> int:
    return flaky(dies=dies)


@task
def item(n: int) -> int:
    with flyte_pipes() as pipes:
        pipes.log.info("item %d of %s", n, pipes.extras["what"][:5])
        pipes.report_asset_materialization(metadata={"rows": n, "unit": "rows"}, data_version=str(n))
        pipes.report_asset_check("positive", passed=n > 0)
    return n


@workflow
def mapped(ns: list[int]) -> list[int]:
    return map_task(item)(n=ns)


@task
def held(gate: str) -> str:
    with flyte_pipes() as pipes:
        pipes.report_asset_materialization(metadata={"run": str(current_context().execution_id.name)})
        pipes.log.info("reported")
        while not Path(gate).exists():
            time.sleep(0.1)
    return gate


@workflow
def waiting(gate: str) -> str:
    return held(gate=gate)


@task
def silent() -> int:
    return 1


@workflow
def says_nothing() -> int:
    return silent()
