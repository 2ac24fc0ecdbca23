"""The code location of the tests of `flyte_executor`: steps of Flyte, whose runs a test holds, and steps that are none."""

import os
import time
from pathlib import Path

import dagster as dg

from dagster_integration import (
    FlyteResource,
    FlyteRun,
    build_flyte_assets,
    build_flyte_multi_asset,
    flyte_assets,
    flyte_executor,
)

ENTITY = os.environ["TEST_FLYTE_ENTITY"]
STARTS = Path(os.environ["TEST_STARTS"])
CROWD = int(os.environ["TEST_CROWD"])


def held(name: str, number: int, **more: object) -> dg.AssetsDefinition:
    return build_flyte_assets(ENTITY, name=name, inputs={"n": number}, poll_interval=0.2, **more)  # type: ignore[arg-type]


@flyte_assets(ENTITY, poll_interval=0.2)
def speaks() -> dict[str, int]:
    print("speaks gives its inputs")
    os.system("echo speaks through a process")
    return {"n": 1}


retried = held("retried", 2, retry_policy=dg.RetryPolicy(max_retries=1), retry_on=["user"])
pooled = [held(f"pooled_{number}", 10 + number, pool="one_at_a_time") for number in range(2)]
tagged = [held(f"tagged_{number}", 20 + number, op_tags={"kind": "heavy"}) for number in range(2)]


@dg.asset
def elsewhere(speaks: object) -> int:
    print(f"elsewhere was given {speaks}")
    return os.getpid()


@dg.asset
def sleeps() -> None:
    with STARTS.open("a") as file:
        file.write(f"{os.getpid()}\n")
    while len(STARTS.read_text().split()) < 2:
        time.sleep(0.1)


crowd = [held(f"crowd_{number}", number) for number in range(CROWD)]
together = build_flyte_multi_asset(
    {f"together_{number}": FlyteRun(ENTITY, inputs={"n": number}) for number in range(CROWD)},
    name="together",
    poll_interval=0.2,
)
LIMITS = {"tag_concurrency_limits": [{"key": "kind", "value": "heavy", "limit": 1}]}

defs = dg.Definitions(
    assets=[speaks, retried, *pooled, *tagged, elsewhere, sleeps, *crowd, together],
    jobs=[
        dg.define_asset_job(
            "mixed", [speaks, elsewhere, retried, *pooled, *tagged], executor_def=flyte_executor.configured(LIMITS)
        ),
        dg.define_asset_job("crowded", [*crowd, sleeps], executor_def=flyte_executor),
        dg.define_asset_job("in_one_step", [together], executor_def=dg.in_process_executor),
    ],
    resources={
        "flyte": FlyteResource(
            endpoint=dg.EnvVar("TEST_FLYTE_ENDPOINT"), insecure=True, project="flytesnacks", domain="development"
        ),
    },
)
